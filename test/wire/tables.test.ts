/** Calls that are written by hand say the same as the tables of the messages, which the dev broker reads them by. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { Call } from "../../src/wire/call.ts";
import { addPartitionsToTxn as addPartitionsToTxnTable } from "../../src/wire/messages/24-add-partitions-to-txn.ts";
import { apiVersions as apiVersionsTable } from "../../src/wire/messages/18-api-versions.ts";
import { createTopics as createTopicsTable } from "../../src/wire/messages/19-create-topics.ts";
import { describeConfigs as describeConfigsTable } from "../../src/wire/messages/32-describe-configs.ts";
import { describeProducers as describeProducersTable } from "../../src/wire/messages/61-describe-producers.ts";
import { endTxn as endTxnTable } from "../../src/wire/messages/26-end-txn.ts";
import { fetch as fetchTable } from "../../src/wire/messages/01-fetch.ts";
import { findCoordinator as findCoordinatorTable } from "../../src/wire/messages/10-find-coordinator.ts";
import { heartbeat as heartbeatTable } from "../../src/wire/messages/12-heartbeat.ts";
import { joinGroup as joinGroupTable } from "../../src/wire/messages/11-join-group.ts";
import { listOffsets as listOffsetsTable } from "../../src/wire/messages/02-list-offsets.ts";
import { listTransactions as listTransactionsTable } from "../../src/wire/messages/66-list-transactions.ts";
import { metadata as metadataTable } from "../../src/wire/messages/03-metadata.ts";
import { offsetCommit as offsetCommitTable } from "../../src/wire/messages/08-offset-commit.ts";
import { offsetFetch as offsetFetchTable } from "../../src/wire/messages/09-offset-fetch.ts";
import { produce as produceTable } from "../../src/wire/messages/00-produce.ts";
import { includes, type Shape, type Struct } from "../../src/wire/protocol/fields.ts";
import type { Message } from "../../src/wire/protocol/message.ts";
import { Output } from "../../src/wire/protocol/output.ts";
import { messageReader, nearestInt64 } from "../../src/wire/protocol/read.ts";
import { messageWriter } from "../../src/wire/protocol/write.ts";
import { Reader } from "../../src/wire/reader.ts";
import { WireError } from "../../src/wire/errors.ts";
import { produce, produceById, produceTransactional } from "../../src/wire/requests/00-produce.ts";
import { fetch } from "../../src/wire/requests/01-fetch.ts";
import { listOffsets } from "../../src/wire/requests/02-list-offsets.ts";
import { metadata } from "../../src/wire/requests/03-metadata.ts";
import { offsetCommit } from "../../src/wire/requests/08-offset-commit.ts";
import { offsetFetch } from "../../src/wire/requests/09-offset-fetch.ts";
import { findCoordinator } from "../../src/wire/requests/10-find-coordinator.ts";
import { joinGroup } from "../../src/wire/requests/11-join-group.ts";
import { heartbeat } from "../../src/wire/requests/12-heartbeat.ts";
import { apiVersions } from "../../src/wire/requests/18-api-versions.ts";
import { createTopics } from "../../src/wire/requests/19-create-topics.ts";
import { initProducerId } from "../../src/wire/requests/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../src/wire/requests/24-add-partitions-to-txn.ts";
import { endTxn } from "../../src/wire/requests/26-end-txn.ts";
import { describeConfigs } from "../../src/wire/requests/32-describe-configs.ts";
import { describeProducers } from "../../src/wire/requests/61-describe-producers.ts";
import { listTransactions } from "../../src/wire/requests/66-list-transactions.ts";

const batch = new Uint8Array([1, 2, 3]);
const topicId = "0123456789abcdef0123456789abcdef";
const written = (topic: string) => ({
  timeoutMs: 5,
  transactionalId: "t",
  topics: [{ topic, partitions: [{ partition: 1, batch }] }],
});
const txn = { transactionalId: "t", producerId: 2 ** 40, producerEpoch: 3 };

/** Each call, its table, and what its request says by the table. */
const CALLS: readonly (readonly [call: Call<unknown>, table: Message, says: unknown])[] = [
  [produce(written("a")), produceTable, { acks: -1, topicData: [{ name: "a", partitionData: [{ index: 1 }] }] }],
  [produceTransactional(written("a"), 12), produceTable, { transactionalId: "t", topicData: [{ name: "a" }] }],
  [produceById(written(topicId)), produceTable, { timeoutMs: 5, topicData: [{ topicId }] }],
  [
    fetch({
      maxWaitMs: 1,
      minBytes: 2,
      maxBytes: 3,
      isolationLevel: "read_committed",
      topics: [{
        topicId,
        partitions: [{ partition: 4, fetchOffset: 5, lastFetchedEpoch: 6, leaderEpoch: 7, maxBytes: 8 }],
      }],
    }),
    fetchTable,
    { maxWaitMs: 1, isolationLevel: 1, topics: [{ topicId, partitions: [{ partition: 4, fetchOffset: 5 }] }] },
  ],
  [
    listOffsets({
      isolationLevel: "read_committed",
      topics: [{ topic: "a", partitions: [{ partition: 1, timestamp: -2 }] }],
    }),
    listOffsetsTable,
    { replicaId: -1, isolationLevel: 1, topics: [{ name: "a", partitions: [{ partitionIndex: 1, timestamp: -2 }] }] },
  ],
  [metadata({ topics: ["a"] }), metadataTable, { topics: [{ name: "a" }], allowAutoTopicCreation: false }],
  [
    offsetCommit({
      groupId: "g",
      generationId: 1,
      memberId: "m",
      topics: [{ topic: "a", partitions: [{ partition: 2, committedOffset: 3 }] }],
    }),
    offsetCommitTable,
    { groupId: "g", memberId: "m", topics: [{ name: "a", partitions: [{ partitionIndex: 2, committedOffset: 3 }] }] },
  ],
  [
    offsetFetch({ groupId: "g", topics: [{ topic: "a", partitions: [1] }] }),
    offsetFetchTable,
    { groupId: "g", topics: [{ name: "a", partitionIndexes: [1] }] },
  ],
  [findCoordinator({ keyType: "transaction", key: "t" }), findCoordinatorTable, { key: "t", keyType: 1 }],
  [
    joinGroup({
      groupId: "g",
      sessionTimeoutMs: 1,
      rebalanceTimeoutMs: 2,
      memberId: "m",
      protocolType: "consumer",
      protocols: [{ name: "p", metadata: batch }],
    }),
    joinGroupTable,
    { groupId: "g", groupInstanceId: null, protocols: [{ name: "p" }] },
  ],
  [heartbeat({ groupId: "g", generationId: 1, memberId: "m" }), heartbeatTable, { generationId: 1, memberId: "m" }],
  [apiVersions({ softwareName: "s", softwareVersion: "1" }), apiVersionsTable, { clientSoftwareName: "s" }],
  [
    createTopics({
      topics: [{ name: "a", partitions: 1, replicationFactor: -1, configs: { x: "y" } }],
      timeoutMs: 1,
    }),
    createTopicsTable,
    { topics: [{ name: "a", numPartitions: 1 }], timeoutMs: 1 },
  ],
  [addPartitionsToTxn({ ...txn, topics: [{ topic: "a", partitions: [1] }] }), addPartitionsToTxnTable, {}],
  [endTxn({ ...txn, committed: true }, 3), endTxnTable, { ...txn, committed: true }],
  [endTxn({ ...txn, committed: false }, 5), endTxnTable, { ...txn, committed: false }],
  [
    describeConfigs({ resources: [{ type: "topic", name: "a", keys: ["k"] }] }),
    describeConfigsTable,
    { resources: [{ resourceType: 2, resourceName: "a", configurationKeys: ["k"] }] },
  ],
  [
    describeProducers({ topics: [{ topic: "a", partitions: [1] }] }),
    describeProducersTable,
    { topics: [{ name: "a", partitionIndexes: [1] }] },
  ],
  [listTransactions({ producerIds: [1] }), listTransactionsTable, { producerIdFilters: [1] }],
];

