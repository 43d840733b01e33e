import { type Program, run } from "./process.ts";
import type { Runtime } from "./runtimes.ts";

/** A topic is created again with so many partitions, so long after it was deleted. */
export interface Try {
  readonly partitions: number;
  readonly gapMs: number;
}

/** What came of a try; see test/process/fixtures/recreated.ts. */
export type Outcome =
  & Record<"lost" | "twice" | "unhandled" | "disordered" | "scattered" | "used" | "stored", number>
  & Try
  & {
    readonly created: boolean;
    readonly settled: boolean;
    readonly failed: Record<string, number>;
  };

/** Runs a worker under load whose topic, of `first` partitions, is deleted and created again, try after try. */
export async function recreate(
  runtime: Runtime,
  { url, brokers }: { url: string; brokers: string[] },
  first: number,
  tries: readonly Try[],
): Promise<{ outcomes: Outcome[]; program: Program }> {
  const program = run(runtime, "test/process/fixtures/recreated.ts", [JSON.stringify({ url, brokers, first, tries })]);
  await program.waitFor(/^\{"stoppedMs"/, 60_000 * tries.length);
  await program.exit;
  const lines = program.output().split("\n").map((line) => line.slice(line.indexOf("{")));
  const outcomes = lines.filter((line) => line.startsWith('{"partitions"')).map((line): Outcome => JSON.parse(line));
  return { outcomes, program };
}

/** What is wrong with an outcome: nothing may be lost, hang, or be out of order. */
export function faultsOf(outcome: Outcome): string[] {
  const { created, settled, failed, used, partitions } = outcome;
  const counts = (["lost", "twice", "unhandled", "disordered", "scattered"] as const).filter((name) =>
    outcome[name] > 0
  );
  return [
    ...counts.map((name) => `${name}: ${outcome[name]}`),
    ...Object.entries(failed).map(([code, count]) => `${count} sends failed: ${code}`),
    ...settled ? [] : ["sends hang"],
    ...created && used !== partitions ? [`only ${used} of ${partitions} partitions are used`] : [],
  ];
}
