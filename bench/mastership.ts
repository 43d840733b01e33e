import process from "node:process";
import { createTopic } from "../test/support/kafkajs-oracle.ts";
import type { KafkaServer } from "../test/support/kafka.ts";
import { type Program, run } from "../test/support/process.ts";
import { type Runtime, runtimes as all } from "../test/support/runtimes.ts";
import { until } from "../test/support/until.ts";
import { program } from "./peers.ts";
import { median, ratios, shown, table } from "./stats.ts";

/** So many elections of each kind. */
const ELECTIONS = 20;
const TICKS = 200;
/** How long a timer is watched. */
const WATCHED_MS = 61_000;

/** How soon there is another master: `npm run bench -- mastership`, or `elections` alone. */
export async function elections(kafka: KafkaServer): Promise<void> {
  const rows = [
    await handovers(kafka, "kill -9 of the master to the next one's tick, ms", "SIGKILL"),
    await handovers(kafka, "SIGTERM to the same, ms", "SIGTERM"),
    await handovers(kafka, "kill -9 without proof of death (session 6 s), ms", "SIGKILL", {
      MEPHISTO_PRESENCE_BIND: "off",
    }),
  ];
  console.log(`\n${table([`${ELECTIONS} elections each, node, bun and deno mixed`, "min", "median", "max"], rows)}`);
}

/** What a tick costs and how late it begins: `npm run bench -- mastership`, or `ticks` alone. */
export async function ticks(kafka: KafkaServer, runtimes: readonly Runtime[], rounds: number): Promise<void> {
  await costs(kafka, runtimes, rounds);
  await punctuality(kafka, runtimes);
}

/** Ends the master so often, starts another worker in its place, and times the next master's first tick. */
async function handovers(
  { url }: KafkaServer,
  what: string,
  signal: NodeJS.Signals,
  env: Record<string, string> = {},
): Promise<string[]> {
  const app = `bench-${process.pid}-${what.replaceAll(/\W/g, "").slice(0, 40)}`;
  const crew: Worker[] = [];
  const start = (runtime: Runtime) => {
    const worker = startWorker(runtime, { MEPHISTO_URL: url, APP: app, MODE: "quick", ...env });
    crew.push(worker);
    return worker;
  };
  for (const runtime of all) await start(runtime).program.waitFor(/Assigned|Joined/, 30_000);
  const took: number[] = [];
  let master = await until(() => crew.find((worker) => worker.ticks().length > 0), { within: 30_000 });
  for (let election = 0; election < ELECTIONS; election++) {
    await until(async () => (await Promise.all(crew.map((worker) => worker.isReady(crew.length)))).every(Boolean), {
      within: 30_000,
      every: 50,
    });
    crew.splice(crew.indexOf(master), 1);
    const before = new Map(crew.map((worker) => [worker, worker.ticks().length]));
    const at = performance.timeOrigin + performance.now();
    master.program.kill(signal);
    const next = await until(() => crew.find((worker) => worker.ticks().length > (before.get(worker) ?? 0)), {
      within: 30_000,
      every: 2,
    });
    took.push((next.ticks()[before.get(next) ?? 0]?.at ?? NaN) - at);
    await master.program.exit;
    start(master.runtime);
    master = next;
  }
  for (const worker of crew) {
    worker.program.kill();
    await worker.program.exit;
  }
  return [what, shown(Math.min(...took)), shown(median(took)), shown(Math.max(...took))];
}

async function costs(kafka: KafkaServer, runtimes: readonly Runtime[], rounds: number): Promise<void> {
  for (const topic of ["tick", "tick-journal"]) await createTopic(kafka.brokers, topic);
  const rows: string[][] = [];
  for (const runtime of runtimes) {
    const ours: number[] = [], theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const given = { url: kafka.url, brokers: kafka.brokers, topic: "tick", messages: TICKS, size: 100 };
      ours.push((await program(runtime, "tick-mephisto", given)).p50 ?? NaN);
      theirs.push((await program(runtime, "tick-kafkajs", given)).p50 ?? NaN);
    }
    rows.push([runtime, shown(median(ours)), shown(median(theirs)), `${shown(median(ratios(ours, theirs)))}×`]);
  }
  console.log(
    `\n${
      table(
        ["a tick with one send, 50 ms apart, median ms", "mephisto", "kafkajs transaction", "against kafkajs"],
        rows,
      )
    }`,
  );
}

/** The mean period of a timer of 1 s whose function takes 0.5 s, and how long after its slot a function begins. */
async function punctuality({ url }: KafkaServer, runtimes: readonly Runtime[]): Promise<void> {
  const rows: string[][] = [];
  for (const runtime of runtimes) {
    const [half, idle] = await Promise.all(["half", "idle"].map(async (mode) => {
      const worker = startWorker(runtime, {
        MEPHISTO_URL: url,
        APP: `bench-${process.pid}-${runtime}-${mode}`,
        MODE: mode,
      });
      await until(() => worker.ticks().length > 2, { within: 30_000 });
      const from = worker.ticks().length;
      await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
      worker.program.kill();
      await worker.program.exit;
      return worker.ticks().slice(from);
    }));
    const starts = half?.slice(0, 61).map(({ at }) => at) ?? [];
    const period = ((starts.at(-1) ?? NaN) - (starts[0] ?? NaN)) / (starts.length - 1) / 1000;
    const late = idle?.map(({ at, slot }) => at - slot).sort((a, b) => a - b) ?? [];
    const p99 = late[Math.floor(late.length * 0.99)] ?? NaN;
    rows.push([runtime, period.toFixed(4), shown(median(late)), shown(p99)]);
  }
  const head = [
    `timers, over ${WATCHED_MS / 1000} s`,
    "period of 1 s, function of 0.5 s",
    "start after the slot, median ms",
    "p99",
  ];
  console.log(`\n${table(head, rows)}`);
}

type Worker = {
  program: Program;
  runtime: Runtime;
  ticks(): { slot: number; at: number }[];
  isReady(members: number): Promise<boolean>;
};

function startWorker(runtime: Runtime, env: Record<string, string>): Worker {
  const program = run(runtime, "bench/programs/mastership-worker.ts", ["worker", "-p", "0"], { env });
  return {
    program,
    runtime,
    ticks: () =>
      program.stdout.filter((line) => line.startsWith("tick ")).map((line) => {
        const [, slot, , at] = line.split(" ").map(Number);
        return { slot: slot ?? NaN, at: at ?? NaN };
      }),
    async isReady(members) {
      const { text } = await program.waitFor(/Web port at http/, 30_000);
      const answer = await fetch(/http:[\w.:\/]+/.exec(text)?.[0] ?? "");
      const { ready, group } = await answer.json() as { ready: boolean; group: { members: number } };
      return ready && group.members === members;
    },
  };
}
