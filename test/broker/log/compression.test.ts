/** A topic's `compression.type`: what a producer has sent is stored as the topic wants it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Broker } from "../../../src/broker/broker.ts";
import { NO_UUID } from "../../../src/wire/protocol/fields.ts";
import { produce } from "../../../src/broker/requests/00-produce.ts";
import { fetch } from "../../../src/broker/requests/01-fetch.ts";
import { createTopics } from "../../../src/broker/requests/19-create-topics.ts";
import { listOffsets } from "../../../src/broker/requests/02-list-offsets.ts";
import { codecs } from "../../../src/compression/compression.ts";
import { BatchBuilder } from "../../../src/wire/batch-builder.ts";
import { CODEC_NAMES, type CodecName } from "../../../src/wire/codec.ts";
import { readBatchHeader } from "../../../src/wire/record-batch.ts";
import { decodeRecords } from "../../../src/wire/records.ts";
import { run, type Station } from "../../support/differential.ts";
import { kafkaForTests, kafkaSkip } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";

const TIME = 1_700_000_000_000;
const prefix = `compression-${Math.random().toString(36).slice(2, 8)}`;
const utf8 = new TextEncoder();
const text = new TextDecoder();

function batch(name: CodecName | undefined, size = 500): Uint8Array {
  const builder = new BatchBuilder();
  for (let i = 0; i < 3; i++) {
    builder.append(utf8.encode(`k${i}`), utf8.encode("x".repeat(size)), [["h", utf8.encode("1")]], TIME + i);
  }
  return builder.build(name === undefined ? {} : { codec: { name, codec: codecs[name] } });
}

async function create(at: Station, name: string, config: Record<string, string>): Promise<void> {
  const configs = Object.entries(config).map(([name, value]) => ({ name, value }));
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
  await at.ask(createTopics, 5, { topics, timeoutMs: 10_000, validateOnly: false });
  // Kafka tells of a leader before it leads.
  await until(async () => {
    const partitions = [{ partitionIndex: 0, timestamp: -1 }];
    const asked = { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions }], timeoutMs: 1000 };
    return (await at.ask(listOffsets, 7, asked)).topics[0]?.partitions[0]?.errorCode === 0;
  });
}

async function send(at: Station, name: string, records: Uint8Array): Promise<{ errorCode: number }> {
  const topicData = [{ name, topicId: NO_UUID, partitionData: [{ index: 0, records: [records] }] }];
  const answer = await at.ask(produce, 8, { transactionalId: null, acks: -1, timeoutMs: 5000, topicData });
  const { errorCode, baseOffset } = answer.responses[0]?.partitionResponses[0] ?? { errorCode: -1 };
  at.told.push([`${name}: produce`, { errorCode, baseOffset }]);
  return { errorCode };
}

async function read(at: Station, topic: string, version: number): Promise<void> {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1e6, currentLeaderEpoch: -1 }];
  const answer = await at.ask(fetch, version, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1e6,
    topics: [{ topic, topicId: NO_UUID, partitions }],
    forgottenTopicsData: [],
  });
  const { errorCode, records } = answer.responses[0]?.partitions[0] ?? { errorCode: -1, records: null };
  at.told.push([`${topic}: fetch in version ${version}`, errorCode]);
  if (records === null || records === undefined) return;
  const bytes = records;
  for (let from = 0; from < bytes.length;) {
    // How well a codec compresses is its own affair.
    const { size, crc: _, ...header } = readBatchHeader(bytes.subarray(from));
    at.told.push([`${topic}: batch`, header]);
    from += size;
  }
  const found = decodeRecords(bytes, { from: 0, codecs }).records.map(({ offset, key, value, timestamp, headers }) =>
    `${offset} ${text.decode(key ?? undefined)} ${value?.length} ${timestamp} ${headers.length}`
  );
  at.told.push([`${topic}: records`, found]);
}

async function script(at: Station): Promise<void> {
  for (const type of [...CODEC_NAMES, "uncompressed", "producer"]) {
    const topic = `${prefix}-${type}`;
    await create(at, topic, { "compression.type": type });
    for (const sent of [undefined, ...CODEC_NAMES]) await send(at, topic, batch(sent));
    for (const version of [9, 11]) await read(at, topic, version);
  }
  const tight = `${prefix}-tight`;
  await create(at, tight, { "compression.type": "uncompressed", "max.message.bytes": "1000" });
  await send(at, tight, batch("gzip"));
  const broken = batch("gzip", 501);
  await send(at, `${prefix}-zstd`, broken.subarray(0, broken.length - 1));
  const timed = `${prefix}-timed`;
  await create(at, timed, { "compression.type": "lz4", "message.timestamp.before.max.ms": "1000" });
  await send(at, timed, batch("gzip"));
}

test("batches are stored as compression.type says, as on real Kafka", { skip: kafkaSkip }, async () => {
  const { brokers: [address = ""] } = await kafkaForTests();
  const broker = new Broker({ port: 0, codecs });
  const { port } = await broker.start();
  try {
    assert.deepEqual(await run(port, script), await run(Number(address.split(":")[1]), script));
  } finally {
    await broker.stop();
  }
});

test("a codec that is not at hand is an error of its own, and batches that have it already are stored", async () => {
  const broker = new Broker({ port: 0 });
  const { port } = await broker.start();
  try {
    await run(port, async (at) => {
      const topic = `${prefix}-none`;
      await create(at, topic, { "compression.type": "gzip" });
      assert.deepEqual(await send(at, topic, batch(undefined)), { errorCode: 76 });
      assert.deepEqual(await send(at, topic, batch("gzip")), { errorCode: 0 });
    });
  } finally {
    await broker.stop();
  }
});
