import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Call } from "../../src/wire/call.ts";
import { WireError } from "../../src/wire/errors.ts";
import { produce, produceTransactional } from "../../src/wire/requests/00-produce.ts";
import { fetch } from "../../src/wire/requests/01-fetch.ts";
import { EARLIEST, listOffsets } from "../../src/wire/requests/02-list-offsets.ts";
import { metadata } from "../../src/wire/requests/03-metadata.ts";
import { offsetCommit } from "../../src/wire/requests/08-offset-commit.ts";
import { offsetFetch } from "../../src/wire/requests/09-offset-fetch.ts";
import { findCoordinator } from "../../src/wire/requests/10-find-coordinator.ts";
import { joinGroup } from "../../src/wire/requests/11-join-group.ts";
import { heartbeat } from "../../src/wire/requests/12-heartbeat.ts";
import { leaveGroup } from "../../src/wire/requests/13-leave-group.ts";
import { apiVersions } from "../../src/wire/requests/18-api-versions.ts";
import { createTopics } from "../../src/wire/requests/19-create-topics.ts";
import { syncGroup } from "../../src/wire/requests/14-sync-group.ts";
import { initProducerId } from "../../src/wire/requests/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../src/wire/requests/24-add-partitions-to-txn.ts";
import { endTxn } from "../../src/wire/requests/26-end-txn.ts";
import { describeConfigs } from "../../src/wire/requests/32-describe-configs.ts";
import { describeProducers } from "../../src/wire/requests/61-describe-producers.ts";
import { listTransactions } from "../../src/wire/requests/66-list-transactions.ts";
import { hex, TIME, vector, vectorBytes } from "./vectors.ts";

const topicId = "0123456789abcdeffedcba9876543210";
const member = { groupId: "g", generationId: 5, memberId: "m" };
const batch = vectorBytes("batch/one");
const producer = { transactionalId: "tx", producerId: 8_589_934_593, producerEpoch: 7 };

