import process from "node:process";
import type { KafkaServer } from "../test/support/kafka.ts";
import { run } from "../test/support/process.ts";
import type { Runtime } from "../test/support/runtimes.ts";
import { shown, table } from "./stats.ts";

interface Load {
  readonly what: string;
  readonly timers: number;
  /** In seconds. */
  readonly every: number;
  /** Messages a run. */
  readonly sends: number;
  /** How long it is measured, in ms. */
  readonly watched: number;
}

const LOADS: readonly Load[] = [
  { what: "1,000 timers of 0.2 s, a send each", timers: 1000, every: 0.2, sends: 1, watched: 15_000 },
  { what: "5,000 timers of 1 s, a send each", timers: 5000, every: 1, sends: 1, watched: 15_000 },
  { what: "5,000 timers of 1 s, nothing sent", timers: 5000, every: 1, sends: 0, watched: 15_000 },
  { what: "10,000 timers of 1 min, a send each", timers: 10_000, every: 60, sends: 1, watched: 60_000 },
];

/** What many timers cost one master: `npm run bench -- timers`. */
export async function timers({ url }: KafkaServer, runtimes: readonly Runtime[]): Promise<void> {
  const rows: string[][] = [];
  for (const runtime of runtimes) {
    for (const [index, load] of LOADS.entries()) rows.push([runtime, ...await measure(runtime, url, load, index)]);
  }
  const head = [
    ...["timers on one master", "", "runs/s", "wanted", "start to master, s", "CPU of one core", "memory"],
    ...["start after the slot, median ms", "p99", "longest hold of the event loop, ms"],
  ];
  console.log(`\n${table(head, rows)}`);
}

async function measure(runtime: Runtime, url: string, load: Load, index: number): Promise<string[]> {
  const { what, timers, every, sends, watched } = load;
  const began = performance.now();
  const worker = run(runtime, "bench/programs/timers-worker.ts", ["worker", "-p", "0"], {
    env: {
      MEPHISTO_URL: url,
      APP: `bench-${process.pid}-${runtime}-timers-${index}`,
      TIMERS: String(timers),
      EVERY: String(every),
      SENDS: String(sends),
      WATCHED: String(watched),
    },
  });
  await worker.waitFor(/This worker is master/, 60_000);
  const start = (performance.now() - began) / 1000;
  const { text } = await worker.waitFor(/^MEASURED /, watched + every * 1000 + 60_000);
  await worker.exit;
  const { rate, cpu, memory, late, late99, held } = JSON.parse(text.slice("MEASURED ".length));
  return [
    ...[what, shown(rate), shown(timers / every), shown(start), `${Math.round(cpu)} %`, `${Math.round(memory)} MB`],
    ...[shown(late), shown(late99), shown(held)],
  ];
}