/** A message in which every field of a version has a value. */
function sample(table: Struct, version: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).filter(([, { options: { v } }]) => v === undefined || includes(v, version))
      .map(([name, { shape }]) => [name, valueOf(shape, version)]),
  );
}

function valueOf(shape: Shape, version: number): unknown {
  switch (shape.is) {
    case "struct":
      return sample(shape.of, version);
    case "array":
      return [valueOf(shape.of, version)];
    case "boolean":
      return true;
    case "uuid":
      return topicId;
    case "string":
      return "text";
    case "bytes":
      return batch;
    case "records":
      return [batch];
    default:
      return 1;
  }
}

for (const [call, table, says] of CALLS) {
  const { apiName, apiKey, apiVersion } = call;
  const flexible = apiVersion >= table.flexibleFrom;

  test(`${apiName} ${apiVersion} is written as its table says`, () => {
    assert.deepEqual([apiName, apiKey], [table.name, table.key]);
    assert.ok(apiVersion >= table.versions[0] && apiVersion <= table.versions[1]);
    const reader = new Reader(call.encode());
    if (flexible) reader.skipTaggedFields();
    const request = messageReader(table.request, apiVersion, flexible)(reader);
    assert.equal(reader.remaining, 0);
    assert.partialDeepStrictEqual(request, says);
  });

  test(`${apiName} ${apiVersion} is read as its table says`, () => {
    const out = new Output();
    if (flexible && apiKey !== 18) out.writer.noTaggedFields();
    messageWriter(table.response, apiVersion, flexible)(out, sample(table.response, apiVersion));
    const answer = Buffer.concat(out.finish());
    assert.doesNotThrow(() => call.decode(answer));
    assert.throws(() => call.decode(answer.subarray(0, -1)), "one that is cut short is no answer");
  });
}

test("a number beyond the safe integers is an error in an answer, and the nearest one in a request", () => {
  const beyond = new Uint8Array([0x40, 0, 0, 0, 0, 0, 0, 0]); // 2^62
  const answer = Buffer.concat([new Uint8Array([0, 0, 0, 0, 0, 0, 0]), beyond, new Uint8Array([0, 1, 0])]);
  const call = initProducerId({ transactionalId: null, transactionTimeoutMs: 1 });
  assert.throws(() => call.decode(answer), WireError);
  const request = messageReader(endTxnTable.request, 0, false, nearestInt64);
  const { producerId } = request(
    new Reader(Buffer.concat([new Uint8Array([0, 1, 116]), beyond, new Uint8Array([0, 1, 1])])),
  );
  assert.equal(producerId, Number.MAX_SAFE_INTEGER);
});
