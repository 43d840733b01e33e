import assert from "node:assert/strict";
import { test } from "node:test";
import { Broker } from "../../../src/broker/broker.ts";
import { Code } from "../../../src/wire/error-codes.ts";
import { txnOffsetCommit } from "../../../src/broker/requests/28-txn-offset-commit.ts";

test("an offset that comes while its producer is fenced does not wait for an end for ever", async () => {
  const broker = new Broker({ port: 0 });
  await broker.start();
  try {
    broker.topics.create("t", 1, new Map());
    const { producerId, producerEpoch } = await broker.transactions.initialize("x", 60_000, null);
    const request = {
      transactionalId: "x",
      groupId: "g",
      producerId,
      producerEpoch,
      generationId: -1,
      memberId: "",
      groupInstanceId: null,
      topics: [{
        name: "t",
        partitions: [{ partitionIndex: 0, committedOffset: 7, committedLeaderEpoch: -1, committedMetadata: "" }],
      }],
    };
    const { signal } = new AbortController();
    const context = { version: 5, clientId: null, clientHost: "", connectionId: 1, signal, release() {} };
    const committing = txnOffsetCommit.handle(broker, request, context);
    const fencing = broker.transactions.initialize("x", 60_000, null); // before the disk has answered the first
    const answer = await committing;
    await fencing;
    assert.equal(broker.transactions.get("x")?.state, "CompleteAbort");
    assert.equal(broker.groups.offsets("g")?.isUnstable("t", 0) ?? false, false);
    assert.equal(answer?.topics[0]?.partitions[0]?.errorCode, Code.INVALID_PRODUCER_EPOCH);
  } finally {
    await broker.stop();
  }
});
