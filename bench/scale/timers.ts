import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { readTopic } from "../../test/support/kafkajs-oracle.ts";
import type { KafkaServer } from "../../test/support/kafka.ts";
import { startProxy } from "../../test/support/proxy.ts";
import { type Checkout, start } from "./run-program.ts";

const TIMERS = [1000, 10_000];
/** There and back. */
const LATENCY_MS = 4;
const EVERY_MS = 60_000;
const SLOTS = 3;

export const TIMERS_HEAD = [
  `timers "every 1m", ${LATENCY_MS} ms of latency, ${SLOTS} slots`,
  "ticks published of those due",
  "twice",
  "the last one after its slot, s",
  "mastership given up",
];

/** Whether a master with many timers stays master, and runs all of them, when each answer takes a few ms. */
export async function timers(kafka: KafkaServer, checkout: Checkout): Promise<string[][]> {
  const proxy = await startProxy({ targetPort: kafka.port, readdress: true });
  proxy.delay(LATENCY_MS / 2);
  const rows: string[][] = [];
  try {
    for (const count of TIMERS) rows.push(await measure(kafka, checkout, proxy.url, count));
  } finally {
    await proxy.stop();
  }
  return rows;
}

async function measure(kafka: KafkaServer, checkout: Checkout, url: string, count: number): Promise<string[]> {
  const APP = `scale-timers-${count}-${checkout.name}-${process.pid}`;
  const env = { MEPHISTO_URL: url, APP, TIMERS: String(count) };
  const worker = start(checkout, "node", "scale-timers", env, ["worker", "-p", "0"]);
  try {
    await worker.waitFor(/This worker is master/, 60_000);
    const first = Math.ceil(Date.now() / EVERY_MS) * EVERY_MS;
    // As long after the last slot as the next one would come: what has not been published by then is late.
    await sleep(first + SLOTS * EVERY_MS - 2000 - Date.now());
    const stored = await readTopic(kafka.brokers, `${APP}-out`);
    const ticks = stored.map(({ value, timestamp }) => {
      const text: string = JSON.parse(String(value));
      return { text, late: timestamp - Number(text.split(" ")[1]) };
    });
    const due = ticks.filter(({ text }) => Number(text.split(" ")[1]) >= first);
    const published = new Set(due.map(({ text }) => text));
    const left = worker.lines.filter(({ text }) => /This worker is no longer master/.test(text)).length;
    return [
      count.toLocaleString("en"),
      `${published.size.toLocaleString("en")} of ${(SLOTS * count).toLocaleString("en")}`,
      String(due.length - published.size),
      due.length === 0 ? "" : (due.reduce((most, { late }) => Math.max(most, late), 0) / 1000).toFixed(1),
      String(left),
    ];
  } finally {
    worker.kill("SIGKILL");
    await worker.exit;
  }
}
