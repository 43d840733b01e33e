import process from "node:process";
import { actor, app } from "mephisto";
import { createTopic } from "../../test/support/kafkajs-oracle.ts";
import type { KafkaServer } from "../../test/support/kafka.ts";
import type { Program } from "../../test/support/process.ts";
import type { Runtime } from "../../test/support/runtimes.ts";
import { newGroup } from "../peers.ts";
import { shown } from "../stats.ts";
import { type Checkout, measuredBy, start } from "./run-program.ts";

const PARTITIONS = [8, 500, 1000, 5000];
/** Messages that lie there for the full rate, of 100 bytes each. */
const MESSAGES = 500_000;
const AT_ONCE = 20_000;
/** Messages a second, as a load that is nothing. */
const FEW = 100;
const WATCHED_MS = 15_000;
const LIMIT_MS = 90_000;

export const PARTITIONS_HEAD = [
  "one worker, messages of 100 bytes",
  "runtime",
  "CPU of one core at 100 messages/s",
  "of which handled/s",
  "full rate, messages/s",
  "start, s",
];

/** What partitions cost a worker that has all of them. */
export async function partitions(
  kafka: KafkaServer,
  checkout: Checkout,
  runtimes: readonly Runtime[],
): Promise<string[][]> {
  const rows: string[][] = [];
  for (const count of PARTITIONS) {
    const topic = `scale-partitions-${count}-${checkout.name}`;
    await createTopic(kafka.brokers, topic, { partitions: count });
    const env = { URL: kafka.url, TOPIC: topic, MESSAGES: String(MESSAGES), WATCHED: String(WATCHED_MS) };
    const sender = senderOf(kafka, topic);
    const run = (runtime: Runtime, mode: string) =>
      start(checkout, runtime, "scale-partitions", { ...env, MODE: mode, APP: `${topic}-${mode}-${newGroup()}` });
    // The few come first: a new group begins at the beginning, where nothing lies yet that it would have to catch up with.
    const few = new Map<Runtime, Record<string, number> | undefined>();
    for (const runtime of runtimes) few.set(runtime, await atFew(sender.send, run(runtime, "few")));
    await fill(sender.send);
    for (const runtime of runtimes) {
      const { rate = NaN, cpu = NaN, started = NaN } = few.get(runtime) ?? {};
      const full = await measuredBy(run(runtime, "full"), LIMIT_MS);
      const fullRate = full
        ? shown(full.rate ?? NaN)
        : `not ${MESSAGES.toLocaleString("en")} within ${LIMIT_MS / 1000} s`;
      const what = `${count.toLocaleString("en")} partitions`;
      rows.push([what, runtime, `${cpu.toFixed(1)} %`, shown(rate), fullRate, shown(started)]);
    }
    await sender.stop();
  }
  return rows;
}

type Send = (value: Uint8Array) => Promise<void>;

/** What a worker takes under a steady few messages. */
async function atFew(send: Send, program: Program): Promise<Record<string, number> | undefined> {
  const value = new Uint8Array(100);
  const began = performance.now();
  let sent = 0;
  const sends = setInterval(() => {
    const due = ((performance.now() - began) / 1000) * FEW;
    for (; sent < due; sent++) void send(value).catch(() => {});
  }, 10);
  try {
    return await measuredBy(program, LIMIT_MS);
  } finally {
    clearInterval(sends);
  }
}

async function fill(send: Send): Promise<void> {
  const value = new Uint8Array(100);
  for (let sent = 0; sent < MESSAGES; sent += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => send(value)));
  }
}

function senderOf({ url }: KafkaServer, topic: string): { send: Send; stop(): Promise<void> } {
  const writer = app(`writer-of-${topic}-${process.pid}`, { url, valueSerializer: "raw" });
  const { send } = actor(writer, { topic }, async function packed(messages) {
    for await (const _ of messages);
  });
  return { send: (value) => send({ value }), stop: () => writer.stop() };
}
