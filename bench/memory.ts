import { actor, app } from "mephisto";
import { createTopic } from "../test/support/kafkajs-oracle.ts";
import type { KafkaServer } from "../test/support/kafka.ts";
import type { Runtime } from "../test/support/runtimes.ts";
import { program } from "./peers.ts";
import { median, shown, table } from "./stats.ts";

const PARTITIONS = 50;
const MESSAGES = 800_000;
const AT_ONCE = 20_000;

/** The most memory that a worker takes whose topic is 19 times as large as it is on its way: `npm run bench -- memory`. */
export async function memory({ url, brokers }: KafkaServer, runtimes: readonly Runtime[], rounds: number) {
  const topic = "packed";
  await createTopic(brokers, topic, { partitions: PARTITIONS });
  const bytes = await fill(url, topic);
  const rows: string[][] = [];
  for (const runtime of runtimes) {
    const rates: number[] = [], peaks: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const { rate = NaN, peak = NaN } = await program(runtime, "memory-mephisto", {
        ...{ url, brokers, topic, messages: MESSAGES, size: bytes / MESSAGES },
      });
      rates.push(rate);
      peaks.push(peak);
    }
    rows.push([runtime, `${shown(median(peaks))} MB`, `${shown(Math.max(...peaks))} MB`, shown(median(rates))]);
  }
  const total = `${Math.round(bytes / 1e6)} MB of messages, zstd, ${PARTITIONS} partitions`;
  console.log(`\n${table([`most memory of a worker: ${total}`, "median", "most", "messages/s"], rows)}`);
}

/** Messages that compress well, as JSON of one kind does; gives their bytes. */
async function fill(url: string, topic: string): Promise<number> {
  const writer = app("bench-memory", { url, compression: "zstd", valueSerializer: "text" });
  const { send } = actor(writer, { topic }, async function packed(messages) {
    for await (const _ of messages);
  });
  let bytes = 0;
  for (let sent = 0; sent < MESSAGES; sent += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => {
      const value = valueOf(sent + n);
      bytes += value.length;
      return send({ value });
    }));
  }
  await writer.stop();
  return bytes;
}

function valueOf(id: number): string {
  const fields = Array.from({ length: 40 }, (_, field) => `field${field}:${(id * 7 + field * 13) % 97}`).join(" ");
  return JSON.stringify({ id, fields, again: fields });
}
