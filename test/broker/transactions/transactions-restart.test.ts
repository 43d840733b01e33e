import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Broker } from "../../../src/broker/broker.ts";
import { produce } from "../../../src/broker/requests/00-produce.ts";
import { heartbeat } from "../../../src/broker/requests/12-heartbeat.ts";
import { initProducerId } from "../../../src/broker/requests/22-init-producer-id.ts";
import { endTxn } from "../../../src/broker/requests/26-end-txn.ts";
import { txnOffsetCommit } from "../../../src/broker/requests/28-txn-offset-commit.ts";
import { describeTransactions } from "../../../src/broker/requests/65-describe-transactions.ts";
import { BatchBuilder } from "../../../src/wire/batch-builder.ts";
import { Party } from "../../support/broker-requests.ts";
import { Station } from "../../support/differential.ts";

const data = await mkdtemp(join(tmpdir(), "mephisto-broker-"));
after(() => rm(data, { recursive: true, force: true }));

const TOPIC = "kept";
const ID = "kept-tx";
const ZERO = "0".repeat(32);

/** A broker on the folder, and a script of requests to it. */
async function during<T>(script: (at: Station, broker: Broker) => Promise<T>): Promise<T> {
  const broker = new Broker({ port: 0, data });
  const { port } = await broker.start();
  const at = new Station(port);
  try {
    return await script(at, broker);
  } finally {
    at.close();
    await broker.stop();
  }
}

test("a broker that comes back knows members, offsets and open transactions, and can end them", async () => {
  const { member, producer } = await during(async (at) => {
    await at.createTopic(TOPIC);
    const party = new Party(at, "kept-group", TOPIC);
    const { memberId, joined } = await party.enter("a");
    const { generationId } = await joined;
    await party.sync("a", generationId, memberId, [memberId]);
    await party.commit("plain", generationId, memberId, 3);
    const { producerId, producerEpoch } = await at.ask(initProducerId, 5, {
      transactionalId: ID,
      transactionTimeoutMs: 60_000,
    });
    const builder = new BatchBuilder();
    builder.append(null, new Uint8Array([1]), [], 1_700_000_000_000);
    const batch = builder.build({ producerId, producerEpoch, baseSequence: 0, transactional: true });
    await at.ask(produce, 12, {
      transactionalId: ID,
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: TOPIC, topicId: ZERO, partitionData: [{ index: 0, records: [batch] }] }],
    });
    await at.ask(txnOffsetCommit, 5, {
      transactionalId: ID,
      groupId: "kept-group",
      producerId,
      producerEpoch,
      generationId,
      memberId,
      topics: [{
        name: TOPIC,
        partitions: [{ partitionIndex: 0, committedOffset: 9, committedMetadata: "" }],
      }],
    });
    return { member: { memberId, generationId }, producer: { producerId, producerEpoch } };
  });
  await during(async (at, broker) => {
    const { errorCode } = await at.ask(heartbeat, 4, { groupId: "kept-group", ...member });
    assert.equal(errorCode, 0);
    const { transactionStates: [open] } = await at.ask(describeTransactions, 0, { transactionalIds: [ID] });
    assert.equal(open?.transactionState, "Ongoing");
    assert.deepEqual(open.topics.map(({ topic }) => topic).sort(), ["__consumer_offsets", TOPIC]);
    const party = new Party(at, "kept-group", TOPIC);
    const before = await party.fetch("before", true);
    assert.equal(before.groups[0]?.topics[0]?.partitions[0]?.errorCode, 88);
    const log = broker.topics.partition(TOPIC, 0)?.log;
    assert.equal(log?.lastStableOffset, 0);
    const ended = await at.ask(endTxn, 5, { transactionalId: ID, ...producer, committed: true });
    assert.equal(ended.errorCode, 0);
    assert.equal(log?.lastStableOffset, 2);
    const afterwards = await party.fetch("after", true);
    assert.equal(afterwards.groups[0]?.topics[0]?.partitions[0]?.committedOffset, 9);
  });
});
