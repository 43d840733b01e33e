import process from "node:process";

/** What the benchmark's command says to a program: `BENCH` holds it as JSON. */
export const given: {
  url: string;
  brokers: string[];
  topic: string;
  messages: number;
  size: number;
  group: string;
} = JSON.parse(
  process.env.BENCH ?? "{}",
);

/** Tells the benchmark's command what was measured, as one line. */
export function measured(result: Record<string, number>): void {
  console.log(`MEASURED ${JSON.stringify(result)}`);
}

/** A rate per second over the time since `from`, in ms of `performance.now()`. */
export function rate(count: number, from: number): number {
  return Math.round(count / ((performance.now() - from) / 1000));
}
