import { shown } from "../stats.ts";
import { type Checkout, measuredBy, start } from "./run-program.ts";

/** A group as its leader sees it. */
export interface AssignorCase {
  readonly workers: number;
  /** In all. */
  readonly partitions: number;
  readonly topics: number;
  /** Whether each topic is known to half of the workers only. */
  readonly half: boolean;
}

const CASES: readonly AssignorCase[] = [
  { workers: 200, partitions: 5000, topics: 1, half: false },
  { workers: 200, partitions: 5000, topics: 5, half: true },
  { workers: 1000, partitions: 10_000, topics: 1, half: false },
  { workers: 1000, partitions: 10_000, topics: 5, half: true },
];
/** A plan that has not been made by then is given up. */
const LIMIT_MS = 60_000;

export const ASSIGNOR_HEAD = [
  "a plan, ms",
  "all start",
  "a tenth leaves",
  "a tenth comes back",
  "longest hold of the event loop, ms",
  "least and most partitions of one",
];

/** How long the group's leader takes to plan: the longest of the generations that it takes until nothing moves. */
export async function assignor(checkout: Checkout): Promise<string[][]> {
  const rows: string[][] = [];
  for (const given of CASES) {
    const { workers, partitions, topics, half } = given;
    const found = await measuredBy(
      start(checkout, "node", "scale-assignor", { CASE: JSON.stringify(given) }),
      LIMIT_MS,
    );
    const of = topics === 1 ? "of one topic" : `of ${topics} topics${half ? " that half of them know" : ""}`;
    const what = `${workers.toLocaleString("en")} workers, ${partitions.toLocaleString("en")} partitions ${of}`;
    const { form = NaN, leave = NaN, join = NaN, held = NaN, least = NaN, most = NaN } = found ?? {};
    const never = `not within ${LIMIT_MS / 1000} s`;
    rows.push(
      found === undefined
        ? [what, never, "", "", "", ""]
        : [what, shown(form), shown(leave), shown(join), shown(held), `${least}, ${most}`],
    );
  }
  return rows;
}
