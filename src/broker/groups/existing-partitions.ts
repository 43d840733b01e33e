import { Code } from "../../wire/error-codes.ts";
import type { Topics } from "../topics/topics.ts";

interface Asked<P> {
  readonly name: string;
  readonly partitions: readonly P[];
}

interface Known<P> {
  readonly topic: string;
  readonly asked: P;
}

/**
 * Answers a request about partitions: those that do not exist are refused one by one, and the coordinator decides about
 * the others, all at once. It is not asked when there are none.
 */
export function answerExisting<P extends { readonly partitionIndex: number }>(
  topics: Topics,
  asked: readonly Asked<P>[],
  decide: (known: readonly Known<P>[]) => readonly Code[],
): { name: string; partitions: { partitionIndex: number; errorCode: number }[] }[] {
  const exists = (topic: string, { partitionIndex }: P) => topics.partition(topic, partitionIndex) !== undefined;
  const known = asked.flatMap(({ name, partitions }) =>
    partitions.filter((one) => exists(name, one)).map((one) => ({ topic: name, asked: one }))
  );
  const codes = known.length === 0 ? [] : decide(known);
  const decided = new Map(known.map(({ asked }, i) => [asked, codes[i]]));
  return asked.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((one) => ({
      partitionIndex: one.partitionIndex,
      errorCode: decided.get(one) ?? Code.UNKNOWN_TOPIC_OR_PARTITION,
    })),
  }));
}
