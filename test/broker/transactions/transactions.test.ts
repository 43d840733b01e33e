import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../../../src/wire/error-codes.ts";
import { MAX_EPOCH } from "../../../src/broker/transactions/transaction.ts";
import { settle, transactionSetting } from "../../support/transactions.ts";

const HERE = [{ topic: "t", partition: 0 }];
const DAY = 86_400_000;

test("a transaction that takes too long is aborted at the coordinator's next look", async () => {
  const { transactions, time, begin, markers } = transactionSetting();
  const p = await begin("x", 10_000);
  await transactions.add("x", p, HERE);
  time.advance(10_000);
  await settle();
  assert.equal(markers.length, 0); // as old as it may be, not older
  time.advance(9999);
  await settle();
  assert.equal(markers.length, 0);
  time.advance(1);
  await settle();
  assert.deepEqual(markers, [{ ...p, producerEpoch: 1, committed: false, partitions: HERE }]);
  assert.equal((await transactions.end("x", p, true, false)).errorCode, Code.PRODUCER_FENCED);
});

test("what is decided is written again by a broker that was killed before it had written it", async () => {
  const first = transactionSetting();
  const p = await first.begin("x");
  await first.transactions.add("x", p, HERE);
  first.disk.broken = true;
  assert.equal((await first.transactions.end("x", p, true, true)).errorCode, Code.NONE);
  assert.equal(first.transactions.get("x")?.state, "PrepareCommit");
  assert.equal(await first.transactions.add("x", { ...p, producerEpoch: 1 }, HERE), Code.CONCURRENT_TRANSACTIONS);
  assert.equal((await first.transactions.initialize("x", 1, null)).errorCode, Code.CONCURRENT_TRANSACTIONS);
  assert.equal((await first.transactions.end("x", p, true, true)).errorCode, Code.CONCURRENT_TRANSACTIONS);
  const { transactions, markers } = transactionSetting({}, first.journal, first.time);
  await settle();
  assert.deepEqual(markers, [{ ...p, producerEpoch: 1, committed: true, partitions: HERE }]);
  assert.equal(transactions.get("x")?.state, "CompleteCommit");
});

test("an open transaction outlives the broker, and its producer may go on or be fenced", async () => {
  const first = transactionSetting();
  const p = await first.begin("x");
  await first.transactions.add("x", p, HERE);
  const { transactions, begin, markers } = transactionSetting({}, first.journal, first.time);
  assert.equal(await transactions.add("x", p, HERE), Code.NONE);
  const q = await begin("x");
  assert.equal(markers[0]?.committed, false);
  assert.deepEqual(q, { producerId: p.producerId, producerEpoch: 2 });
});

test("markers that cannot be written are tried again", async () => {
  const { transactions, begin, disk, markers, time } = transactionSetting();
  const p = await begin("x");
  await transactions.add("x", p, HERE);
  disk.broken = true;
  await transactions.end("x", p, false, true);
  disk.broken = false;
  time.advance(10_000);
  await settle();
  assert.equal(markers.length, 1);
  assert.equal(transactions.get("x")?.state, "CompleteAbort");
});

test("when the epochs run out there is a new producer id, and a lost answer can be asked for again", async () => {
  const { transactions, begin } = transactionSetting();
  const first = await begin("x");
  let p = first;
  while (p.producerEpoch < MAX_EPOCH - 1) p = await transactions.end("x", p, false, true);
  assert.deepEqual(p, { errorCode: 0, producerId: first.producerId, producerEpoch: MAX_EPOCH - 1 });
  await transactions.add("x", p, HERE);
  const next = await transactions.end("x", p, true, true);
  assert.equal(next.producerEpoch, 0);
  assert.notEqual(next.producerId, p.producerId);
  assert.deepEqual(await transactions.end("x", p, true, true), next);
  assert.equal((await transactions.end("x", p, false, true)).errorCode, Code.INVALID_TXN_STATE);
});

test("InitProducerId goes on with a new producer id, too", async () => {
  const { transactions, begin } = transactionSetting();
  let p = await begin("x");
  while (p.producerEpoch < MAX_EPOCH - 1) p = await transactions.end("x", p, false, true);
  const next = await transactions.initialize("x", 60_000, p);
  assert.equal(next.producerEpoch, 0);
  assert.notEqual(next.producerId, p.producerId);
  assert.deepEqual(await transactions.initialize("x", 60_000, p), next);
});

test("a fence at the last epoch leaves no epoch to be had twice", async () => {
  const { transactions, begin } = transactionSetting();
  let p = await begin("x");
  while (p.producerEpoch < MAX_EPOCH - 1) p = await transactions.end("x", p, false, true);
  await transactions.add("x", p, HERE);
  const q = await begin("x");
  assert.notEqual(q.producerId, p.producerId);
  assert.equal((await transactions.end("x", p, true, false)).errorCode, Code.INVALID_PRODUCER_ID_MAPPING);
});

test("an id that nobody uses for a week is forgotten, and no producer id is given twice", async () => {
  const { transactions, begin, time, journal } = transactionSetting();
  const p = await begin("x");
  await begin("y");
  await transactions.add("y", await begin("y", 800_000), HERE);
  time.advance(8 * DAY);
  await settle();
  assert.equal(transactions.get("x"), undefined);
  assert.notEqual((await begin("x")).producerId, p.producerId);
  const again = transactionSetting({}, journal, time);
  const { producerId } = await again.transactions.initialize(null, 1, null);
  assert.ok(producerId >= 1000, `${producerId} may have been given out before`);
});

test("a write that is not in the transaction: the code that its version knows", async () => {
  const { transactions, begin } = transactionSetting();
  const p = await begin("x");
  const write = { transactionalId: "x", ...p, partitions: HERE };
  assert.equal(await transactions.verify({ ...write, adds: false, version: 10 }), Code.INVALID_TXN_STATE);
  assert.equal(await transactions.verify({ ...write, adds: false, version: 11 }), Code.TRANSACTION_ABORTABLE);
  assert.equal(await transactions.verify({ ...write, adds: true, version: 12 }), Code.NONE);
  assert.equal(await transactions.verify({ ...write, adds: false, version: 10 }), Code.NONE);
  const old = { ...write, producerEpoch: -1 };
  assert.equal(await transactions.verify({ ...old, adds: true, version: 12 }), Code.INVALID_PRODUCER_EPOCH);
});
