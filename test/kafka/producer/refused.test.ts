import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CodecName } from "../../../src/wire/codec.ts";
import { createTopic, readTopic } from "../../support/kafkajs-oracle.ts";
import { bothBrokers, type KafkaAddress } from "../../support/kafka.ts";
import { closeAll, producerAt, record, unique } from "../support.ts";

const options = { timeout: 60_000 };
const COUNT = 50;
const BAD: ReadonlySet<number> = new Set([0, 25, 26, 49]);
const HOURS = 3 * 3600_000;

/** What becomes of each of many sends, of which those in `BAD` are made bad. */
async function sendAll(kafka: KafkaAddress, topic: string, compression: CodecName | undefined, kind: Kind) {
  const { producer } = producerAt(kafka.url, { compression });
  await producer.send(record(topic, "first", "key"));
  const sent = Array.from({ length: COUNT }, (_, n) => {
    const good = record(topic, String(n), "key");
    return producer.send(BAD.has(n) ? kind.spoilt(good) : good).then(() => "written", (error: unknown) => error);
  });
  const outcomes = await Promise.all(sent);
  await producer.send(record(topic, "last", "key"));
  const stored = (await readTopic(kafka.brokers, topic)).map(({ value }) => String(value));
  return { outcomes, stored };
}

interface Kind {
  readonly what: string;
  readonly words: RegExp;
  readonly config: Record<string, string>;
  readonly spoilt: (good: ReturnType<typeof record>) => ReturnType<typeof record>;
}

const kinds: readonly Kind[] = [
  {
    what: "a timestamp that its topic does not take",
    words: /does not take this message: Timestamp .* (is|out) .*: INVALID_TIMESTAMP \(32\)\.$/,
    config: { "message.timestamp.after.max.ms": "3600000" },
    spoilt: (good) => ({ ...good, timestamp: Date.now() + HOURS }),
  },
  {
    what: "no key on a compacted topic",
    words: /does not take this message: Compacted topic cannot accept message without key.*: INVALID_RECORD \(87\)\.$/,
    config: { "cleanup.policy": "compact" },
    spoilt: (good) => ({ ...good, key: null }),
  },
];

for (const { name, start, stop } of bothBrokers()) {
  describe(`one bad message on ${name}`, options, () => {
    let kafka: KafkaAddress;
    before(async () => {
      kafka = await start();
    });
    after(async () => {
      closeAll();
      await stop();
    });
    for (const kind of kinds) {
      for (const compression of [undefined, "gzip"] as const) {
        test(`${kind.what}: it alone is refused, with words; its neighbours are written in order (${compression ?? "plain"})`, async () => {
          const topic = unique("bad");
          await createTopic(kafka.brokers, topic, { config: kind.config });
          const { outcomes, stored } = await sendAll(kafka, topic, compression, kind);
          const numbers = outcomes.map((_, n) => n);
          assert.deepEqual(stored, ["first", ...numbers.filter((n) => !BAD.has(n)).map(String), "last"]);
          for (const n of numbers) {
            const outcome = outcomes[n];
            if (!BAD.has(n)) assert.equal(outcome, "written", `message ${n}`);
            else {
              assert.ok(outcome instanceof Error && "code" in outcome, `message ${n}: ${String(outcome)}`);
              assert.equal(outcome.code, "MESSAGE_REFUSED");
              assert.match(outcome.message, kind.words);
              assert.ok(outcome.message.startsWith(`${topic}[0] `), outcome.message);
            }
          }
        });
      }
    }
  });
}