const cases: { name: string; key: number; version: number; call: Call<unknown>; answer: unknown }[] = [
  {
    name: "produce",
    key: 0,
    version: 8,
    call: produce({
      transactionalId: "tx",
      timeoutMs: 1500,
      topics: [{ topic: "töpic", partitions: [{ partition: 0, batch }, { partition: 7, batch }] }],
    }),
    answer: {
      topics: [{
        topic: "töpic",
        partitions: [
          {
            partition: 7,
            errorCode: 6,
            baseOffset: 5_000_000_000,
            logAppendTimeMs: TIME,
            logStartOffset: -1,
            recordErrors: [],
            errorMessage: null,
          },
          {
            partition: 9,
            errorCode: 87,
            baseOffset: -1,
            logAppendTimeMs: -1,
            logStartOffset: 3,
            recordErrors: [{ index: 3, message: "no key" }, { index: 4, message: null }],
            errorMessage: "refused",
          },
        ],
      }],
      throttleTimeMs: 3,
    },
  },
  {
    name: "fetch",
    key: 1,
    version: 13,
    call: fetch({
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 8388608,
      isolationLevel: "read_committed",
      topics: [{
        topicId,
        partitions: [
          { partition: 0, leaderEpoch: 4, fetchOffset: 5_000_000_000, maxBytes: 1048576 },
          { partition: 3, fetchOffset: 0, maxBytes: 99 },
        ],
      }],
    }),
    answer: {
      throttleTimeMs: 1,
      errorCode: 0,
      sessionId: 0,
      topics: [{
        topicId,
        partitions: [{
          partition: 0,
          errorCode: 0,
          highWatermark: 9,
          lastStableOffset: 8,
          logStartOffset: 2,
          aborted: [{ producerId: 7, firstOffset: 3 }],
          preferredReadReplica: -1,
          diverging: undefined,
          records: batch,
        }, {
          partition: 1,
          errorCode: 1,
          highWatermark: -1,
          lastStableOffset: -1,
          logStartOffset: -1,
          aborted: [],
          preferredReadReplica: -1,
          diverging: undefined,
          records: new Uint8Array(0),
        }],
      }],
    },
  },
  {
    name: "list-offsets",
    key: 2,
    version: 5,
    call: listOffsets({
      isolationLevel: "read_committed",
      topics: [{ topic: "t", partitions: [{ partition: 2, leaderEpoch: 3, timestamp: EARLIEST }] }],
    }),
    answer: {
      throttleTimeMs: 1,
      topics: [{
        topic: "t",
        partitions: [{ partition: 2, errorCode: 0, timestamp: -1, offset: 77, leaderEpoch: 4 }],
      }],
    },
  },
  {
    name: "metadata",
    key: 3,
    version: 12,
    call: metadata({ topics: ["a", "b"] }),
    answer: {
      throttleTimeMs: 0,
      brokers: [
        { nodeId: 1, host: "broker.example", port: 9092, rack: "r" },
        { nodeId: 2, host: "::1", port: 65535, rack: null },
      ],
      clusterId: "cluster",
      controllerId: 1,
      topics: [{
        errorCode: 0,
        name: "t",
        topicId,
        isInternal: false,
        partitions: [{
          errorCode: 0,
          partition: 0,
          leaderId: 1,
          leaderEpoch: 3,
          replicaNodes: [1, 2],
          isrNodes: [1],
          offlineReplicas: [2],
        }],
        authorizedOperations: -(2 ** 31),
      }, {
        errorCode: 3,
        name: "none",
        topicId: "0".repeat(32),
        isInternal: false,
        partitions: [],
        authorizedOperations: -(2 ** 31),
      }],
    },
  },
  {
    name: "offset-commit",
    key: 8,
    version: 7,
    call: offsetCommit({
      ...member,
      topics: [{
        topic: "t",
        partitions: [
          { partition: 1, committedOffset: 42 },
          { partition: 2, committedOffset: 43, committedLeaderEpoch: 6, committedMetadata: "note" },
        ],
      }],
    }),
    answer: { throttleTimeMs: 2, topics: [{ topic: "t", partitions: [{ partition: 1, errorCode: 27 }] }] },
  },
  {
    name: "offset-fetch",
    key: 9,
    version: 5,
    call: offsetFetch({ groupId: "g", topics: [{ topic: "t", partitions: [0, 1, 2] }] }),
    answer: {
      throttleTimeMs: 2,
      topics: [{
        topic: "t",
        partitions: [{ partition: 1, committedOffset: -1, committedLeaderEpoch: -1, metadata: "", errorCode: 0 }],
      }],
      errorCode: 16,
    },
  },
  {
    name: "find-coordinator",
    key: 10,
    version: 2,
    call: findCoordinator({ keyType: "transaction", key: "g" }),
    answer: { throttleTimeMs: 2, errorCode: 15, errorMessage: "not yet", nodeId: -1, host: "", port: -1 },
  },
  {
    name: "join-group",
    key: 11,
    version: 5,
    call: joinGroup({
      groupId: "g",
      sessionTimeoutMs: 6000,
      rebalanceTimeoutMs: 24000,
      memberId: "m",
      groupInstanceId: "i",
      protocolType: "consumer",
      protocols: [{ name: "p1", metadata: Uint8Array.of(1, 2, 3) }, { name: "p2", metadata: new Uint8Array(0) }],
    }),
    answer: {
      protocolType: null, // these two are fields of later versions
      skipAssignment: false,
      throttleTimeMs: 2,
      errorCode: 0,
      generationId: 5,
      protocolName: "p1",
      leader: "m",
      memberId: "m",
      members: [{ memberId: "m", groupInstanceId: null, metadata: Uint8Array.of(1, 2, 3) }],
    },
  },
  {
    name: "heartbeat",
    key: 12,
    version: 3,
    call: heartbeat({ ...member, groupInstanceId: "i" }),
    answer: { throttleTimeMs: 2, errorCode: 27 },
  },
  {
    name: "leave-group",
    key: 13,
    version: 3,
    call: leaveGroup({ groupId: "g", members: [{ memberId: "m" }, { memberId: "n", groupInstanceId: "i" }] }),
    answer: { throttleTimeMs: 2, errorCode: 0, members: [{ memberId: "m", groupInstanceId: "i", errorCode: 25 }] },
  },
  {
    name: "sync-group",
    key: 14,
    version: 3,
    call: syncGroup({ ...member, assignments: [{ memberId: "m", assignment: Uint8Array.of(9, 8) }] }),
    // Fields of later versions have their defaults.
    answer: {
      throttleTimeMs: 2,
      errorCode: 0,
      assignment: Uint8Array.of(9, 8),
      protocolType: null,
      protocolName: null,
    },
  },
  {
    name: "create-topics",
    key: 19,
    version: 4,
    call: createTopics({
      topics: [{ name: "t", partitions: 8, replicationFactor: -1, configs: { "cleanup.policy": "compact" } }],
      timeoutMs: 5000,
    }),
    answer: { throttleTimeMs: 2, topics: [{ name: "t", errorCode: 36, errorMessage: "there" }] },
  },
  {
    name: "init-producer-id",
    key: 22,
    version: 4,
    call: initProducerId({
      transactionalId: "tx",
      transactionTimeoutMs: 10_000,
      producerId: 8_589_934_593,
      producerEpoch: 7,
    }),
    answer: { throttleTimeMs: 2, errorCode: 0, producerId: 8_589_934_593, producerEpoch: 8 },
  },
  ...([12, 13] as const).map((version) => {
    const topic = version === 13 ? topicId : "töpic";
    return {
      name: `produce-v${version}`,
      key: 0,
      version,
      call: produceTransactional({
        transactionalId: "tx",
        timeoutMs: 1500,
        topics: [{ topic, partitions: [{ partition: 0, batch }, { partition: 7, batch }] }],
      }, version),
      answer: {
        topics: [{
          topic,
          partitions: [
            {
              partition: 7,
              errorCode: 87,
              baseOffset: -1,
              logAppendTimeMs: TIME,
              logStartOffset: 5_000_000_000,
              recordErrors: [{ index: 3, message: "no key" }],
              errorMessage: "refused",
            },
            {
              partition: 8,
              errorCode: 0,
              baseOffset: 5_000_000_000,
              logAppendTimeMs: -1,
              logStartOffset: 0,
              recordErrors: [],
              errorMessage: null,
            },
          ],
        }],
        throttleTimeMs: 3,
      },
    };
  }),
  {
    name: "api-versions",
    key: 18,
    version: 3,
    call: apiVersions({ softwareName: "mephisto", softwareVersion: "1.2" }),
    answer: {
      errorCode: 0,
      apis: [{ apiKey: 0, minVersion: 3, maxVersion: 13 }, { apiKey: 26, minVersion: 0, maxVersion: 5 }],
      throttleTimeMs: 2,
      finalizedFeatures: new Map([["transaction.version", 2], ["group.version", 1]]),
    },
  },
  {
    name: "add-partitions-to-txn",
    key: 24,
    version: 3,
    call: addPartitionsToTxn({ ...producer, topics: [{ topic: "t", partitions: [0, 2] }] }),
    answer: { throttleTimeMs: 2, topics: [{ topic: "t", partitions: [{ partition: 2, errorCode: 51 }] }] },
  },
  {
    name: "end-txn-v3",
    key: 26,
    version: 3,
    call: endTxn({ ...producer, committed: true }, 3),
    answer: { throttleTimeMs: 2, errorCode: 48, producerId: -1, producerEpoch: -1 },
  },
  {
    name: "end-txn-v5",
    key: 26,
    version: 5,
    call: endTxn({ ...producer, committed: true }, 5),
    answer: { throttleTimeMs: 2, errorCode: 0, producerId: 8_589_934_593, producerEpoch: 8 },
  },
  {
    name: "describe-configs",
    key: 32,
    version: 1,
    call: describeConfigs({
      resources: [
        { type: "topic", name: "t", keys: ["cleanup.policy", "segment.bytes"] },
        { type: "broker", name: "1", keys: [] },
      ],
    }),
    answer: {
      throttleTimeMs: 2,
      resources: [
        {
          errorCode: 0,
          errorMessage: null,
          name: "t",
          configs: new Map([["cleanup.policy", "compact"], ["secret", null]]),
        },
        { errorCode: 31, errorMessage: "no", name: "1", configs: new Map() },
      ],
    },
  },
  {
    name: "describe-producers",
    key: 61,
    version: 0,
    call: describeProducers({ topics: [{ topic: "t", partitions: [0, 2] }] }),
    answer: {
      throttleTimeMs: 2,
      topics: [{
        topic: "t",
        partitions: [{
          partition: 0,
          errorCode: 0,
          errorMessage: null,
          producers: [{
            producerId: 8_589_934_593,
            producerEpoch: 7,
            lastSequence: 12,
            lastTimestamp: TIME,
            coordinatorEpoch: 3,
            transactionStart: 77,
          }],
        }, { partition: 2, errorCode: 6, errorMessage: "not here", producers: [] }],
      }],
    },
  },
  {
    name: "list-transactions",
    key: 66,
    version: 0,
    call: listTransactions({ producerIds: [8_589_934_593, 3] }),
    answer: {
      throttleTimeMs: 2,
      errorCode: 0,
      transactions: [{ transactionalId: "tx", producerId: 8_589_934_593, state: "Ongoing" }],
    },
  },
];

