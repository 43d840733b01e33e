import { resolve } from "node:path";
import type { KafkaServer } from "../../test/support/kafka.ts";
import type { Runtime } from "../../test/support/runtimes.ts";
import { table } from "../stats.ts";
import { assignor, ASSIGNOR_HEAD } from "./assignor.ts";
import { members, MEMBERS_HEAD } from "./members.ts";
import { partitions, PARTITIONS_HEAD } from "./partitions.ts";
import type { Checkout } from "./run-program.ts";
import { timers, TIMERS_HEAD } from "./timers.ts";

/** The parts of `npm run bench -- scale`, each of which runs alone as `scale NAME`. */
export const PARTS = ["members", "assignor", "partitions", "timers"] as const;

export interface ScaleOptions {
  /** Starts it when it is first asked for: the assignor needs none. */
  kafka(): Promise<KafkaServer>;
  readonly runtimes: readonly Runtime[];
  /** Of the parts; none: all. */
  readonly wanted: readonly string[];
  /** A folder with another, built checkout of the project, which is measured by turns with this one. */
  readonly against: string | undefined;
}

/** How far it goes: a table for each part, as docs/benchmarks.md has it. */
export async function scale({ kafka, runtimes, wanted, against }: ScaleOptions): Promise<void> {
  const checkouts: Checkout[] = [
    ...(against === undefined ? [] : [{ name: "before", folder: resolve(against) }]),
    { name: "now", folder: undefined },
  ];
  const measures: Record<(typeof PARTS)[number], [string[], (checkout: Checkout) => Promise<string[][]>]> = {
    members: [MEMBERS_HEAD, async (checkout) => await members(await kafka(), checkout)],
    assignor: [ASSIGNOR_HEAD, (checkout) => assignor(checkout)],
    partitions: [PARTITIONS_HEAD, async (checkout) => await partitions(await kafka(), checkout, runtimes)],
    timers: [TIMERS_HEAD, async (checkout) => await timers(await kafka(), checkout)],
  };
  for (const part of PARTS) {
    if (wanted.length > 0 && !wanted.includes(part)) continue;
    const [head, measure] = measures[part];
    const measured: string[][][] = [];
    for (const checkout of checkouts) {
      const rows = await measure(checkout);
      measured.push(checkouts.length === 1 ? rows : rows.map((row) => [...row, checkout.name]));
    }
    const [first = []] = measured;
    const rows = first.flatMap((_, index) => measured.flatMap((each) => each.slice(index, index + 1)));
    console.log(`\n${table(checkouts.length === 1 ? head : [...head, "code"], rows)}`);
  }
}
