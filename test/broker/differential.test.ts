import { codecs } from "../../src/compression/compression.ts";
import { CODEC_NAMES, type CodecName } from "../../src/wire/codec.ts";
import { BatchBuilder } from "../../src/wire/batch-builder.ts";
import { crc32c } from "../../src/wire/crc32c.ts";
import { ATTRIBUTES, CRC } from "../../src/wire/record-batch.ts";
import { NO_UUID, type Read, type Struct, type Write } from "../../src/wire/protocol/fields.ts";
import type { Api } from "../../src/broker/requests/api.ts";
import { produce } from "../../src/broker/requests/00-produce.ts";
import { fetch } from "../../src/broker/requests/01-fetch.ts";
import { listOffsets } from "../../src/broker/requests/02-list-offsets.ts";
import { metadata } from "../../src/broker/requests/03-metadata.ts";
import { apiVersions } from "../../src/broker/requests/18-api-versions.ts";
import { createTopics } from "../../src/broker/requests/19-create-topics.ts";
import { deleteTopics } from "../../src/broker/requests/20-delete-topics.ts";
import { deleteRecords } from "../../src/broker/requests/21-delete-records.ts";
import { offsetForLeaderEpoch } from "../../src/broker/requests/23-offset-for-leader-epoch.ts";
import { describeConfigs } from "../../src/broker/requests/32-describe-configs.ts";
import { alterConfigs } from "../../src/broker/requests/33-alter-configs.ts";
import { createPartitions } from "../../src/broker/requests/37-create-partitions.ts";
import { incrementalAlterConfigs } from "../../src/broker/requests/44-incremental-alter-configs.ts";
import { differential } from "../support/differential.ts";
import { until } from "../support/until.ts";

/** Sends one request, notes what it is answered under a name, if it has one, and gives it. */
type Ask = <Q extends Struct, A extends Struct>(
  name: string,
  api: Api<Q, A>,
  version: number,
  request: Write<Q>,
) => Promise<Read<A>>;

const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
const TIME = Date.now() - 60_000;
const suffix = Math.random().toString(36).slice(2, 8);
const [plain, timed, compacted, small, gone] = ["plain", "timed", "compacted", "small", "gone"]
  .map((name) => `diff-${name}-${suffix}`) as [string, string, string, string, string];
const kept = `diff-kept-${suffix}`;

const utf8 = new TextEncoder();

interface BatchWish {
  values?: string[];
  key?: string | null;
  timestamp?: number;
  id?: number;
  epoch?: number;
  sequence?: number;
  transactional?: boolean;
  codec?: CodecName | undefined;
}

function batch(
  { values = ["v"], key = "k", timestamp = TIME, id = -1, epoch = -1, sequence = -1, ...more }: BatchWish = {},
) {
  const builder = new BatchBuilder();
  for (const [i, value] of values.entries()) {
    builder.append(key === null ? null : utf8.encode(key), utf8.encode(value), [], timestamp + i);
  }
  const { transactional = false, codec: name } = more;
  const compressed = name === undefined ? {} : { codec: { name, codec: codecs[name] } };
  return builder.build({ producerId: id, producerEpoch: epoch, baseSequence: sequence, transactional, ...compressed });
}

/** With some of its bytes changed, and its checksum right again. */
function changed(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  change(view);
  view.setUint32(CRC, crc32c(bytes, ATTRIBUTES));
  return bytes;
}

function produceTo(name: string, records: Uint8Array, index = 0, acks = -1) {
  const topicData = [{ name, topicId: NO_UUID, partitionData: [{ index, records: [records] }] }];
  return { transactionalId: null, acks, timeoutMs: 5000, topicData };
}

function fetchFrom(topic: string, fetchOffset: number, more: Record<string, number> = {}) {
  const { partition = 0, partitionMaxBytes = 1e6, currentLeaderEpoch = -1, ...rest } = more;
  return {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1e6,
    topics: [{
      topic,
      topicId: NO_UUID,
      partitions: [{ partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch }],
    }],
    forgottenTopicsData: [],
    ...rest,
  };
}