for (const { name, key, version, call, answer } of cases) {
  test(`${name}: byte for byte the Java client's request, and its answer`, () => {
    assert.deepEqual([call.apiKey, call.apiVersion], [key, version]);
    assert.equal(hex(call.encode()), vector(`request/${name}`));
    assert.deepEqual(call.decode(vectorBytes(`response/${name}`)), answer);
  });

  test(`${name}: an answer that is cut short or too long is a WireError`, () => {
    const bytes = vectorBytes(`response/${name}`);
    for (let end = 0; end < bytes.length; end++) {
      assert.throws(() => call.decode(bytes.subarray(0, end)), WireError, `cut at ${end}`);
    }
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    assert.throws(() => call.decode(longer), WireError);
  });

  test(`${name}: any garbage is a WireError or an answer`, () => {
    const changed = fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const bytes = vectorBytes(`response/${name}`);
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (bytes) => {
      try {
        call.decode(bytes);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }));
  });
}

test("requests that ask for everything", () => {
  assert.equal(hex(metadata({ topics: null }).encode()), vector("request/metadata-all"));
  assert.equal(hex(offsetFetch({ groupId: "g", topics: null }).encode()), vector("request/offset-fetch-all"));
  const anew = initProducerId({ transactionalId: null, transactionTimeoutMs: 10_000 });
  assert.equal(hex(anew.encode()), vector("request/init-producer-id-null"));
});

test("a broker without features", () => {
  const answer = apiVersions({ softwareName: "a", softwareVersion: "1" }).decode(
    vectorBytes("response/api-versions-bare"),
  );
  assert.equal(answer.errorCode, 35);
  assert.deepEqual(answer.finalizedFeatures, new Map());
});
