/** Dead letters that Kafka itself refuses, and what becomes of them. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import type { Message } from "../../src/core/message.ts";
import { delay } from "../../src/core/delay.ts";
import { DeadLetters } from "../../src/worker/dead-letters/dead-letters.ts";
import { createTopic, deleteTopic, readTopic } from "../support/kafkajs-oracle.ts";
import { bothBrokers, type KafkaAddress } from "../support/kafka.ts";
import { bytes, closeAll, driverAt, keptLines, unique } from "./support.ts";

const options = { timeout: 60_000 };
/** A batch of one message without a key that is exactly as large as topics take by default, in bytes of its value. */
const EXACT_BYTES = 1_048_588 - 61 - 17;

/** Text that no codec makes much smaller. */
const LONG = Buffer.from(noise(1500)).toString("base64");

for (const { name, start, stop } of bothBrokers()) {
  describe(`a dead letter on ${name}`, options, () => {
    let kafka: KafkaAddress;
    before(async () => {
      kafka = await start();
    });
    after(async () => {
      closeAll();
      await stop();
    });

    /** A topic, and what its dead letters are written with. */
    const made = async (config: Record<string, string> = {}, topic = unique("jobs")) => {
      await createTopic(kafka.brokers, topic, { config });
      const { driver } = driverAt(kafka.url);
      const kept: string[] = [];
      const letters = new DeadLetters({
        driver,
        worker: "me",
        clock: systemClock,
        sleep: delay,
        logger: keptLines(),
        replicationFactor: -1,
        keep: (_, line) => Promise.resolve(`file ${kept.push(line)}`),
      });
      const add = (part: Partial<Message>) => {
        const message = { offset: 7, timestamp: Date.now(), key: null, value: bytes("x"), headers: [], ...part };
        return letters.add({ topic, partition: 0 }, message, new Error(LONG), 6);
      };
      const read = async (ending = ".dead") =>
        (await readTopic(kafka.brokers, topic + ending)).map(({ key, value, timestamp, headers = {} }) => ({
          key,
          size: value?.length,
          timestamp: Number(timestamp),
          headers,
        }));
      return { topic, add, read, kept };
    };

    test("a message as large as its source takes is there, whole", async () => {
      const { topic, add, read } = await made({ "max.message.bytes": "3000000" });
      assert.equal(await add({ value: noise(2_999_000) }), `${topic}.dead`);
      // Of any time, and without a key.
      assert.equal(await add({ timestamp: 0 }), `${topic}.dead`);
      assert.equal(await add({ timestamp: 4e12, value: null }), `${topic}.dead`);
      const found = await read();
      assert.deepEqual(found.map(({ size, timestamp }) => [size, size === 2_999_000 || timestamp]), [
        [2_999_000, true],
        [1, 0],
        [undefined, 4e12],
      ]);
      assert.equal(String(found[0]?.headers["mephisto-offset"]), "7");
    });

    test("one that only fits compressed is compressed, where the topic is there with smaller limits", async () => {
      const { topic, add, read } = await made();
      await createTopic(kafka.brokers, `${topic}.dead`);
      assert.equal(await add({ value: new Uint8Array(5_000_000) }), `${topic}.dead`);
      const [found] = await read();
      assert.deepEqual([found?.size, String(found?.headers["mephisto-offset"])], [5_000_000, "7"]);
    });

    test("one that leaves no room for our headers goes without them", async () => {
      const { topic, add, read } = await made();
      await createTopic(kafka.brokers, `${topic}.dead`);
      assert.equal(await add({ value: noise(EXACT_BYTES - 600) }), `${topic}.dead`);
      assert.equal(await add({ value: noise(EXACT_BYTES - 40) }), `${topic}.dead`);
      const found = await read();
      assert.deepEqual(found.map(({ size, headers }) => [size, String(headers["mephisto-error"] ?? "").length]), [
        [EXACT_BYTES - 600, 80],
        [EXACT_BYTES - 40, 0],
      ]);
    });

    test("a time that the topic does not take becomes now", async () => {
      const { topic, add, read } = await made();
      const config = { "message.timestamp.before.max.ms": "60000" };
      await createTopic(kafka.brokers, `${topic}.dead`, { config });
      const before = Date.now();
      assert.equal(await add({ timestamp: 86_400_000 }), `${topic}.dead`);
      const [found] = await read();
      assert.ok(found && found.timestamp >= before, String(found?.timestamp));
      assert.equal(String(found.headers["mephisto-timestamp"]), "86400000");
    });

    test("a topic that is deleted while we run is made again", async () => {
      const { topic, add, read } = await made();
      await add({});
      await deleteTopic(kafka.brokers, `${topic}.dead`);
      assert.equal(await add({ value: bytes("again") }), `${topic}.dead`);
      assert.deepEqual((await read()).map(({ size }) => size), [5]);
    });

    test("where the topic may not be made, or is of no use, another one takes it", async () => {
      const alike = unique("a");
      const { topic, add, read } = await made({}, `${alike}.jobs`);
      await createTopic(kafka.brokers, `${alike}_jobs_dead`); // a dot and a line are the same in the names of metrics
      assert.match(
        await add({}),
        new RegExp(`^${topic}-dead-letters, since ${topic}\\.dead does not take it: .*collide`),
      );
      assert.equal((await read("-dead-letters")).length, 1);

      const compacted = await made();
      const config = { "cleanup.policy": "compact" };
      await createTopic(kafka.brokers, `${compacted.topic}.dead`, { config });
      assert.match(await compacted.add({}), new RegExp(`^${compacted.topic}-dead-letters, since .*INVALID_RECORD`));
      assert.equal(await compacted.add({ key: bytes("k") }), `${compacted.topic}.dead`);
    });

    test("what no topic takes is kept whole elsewhere", async () => {
      const { topic, add, kept } = await made();
      const config = { "max.message.bytes": "2000" };
      for (const ending of [".dead", "-dead-letters"]) await createTopic(kafka.brokers, topic + ending, { config });
      assert.match(await add({ value: noise(3000) }), /^file 1, since .*max\.message\.bytes/);
      assert.equal(JSON.parse(kept[0] ?? "").value.length, 4000);
    });

    test("the longest name that a topic can have leaves room for that of its dead letters", async () => {
      const { topic, add } = await made({}, unique("_".padEnd(240, "x")));
      assert.equal(topic.length, 249);
      const place = await add({});
      assert.match(place, /^_x+.*\.dead$/);
      assert.equal((await readTopic(kafka.brokers, place)).length, 1);
    });
  });
}

/** Bytes that no codec makes smaller. */
function noise(size: number): Uint8Array {
  let seed = 1;
  return Uint8Array.from({ length: size }, () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 24);
}