function listAt(name: string, timestamp: number, more: { partitionIndex?: number; currentLeaderEpoch?: number } = {}) {
  const partitions = [{ partitionIndex: 0, timestamp, ...more }];
  return { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions }], timeoutMs: 1000 };
}

async function script(ask: Ask): Promise<void> {
  const wish = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const create = (
    name: string,
    topics: Write<typeof createTopics.request>["topics"],
    version = 5,
    validateOnly = false,
  ) => ask(`create: ${name}`, createTopics, version, { topics, timeoutMs: 5000, validateOnly });
  const config = (name: string, value: string | null) => ({ configs: [{ name, value }] });
  await create("six", [
    { ...wish, name: plain, numPartitions: 2 },
    { ...wish, name: timed, ...config("message.timestamp.type", "LogAppendTime") },
    { ...wish, name: compacted, ...config("cleanup.policy", "compact") },
    { ...wish, name: small, ...config("max.message.bytes", "200") },
    { ...wish, name: gone },
    { ...wish, name: kept, ...config("min.insync.replicas", "2") },
  ]);
  await until(async () => {
    // Kafka tells of a leader before it leads.
    const topics = [plain, timed, compacted, small, gone, kept].map((name) => ({
      name,
      partitions: (name === plain ? [0, 1] : [0]).map((partitionIndex) => ({ partitionIndex, timestamp: -1 })),
    }));
    const { topics: found } = await ask("", listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics,
      timeoutMs: 1000,
    });
    return found.every(({ partitions }) => partitions.every(({ errorCode }) => errorCode === 0));
  });

  await create("there already", [{ ...wish, name: plain }]);
  await create("a bad name", [{ ...wish, name: "no/topic" }, { ...wish, name: "" }, { ...wish, name: ".." }]);
  await create("a long name", [{ ...wish, name: "x".repeat(250) }]);
  await create("twice", [{ ...wish, name: "twice" }, { ...wish, name: "twice" }]);
  await create("too many partitions", [{ ...wish, name: "many", numPartitions: 10_001 }], 5, true);
  await create(
    "too many together",
    ["many", "more"].map((name) => ({ ...wish, name, numPartitions: 6000 })),
    5,
    true,
  );
  await create(
    "too many and too few",
    [
      { ...wish, name: "many", numPartitions: 10_000 },
      { ...wish, name: "none", numPartitions: 0 },
      { ...wish, name: "more" },
    ],
    5,
    true,
  );
  await create("no partitions", [{ ...wish, name: "none", numPartitions: 0 }]);
  await create("too many replicas", [{ ...wish, name: "three", replicationFactor: 3 }]);
  await create("no replicas", [{ ...wish, name: "zero", replicationFactor: 0 }]);
  await create("defaults", [{ ...wish, name: "defaults", numPartitions: -1, replicationFactor: -1 }], 5, true);
  for (const version of [2, 3, 4]) {
    const defaults = { ...wish, name: "defaults", numPartitions: -1, replicationFactor: -1 };
    await create(`defaults in version ${version}`, [defaults], version, true);
  }
  await create("an unknown config", [{ ...wish, name: "odd", ...config("nonsense", "1") }]);
  await create("a bad value", [{ ...wish, name: "odd", ...config("retention.ms", "soon") }]);
  await create("a value out of range", [{ ...wish, name: "odd", ...config("retention.ms", "-2") }]);
  await create("a null value", [{ ...wish, name: "odd", ...config("retention.ms", null) }]);
  await create("an unknown policy", [{ ...wish, name: "odd", ...config("cleanup.policy", "burn") }]);
  await create(
    "assigned",
    [{
      ...wish,
      name: "assigned",
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 1, brokerIds: [1] }],
    }],
    5,
    true,
  );
  await create("assigned elsewhere", [{
    ...wish,
    name: "assigned",
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [7] }],
  }]);

  for (const version of [3, 7, 9, 12]) {
    await ask(`produce ${version}`, produce, version, produceTo(plain, batch({ values: ["a", "b"] })));
  }
  const bad: [string, string, Uint8Array][] = [
    ["wrong checksum", plain, batch().fill(0xff, CRC, CRC + 4)],
    ["no batch", plain, new Uint8Array(0)],
    ["cut short", plain, batch().subarray(0, 50)],
    ["cut short in its records", plain, batch().subarray(0, 65)],
    ["two batches", plain, new Uint8Array([...batch(), ...batch()])],
    ["something after it", plain, new Uint8Array([...batch(), 1, 2, 3])],
    ["an old magic", plain, changed(batch(), (view) => view.setInt8(16, 1))],
    ["a base offset", plain, changed(batch(), (view) => view.setInt32(4, 7))],
    ["a wrong count", plain, changed(batch(), (view) => view.setInt32(57, 2))],
    ["a wrong last offset", plain, changed(batch(), (view) => view.setInt32(23, 5))],
    ["no records", plain, changed(batch(), (view) => view.setInt32(57, 0))],
    ["a control batch", plain, changed(batch(), (view) => view.setInt16(ATTRIBUTES, 0x20))],
    ["LogAppendTime", plain, changed(batch(), (view) => view.setInt16(ATTRIBUTES, 0x08))],
    ["no sequence", plain, batch({ id: 5, epoch: 0 })],
    ["too large", small, batch({ values: ["x".repeat(300)] })],
    ["no key", compacted, batch({ key: null })],
    ["a time to come", plain, batch({ timestamp: Date.now() + 7_200_000 })],
    ["an unknown topic", "nowhere", batch()],
    ["a wrong maximum of time", plain, changed(batch(), (view) => view.setInt32(39, 99))],
  ];
  for (const [name, topic, records] of bad) {
    await ask(`produce: ${name}`, produce, 8, produceTo(topic, records));
  }
  await ask("produce: an unknown partition", produce, 8, produceTo(plain, batch(), 9));
  await ask("produce: odd acks", produce, 8, produceTo(plain, batch(), 0, 2));
  await ask("produce: append time", produce, 8, produceTo(timed, batch()));
  // No more replicas are asked for than there are.
  for (const acks of [-1, 1]) await ask("produce: two of one replica", produce, 8, produceTo(kept, batch(), 0, acks));

  const id = 900_000 + Math.floor(Math.random() * 1e6);
  const sequences: [string, BatchWish][] = [
    ["any first sequence", { sequence: 3 }],
    ["the next", { sequence: 4 }],
    ["the next again", { sequence: 4 }],
    ["the first again", { sequence: 3 }],
    ["a gap", { sequence: 9 }],
    ["a new epoch that does not begin", { sequence: 5, epoch: 1 }],
    ["a new epoch", { sequence: 0, epoch: 1 }],
    ["the old epoch", { sequence: 5 }],
    ["transactional, not asked for", { sequence: 1, epoch: 1, transactional: true }],
  ];
  for (const [name, one] of sequences) {
    if (one.transactional) continue; // that is the coordinator's
    await ask(`sequence: ${name}`, produce, 8, produceTo(plain, batch({ id, epoch: 0, ...one }), 1));
  }
  for (let sequence = 1; sequence <= 6; sequence++) {
    await ask("sequence: six more", produce, 8, produceTo(plain, batch({ id, epoch: 1, sequence }), 1));
  }
  await ask("sequence: too long ago", produce, 8, produceTo(plain, batch({ id, epoch: 1, sequence: 1 }), 1));
  await ask("sequence: five ago", produce, 8, produceTo(plain, batch({ id, epoch: 1, sequence: 2 }), 1));

  for (const version of [4, 7, 11, 12]) await ask(`fetch ${version}`, fetch, version, fetchFrom(plain, 0));
  await ask("fetch: the end", fetch, 11, fetchFrom(plain, 1000));
  await ask("fetch: before the beginning", fetch, 11, fetchFrom(plain, -1));
  await ask("fetch: from within a batch", fetch, 11, fetchFrom(plain, 1));
  await ask("fetch: a byte", fetch, 11, fetchFrom(plain, 0, { partitionMaxBytes: 1 }));
  await ask("fetch: half a batch", fetch, 11, fetchFrom(plain, 0, { partitionMaxBytes: 100 }));
  await ask("fetch: committed", fetch, 11, fetchFrom(plain, 0, { isolationLevel: 1 }));
  await ask("fetch: an unknown partition", fetch, 11, fetchFrom(plain, 0, { partition: 9 }));
  await ask("fetch: an unknown topic", fetch, 11, fetchFrom("nowhere", 0));
  await ask("fetch: a newer leader", fetch, 11, fetchFrom(plain, 0, { currentLeaderEpoch: 9 }));
  await ask("fetch: an unknown session", fetch, 11, fetchFrom(plain, 0, { sessionId: 77, sessionEpoch: 3 }));
  await ask("fetch: an epoch without a session", fetch, 11, fetchFrom(plain, 0, { sessionEpoch: 3 }));
  for (const sessionEpoch of [-1, 0]) {
    await ask("fetch: a session's end or beginning", fetch, 11, fetchFrom(plain, 0, { sessionId: 77, sessionEpoch }));
  }
  await ask("fetch: an unknown id", fetch, 13, fetchFrom("", 0));

  for (const time of [-1, -2, -3, -4, -5, 0, TIME, TIME + 1, TIME + 2, Date.now() + 9e6]) {
    await ask(`list at ${time < 0 ? time : "a time"}`, listOffsets, 9, listAt(plain, time));
  }
  for (const time of [-3, -4, -5]) await ask(`list at ${time} too early`, listOffsets, 6, listAt(plain, time));
  await ask("list: nothing there", listOffsets, 7, listAt(gone, 0));
  await ask("list: nothing there, latest time", listOffsets, 7, listAt(gone, -3));
  await ask("list: an unknown partition", listOffsets, 7, listAt(plain, -1, { partitionIndex: 9 }));
  await ask("list: a newer leader", listOffsets, 7, listAt(plain, -1, { currentLeaderEpoch: 9 }));

  for (const [i, codec] of CODEC_NAMES.entries()) {
    const timestamp = TIME + 100 * (i + 1);
    const records = batch({ values: ["first", "second", "third"], timestamp, codec });
    await ask(`produce: ${codec}`, produce, 8, produceTo(plain, records, 1));
    for (const more of [0, 1, 2, 3]) {
      const at = listAt(plain, timestamp + more, { partitionIndex: 1 });
      await ask(`list at a time in ${codec}`, listOffsets, 7, at);
    }
  }
  await ask("list: the latest time, compressed", listOffsets, 7, listAt(plain, -3, { partitionIndex: 1 }));

  const epochs = [0, 5].map((leaderEpoch) => ({ partition: 0, leaderEpoch }));
  await ask("epoch", offsetForLeaderEpoch, 4, { topics: [{ topic: plain, partitions: epochs }] });

  const trim = (name: string, offset: number) =>
    ask(`trim ${offset}`, deleteRecords, 1, {
      topics: [{ name, partitions: [{ partitionIndex: 0, offset }] }],
      timeoutMs: 5000,
    });
  for (const offset of [3, 2, 1000, -1, -2]) await trim(plain, offset);
  await trim(compacted, 1);
  await trim("nowhere", 1);
  await ask("fetch: trimmed", fetch, 11, fetchFrom(plain, 0));
  await ask("list: trimmed", listOffsets, 7, listAt(plain, -2));

  const grow = (name: string, count: number, brokerIds?: number[]) =>
    ask(`grow to ${count}`, createPartitions, 1, {
      topics: [{ name, count, assignments: brokerIds === undefined ? null : [{ brokerIds }] }],
      timeoutMs: 5000,
      validateOnly: true,
    });
  for (const count of [1, 2, 3, 0, -1]) await grow(plain, count);
  await grow(plain, 3, [7]);
  await grow(plain, 4, [1]);
  await grow("nowhere", 3);

  const describe = (resourceType: number, resourceName: string, configurationKeys: string[] | null, version = 4) =>
    ask(`describe ${resourceType}`, describeConfigs, version, {
      resources: [{ resourceType, resourceName, configurationKeys }],
    });
  await describe(2, timed, null);
  await describe(2, timed, ["message.timestamp.type", "nonsense"]);
  await describe(2, "nowhere", null);
  const change = (name: string, configName: string, configOperation: number, value: string | null) =>
    ask(`change ${configName} ${configOperation} ${value}`, incrementalAlterConfigs, 1, {
      resources: [{ resourceType: 2, resourceName: name, configs: [{ name: configName, configOperation, value }] }],
      validateOnly: false,
    });
  await change(gone, "retention.ms", 0, "5000");
  await change(gone, "retention.ms", 0, "never");
  await change(gone, "retention.ms", 2, "1");
  await change(gone, "cleanup.policy", 2, "compact");
  await change(gone, "cleanup.policy", 3, "delete");
  await change(gone, "nonsense", 0, "1");
  await change(gone, "nonsense", 1, null);
  await change(gone, "retention.ms", 9, "1");
  await change("nowhere", "retention.ms", 0, "1");
  await until(async () => {
    const { results } = await ask("", describeConfigs, 4, {
      resources: [{ resourceType: 2, resourceName: gone, configurationKeys: ["cleanup.policy"] }],
    });
    return results[0]?.configs[0]?.value === "compact";
  });
  await describe(2, gone, ["cleanup.policy", "retention.ms"]);
  const alter = (value: string | null) =>
    ask(`alter ${value}`, alterConfigs, 2, {
      resources: [{ resourceType: 2, resourceName: gone, configs: [{ name: "segment.ms", value }] }],
      validateOnly: false,
    });
  await alter("5000");
  await alter("x");
  const twice = [plain, plain, gone].map((resourceName) => ({ resourceType: 2, resourceName, configs: [] }));
  await ask("change one twice", incrementalAlterConfigs, 1, { resources: twice, validateOnly: true });

  const names = [plain, "nowhere", "no/topic"].map((name) => ({ name, topicId: NO_UUID }));
  for (const version of [1, 5, 9, 12]) await ask(`metadata ${version}`, metadata, version, { topics: names });
  await ask("metadata: an unknown id", metadata, 12, { topics: [{ name: null, topicId: "1".repeat(32) }] });
  await ask("software", apiVersions, 3, { clientSoftwareName: "", clientSoftwareVersion: "a b" });

  await ask("delete", deleteTopics, 4, { topics: [], topicNames: [gone, "nowhere"], timeoutMs: 5000 });
  await ask("delete by an unknown id", deleteTopics, 6, {
    topics: [{ topicId: "1".repeat(32) }],
    topicNames: [],
    timeoutMs: 5000,
  });
}

