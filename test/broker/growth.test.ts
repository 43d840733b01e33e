/** What a broker keeps of clients that are gone goes when its time is over, as on Kafka: it can run for months. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Broker } from "../../src/broker/broker.ts";
import { Code } from "../../src/wire/error-codes.ts";
import { logConfigOf } from "../../src/broker/settings/configs.ts";
import { SystemTimers } from "../../src/broker/groups/timers.ts";
import { MemoryBudget } from "../../src/broker/log/budget.ts";
import { Log } from "../../src/broker/log/log.ts";
import { MemoryStores } from "../../src/broker/log/stores.ts";
import { produce } from "../../src/broker/requests/00-produce.ts";
import { offsetCommit } from "../../src/broker/requests/08-offset-commit.ts";
import { joinGroup } from "../../src/broker/requests/11-join-group.ts";
import { leaveGroup } from "../../src/broker/requests/13-leave-group.ts";
import { createTopics } from "../../src/broker/requests/19-create-topics.ts";
import { deleteTopics } from "../../src/broker/requests/20-delete-topics.ts";
import { initProducerId } from "../../src/broker/requests/22-init-producer-id.ts";
import { endTxn } from "../../src/broker/requests/26-end-txn.ts";
import { encodeSubscription } from "../../src/wire/consumer-protocol.ts";
import { until } from "../support/until.ts";
import { type WireClient, wireClient } from "../support/wire-client.ts";
import { makeBatch } from "./log/log-model.ts";

const ROUNDS = 30;
const WEEK = 7 * 86_400_000;
const time = { ahead: 0 };
const clock = { monotonic: () => performance.now() + time.ahead, wall: () => Date.now() + time.ahead };
const broker = new Broker({ port: 0, clock });
let port = 0;

before(async () => {
  ({ port } = await broker.start());
});
after(() => broker.stop());

/** Everything of which there is one for each client, message, topic or group. */
function kept(): Record<string, number> {
  const logs = broker.topics.all().flatMap(({ partitions }) => partitions.map(({ log }) => log));
  const journal = (name: string) => [...broker.journal(name).entries()].length;
  return {
    producers: logs.reduce((sum, { producers }) => sum + producers.size, 0),
    segments: logs.reduce((sum, { segmentCount }) => sum + segmentCount, 0),
    memory: broker.memory.used,
    groups: [...broker.groups.groups()].length,
    transactions: [...broker.transactions.all()].length,
    "journal of groups": journal("groups"),
    "journal of transactions": journal("transactions"),
    "journal of topics": journal("topics"),
    connections: broker.connections,
  };
}

async function createTopic(client: WireClient, name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await client.call(createTopics, 5, { topics: [topic], timeoutMs: 1000, validateOnly: false });
}

/** Writes one message, with a sequence; gives the error code. */
async function write(
  client: WireClient,
  topic: string,
  { producerId, producerEpoch }: { producerId: number; producerEpoch: number },
  transactionalId: string | null = null,
  sequence = 0,
  version = 12,
): Promise<number | undefined> {
  const producer = { id: producerId, epoch: producerEpoch, sequence, transactional: transactionalId !== null };
  const records = [makeBatch([{ key: "k", value: "v", timestamp: clock.wall() }], producer)];
  const topicData = [{ name: topic, topicId: "0".repeat(32), partitionData: [{ index: 0, records }] }];
  const { responses } = await client.call(produce, version, { transactionalId, acks: -1, timeoutMs: 1000, topicData });
  return responses[0]?.partitionResponses[0]?.errorCode;
}

/** A client's whole life, of everything a little. */
async function live(name: string, commits: boolean): Promise<void> {
  const client = await wireClient(port);
  const begin = (transactionalId: string | null) =>
    client.call(initProducerId, 4, { transactionalId, transactionTimeoutMs: 60_000 });
  await createTopic(client, name);
  for (const topic of ["t", name]) assert.equal(await write(client, topic, await begin(null)), 0);

  const producer = await begin(name);
  assert.equal(await write(client, "t", producer, name), 0);
  const { producerId, producerEpoch } = producer;
  await client.call(endTxn, 5, { transactionalId: name, producerId, producerEpoch, committed: commits });
  // Asked about, and then refused: because of its sequence, or since an old producer does not add its partition itself.
  assert.equal(
    await write(client, "t", await begin(`${name}-late`), `${name}-late`, 7),
    Code.OUT_OF_ORDER_SEQUENCE_NUMBER,
  );
  const old = `${name}-old`;
  assert.equal(await write(client, "t", await begin(old), old, 0, 11), Code.TRANSACTION_ABORTABLE);

  const metadata = encodeSubscription({ topics: ["t"], userData: new Uint8Array(0) });
  const { memberId } = await client.call(joinGroup, 3, {
    groupId: name,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: "",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata }],
  });
  await client.call(leaveGroup, 4, { groupId: name, members: [{ memberId }] });
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }];
  await client.call(offsetCommit, 7, {
    groupId: name,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [{ name: "t", partitions }],
  });
  await client.call(deleteTopics, 5, { topics: [], topicNames: [name], timeoutMs: 1000 });
  client.close();
}

test("a week later nothing is left of clients, groups, transactions and topics that are gone", async () => {
  const client = await wireClient(port);
  await createTopic(client, "t");
  await live("first", true); // whatever is there once is there now
  await age();
  await until(() => broker.connections === 1);
  const before = kept();

  for (let round = 0; round < ROUNDS; round++) await live(`round-${round}`, round % 2 === 0);
  await until(() => broker.connections === 1);
  const { producers = 0, groups = 0, transactions = 0 } = kept();
  assert.ok(producers >= 3 * ROUNDS && groups === ROUNDS && transactions === 3 * ROUNDS, "they are kept for a while");

  await age();
  assert.deepEqual(kept(), before);
  client.close();
});

/** Time goes by, and the broker does what it does from time to time. */
async function age(): Promise<void> {
  time.ahead += WEEK + 1;
  // A transaction that nobody has ended is aborted first, and that counts as a use of its id.
  await broker.transactions.abortTimedOut();
  time.ahead += WEEK + 1;
  broker.maintain();
  broker.groups.clean();
  broker.transactions.expireIds();
}

test("of transactions that were aborted a compacted log keeps nothing once their records are gone", () => {
  const log = new Log({
    config: { ...logConfigOf(new Map([["cleanup.policy", "compact"]])), segmentBytes: 400 },
    stores: new MemoryStores(new MemoryBudget(1e9)),
    clock,
  });
  for (let i = 0; i < 100; i++) {
    const verification = log.producers.verify(7, 0, i, true, clock.wall());
    const producer = { id: 7, epoch: 0, sequence: i, transactional: true };
    log.append(makeBatch([{ key: "k", value: "v", timestamp: clock.wall() }], producer), verification);
    log.appendMarker(7, 0, 0, "abort");
  }
  const aborted = () => log.read({ from: 0, maxBytes: 1e9, committed: true, atLeastOne: true }).aborted?.length;
  assert.equal(aborted(), 100);
  log.maintain(clock.wall());
  assert.ok((aborted() ?? 100) < 5, `${aborted()}`);
});

test("a timer that has run or was cancelled is forgotten", async () => {
  const timers = new SystemTimers();
  for (let i = 0; i < 100; i++) timers.after(1_000_000, () => {}).cancel();
  await new Promise<void>((resolve) => timers.after(0, resolve));
  assert.equal(timers.pending, 0);
  timers.after(1_000_000, () => {});
  assert.equal(timers.pending, 1);
  timers.stop();
  assert.equal(timers.pending, 0);
});
