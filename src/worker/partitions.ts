import { groupBy } from "../core/group-by.ts";
import type { TopicPartition } from "../driver/driver.ts";

/** Partitions for people: `orders[0-2,5], mails[1]`. */
export function describePartitions(partitions: readonly TopicPartition[]): string {
  return [...groupBy(partitions, ({ topic }) => topic)]
    .map(([topic, group]) => `${topic}[${ranges(group.map(({ partition }) => partition))}]`)
    .join(", ");
}

function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(",");
}