const tests = differential("logs");

tests.same("what ApiVersions lists", async (at) => {
  const { apiKeys, supportedFeatures, finalizedFeatures } = await at.ask(apiVersions, 4, software);
  const requests = apiKeys.map(({ apiKey, ...versions }) => [`request ${apiKey}`, versions]);
  const features = supportedFeatures.map(({ name, ...versions }) => [`feature ${name}`, versions]);
  const levels = finalizedFeatures.map(({ name, ...versions }) => [`level of ${name}`, versions]);
  at.told.push(["listed", Object.fromEntries([...requests, ...features, ...levels])]);
});

tests.same("bytes behind a request's body", async (at) => {
  const behind = new Uint8Array([0, 0, 1]);
  const answer = async (version: number) => {
    const { topics } = await at.ask(metadata, version, { topics: [] }, "main", behind);
    at.told.push([`metadata ${version}`, topics]);
  };
  for (const version of [1, 9, 12, 13]) await answer(version);
  const { errorCode } = await at.ask(apiVersions, 3, software, "main", behind);
  at.told.push(["apiVersions", errorCode]);
});

tests.same(
  "logs, topics and configurations",
  (at) =>
    script((name, api, version, request) =>
      name === "" ? at.ask(api, version, request) : at.tell(name, api, version, request)
    ),
);

tests.finish();
