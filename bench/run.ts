/**
 * `npm run bench [-- --rounds 5] [--runtime bun,deno,node] [name…]`: measures Mephisto and its peers in turn on one real
 * Kafka of its own, and prints medians of the ratios of neighbours. Names: consume, produce, latency, start, idle,
 * mastership (elections: how soon there is another master, and ticks: what one costs), timers (what many cost one master),
 * memory (the most that a worker takes for a compressed topic), broker (the dev broker beside real Kafka), and two only
 * when asked for: soak (the memory of the dev broker over 10 million messages, without a Kafka) and scale (how far it
 * goes: members, assignor, partitions, timers, each also alone as `scale members`; on Node if no runtime is named;
 * `--against FOLDER` measures another, built checkout beside it).
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { createTopic } from "../test/support/kafkajs-oracle.ts";
import { startKafka } from "../test/support/kafka.ts";
import { kafkaVersion } from "../test/support/kafka-install.ts";
import { runtimes as all } from "../test/support/runtimes.ts";
import { run } from "../test/support/process.ts";
import { broker } from "./broker.ts";
import { idle } from "./idle.ts";
import { elections, ticks } from "./mastership.ts";
import { memory } from "./memory.ts";
import { type Given, javaConsume, javaProduce, program } from "./peers.ts";
import { scale } from "./scale/scale.ts";
import { soak } from "./soak.ts";
import { median, ratios, shown, table } from "./stats.ts";
import { timers } from "./timers.ts";

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, runtime: { type: "string" }, against: { type: "string" } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const chosen = values.runtime?.split(",");
const runtimes = all.filter((runtime) => chosen?.includes(runtime) ?? true);
const wanted = (name: string) => positionals.length === 0 || positionals.includes(name);

console.log(
  `${new Date().toISOString().slice(0, 10)}, Apache Kafka ${kafkaVersion}, ${await versions()}, ${rounds} rounds`,
);
if (positionals.includes("soak")) await soak(runtimes);
if (positionals.length > 0 && positionals.every((name) => name === "soak")) process.exit(0);

if (positionals[0] === "scale") {
  await scaleAlone(positionals.slice(1));
  process.exit(0);
}

const MESSAGES = 2_000_000;
const kafka = await startKafka({ forSpeed: true, settings: { "log.retention.ms": -1 } });
const at = (topic: string, messages: number): Given => ({
  url: kafka.url,
  brokers: kafka.brokers,
  topic,
  messages,
  size: 100,
});

try {
  for (const topic of ["read", "write", "one"]) await createTopic(kafka.brokers, topic, { partitions: 8 });
  if (wanted("consume")) await consume();
  if (wanted("produce")) await produce();
  if (wanted("latency")) await latency();
  if (wanted("start")) await start();
  if (wanted("idle")) await idleWorkers();
  if (wanted("broker")) await broker(kafka, runtimes, rounds);
  if (wanted("mastership") || wanted("elections")) await elections(kafka);
  if (wanted("mastership") || wanted("ticks")) await ticks(kafka, runtimes, rounds);
  if (wanted("timers")) await timers(kafka, runtimes);
  if (wanted("memory")) await memory(kafka, runtimes, rounds);
} finally {
  await kafka.stop();
}

async function scaleAlone(wanted: readonly string[]): Promise<void> {
  let started: ReturnType<typeof startKafka> | undefined;
  const kafka = () => started ??= startKafka({ forSpeed: true });
  try {
    await scale({ kafka, runtimes: chosen ? runtimes : ["node"], wanted, against: values.against });
  } finally {
    await (await started)?.stop();
  }
}

async function consume(): Promise<void> {
  const given = at("read", MESSAGES);
  await javaProduce({ ...given, messages: Math.round(MESSAGES * 1.05) });
  await compare("consume, messages/s", given, "consume", javaConsume, "Java ConsumerPerformance", "kafkajs eachBatch");
}

async function produce(): Promise<void> {
  await compare(
    "produce, messages/s",
    at("write", MESSAGES / 2),
    "produce",
    javaProduce,
    "Java ProducerPerformance",
    "kafkajs, 1,000 a request",
  );
}

/** Our program, kafkajs's and Java's one after the other, so often, on each runtime. */
async function compare(
  what: string,
  given: Given,
  name: string,
  javaRate: (given: Given) => Promise<number>,
  java: string,
  kafkajs: string,
): Promise<void> {
  const rows: string[][] = [];
  for (const runtime of runtimes) {
    const ours: number[] = [], theirs: number[] = [], javas: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push((await program(runtime, `${name}-mephisto`, given)).rate ?? NaN);
      theirs.push((await program(runtime, `${name}-kafkajs`, given)).rate ?? NaN);
      javas.push(await javaRate(given));
    }
    rows.push([
      runtime,
      shown(median(ours)),
      shown(median(theirs)),
      shown(median(javas)),
      `${shown(median(ratios(ours, theirs)))}×`,
      `${shown(median(ratios(ours, javas)))}×`,
    ]);
  }
  console.log(`\n${table([what, "mephisto", kafkajs, java, "against kafkajs", "against Java"], rows)}`);
}

async function latency(): Promise<void> {
  const rows: string[][] = [];
  for (const runtime of runtimes) {
    const ours: number[] = [], theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push((await program(runtime, "latency-mephisto", at("one", 2000))).p50 ?? NaN);
      theirs.push((await program(runtime, "latency-kafkajs", at("one", 2000))).p50 ?? NaN);
    }
    rows.push([runtime, shown(median(ours)), shown(median(theirs)), `${shown(median(ratios(ours, theirs)))}×`]);
  }
  console.log(`\n${table(["one send awaited, median ms", "mephisto", "kafkajs", "against kafkajs"], rows)}`);
}

async function start(): Promise<void> {
  const rows: string[][] = [];
  for (const runtime of runtimes) {
    const took: number[] = [];
    for (let round = 0; round < rounds; round++) {
      took.push((await program(runtime, "start-mephisto", at("one", 0))).ms ?? NaN);
    }
    rows.push([runtime, shown(median(took)), shown(Math.max(...took))]);
  }
  console.log(`\n${table(["start to partitions assigned, ms", "median", "most"], rows)}`);
}

async function idleWorkers(): Promise<void> {
  const rows: string[][] = [];
  for (const runtime of runtimes) {
    const { cpu, memory } = await idle(runtime, kafka.url);
    rows.push([runtime, `${cpu.toFixed(2)} %`, `${Math.round(memory)} MB`]);
  }
  console.log(`\n${table(["an idle worker", "CPU of one core", "memory"], rows)}`);
}

async function versions(): Promise<string> {
  const found = await Promise.all(all.map(async (runtime) => {
    const worker = run(runtime, "bench/programs/idle-mephisto.ts", ["--version"]);
    await worker.exit;
    return /\((.*)\)/.exec(worker.stdout.join(" "))?.[1] ?? runtime;
  }));
  return found.join(", ");
}
