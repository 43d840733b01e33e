/** A broker is killed at each point of a transaction, before, amid and after each of its writes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { cpSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { Broker } from "../../../src/broker/broker.ts";
import { produce } from "../../../src/broker/requests/00-produce.ts";
import { initProducerId } from "../../../src/broker/requests/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../../src/broker/requests/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../../src/broker/requests/25-add-offsets-to-txn.ts";
import { endTxn } from "../../../src/broker/requests/26-end-txn.ts";
import { txnOffsetCommit } from "../../../src/broker/requests/28-txn-offset-commit.ts";
import { BatchBuilder } from "../../../src/wire/batch-builder.ts";
import { decodeRecords } from "../../../src/wire/records.ts";
import { type DirectClient, directClient } from "../../support/direct-client.ts";
import { momentsOf } from "../../support/crash-points.ts";
import { until } from "../../support/until.ts";

const isNode = process.versions.bun === undefined && process.versions.deno === undefined;
const skip = !isNode && "only Node has functions of its modules replaced";
const scratch = await mkdtemp(join(tmpdir(), "mephisto-moments-"));
after(() => rm(scratch, { recursive: true, force: true }));

const TOPIC = "t";
const GROUP = "g";
const ID = "x";
const CONCURRENT = 51;

/** Of a transactional producer: version 1 or 2 of its transactions. */
class Producer {
  readonly #ask: DirectClient;
  readonly #version: 1 | 2;
  #producer = { producerId: -1, producerEpoch: -1 };
  #sequences = [0, 0];

  constructor(ask: DirectClient, version: 1 | 2) {
    this.#ask = ask;
    this.#version = version;
  }

  /** As a client does: again while the transaction before is being ended. */
  async begin(): Promise<void> {
    await until(async () => {
      const { errorCode, ...producer } = await this.#ask(initProducerId, 5, {
        transactionalId: ID,
        transactionTimeoutMs: 60_000,
      });
      if (errorCode !== CONCURRENT) assert.equal(errorCode, 0);
      this.#producer = producer;
      return errorCode === 0;
    }, { every: 1, within: 3000 });
    this.#sequences = [0, 0];
  }

  /** Two messages in partition 0, one in partition 1, and an offset. */
  async write(name: string, offset: number): Promise<void> {
    const own = { transactionalId: ID, ...this.#producer };
    if (this.#version === 1) {
      const topics = [{ name: TOPIC, partitions: [0, 1] }];
      const { resultsByTopic } = await this.#ask(addPartitionsToTxn, 3, { ...own, topics });
      for (const { partitionErrorCode } of resultsByTopic[0]?.resultsByPartition ?? []) {
        assert.equal(partitionErrorCode, 0);
      }
    }
    for (const [part, index] of [0, 1, 0].entries()) await this.#produce(index, `${name} ${part}`);
    if (this.#version === 1) {
      assert.equal((await this.#ask(addOffsetsToTxn, 3, { ...own, groupId: GROUP })).errorCode, 0);
    }
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: "" }];
    const { topics } = await this.#ask(txnOffsetCommit, this.#version === 1 ? 3 : 5, {
      ...own,
      groupId: GROUP,
      topics: [{ name: TOPIC, partitions }],
    });
    assert.equal(topics[0]?.partitions[0]?.errorCode, 0);
  }

  /** As a client does, again while it is being ended. */
  async end(committed: boolean): Promise<void> {
    const { producerId, producerEpoch } = await until(async () => {
      const message = { transactionalId: ID, ...this.#producer, committed };
      const answer = await this.#ask(endTxn, this.#version === 1 ? 4 : 5, message);
      if (answer.errorCode !== CONCURRENT) assert.equal(answer.errorCode, 0);
      return answer.errorCode === 0 && answer;
    }, { every: 1, within: 3000 });
    if (this.#version === 1) return;
    this.#producer = { producerId, producerEpoch };
    this.#sequences = [0, 0];
  }

  /** The same producer, of another broker on what was left. */
  at(ask: DirectClient): Producer {
    const same = new Producer(ask, this.#version);
    same.#producer = this.#producer;
    same.#sequences = [...this.#sequences];
    return same;
  }

  async #produce(index: number, value: string): Promise<void> {
    const builder = new BatchBuilder();
    builder.append(null, Buffer.from(value), [], Date.now());
    const baseSequence = this.#sequences[index] ?? 0;
    this.#sequences[index] = baseSequence + 1;
    const records = [builder.build({ ...this.#producer, baseSequence, transactional: true })];
    const { responses } = await this.#ask(produce, this.#version === 1 ? 9 : 12, {
      transactionalId: ID,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: TOPIC, topicId: "0".repeat(32), partitionData: [{ index, records }] }],
    });
    assert.equal(responses[0]?.partitionResponses[0]?.errorCode, 0);
  }
}

/** The messages that a reader of what is committed sees, by partition, and the group's offset. */
function seen(broker: Broker): { messages: string[][]; offset: number | undefined } {
  const messages = [0, 1].map((index) => {
    const log = broker.topics.partition(TOPIC, index)?.log;
    const all = { from: 0, maxBytes: 1e6, committed: true, atLeastOne: true };
    const { pieces = [], aborted = [] } = log?.read(all) ?? {};
    const options = { from: 0, readCommitted: { aborted: aborted ?? [] } };
    return decodeRecords(Buffer.concat(pieces), options).records.map(({ value }) => String(Buffer.from(value ?? [])));
  });
  return { messages, offset: broker.groups.offsets(GROUP)?.committed.get(TOPIC, 0)?.offset };
}

const BEFORE = { messages: [["before 0", "before 2"], ["before 1"]], offset: 1 };
const ALL = { messages: [["before 0", "before 2", "it 0", "it 2"], ["before 1", "it 1"]], offset: 3 };
const THEN = [["then 0", "then 2"], ["then 1"]];

/** Nothing waits for the end of a transaction. */
function isStable(broker: Broker): boolean {
  const logs = [0, 1].map((index) => broker.topics.partition(TOPIC, index)?.log);
  return logs.every((log) => log?.lastStableOffset === log?.endOffset) &&
    broker.groups.offsets(GROUP)?.isUnstable(TOPIC, 0) !== true;
}

/** How the transaction ends: its producer has it end, or the next one's coming does. */
type End = "commit" | "abort" | "fence";

for (const version of [1, 2] as const) {
  for (const end of ["commit", "abort", "fence"] as const satisfies End[]) {
    test(`version ${version}: killed at each point of a transaction that ends with a ${end}`, { skip }, async (t) => {
      const data = join(scratch, `${version}-${end}`);
      const broker = new Broker({ port: 0, data });
      t.after(() => broker.stop());
      await killedAtEachPoint(broker, data, version, end);
    });
  }
}

async function killedAtEachPoint(first: Broker, data: string, version: 1 | 2, end: End): Promise<void> {
  await first.start();
  first.topics.create(TOPIC, 2, new Map());
  const ask = directClient(first);
  const producer = new Producer(ask, version);
  await producer.begin();
  await producer.write("before", 1);
  await producer.end(true);
  await producer.write("aborted", 2);
  await producer.end(false);
  let step: "writing" | "ending" | "ended" = "writing";
  let asItWas = producer.at(ask);
  const moments = await momentsOf(data, `${data}-moments`, () => ({ step, producer: asItWas }), async () => {
    await producer.write("it", 3);
    step = "ending";
    asItWas = producer.at(ask);
    if (end === "fence") await new Producer(ask, version).begin();
    else await producer.end(end === "commit");
    step = "ended";
  });
  assert.ok(moments.length > 30, `only ${moments.length} moments`);
  const steps = new Set(moments.map(({ step }) => step));
  assert.deepEqual([...steps], ["writing", "ending", "ended"]);

  for (const { folder, name, step, producer } of moments) {
    const follow = async (what: string, script: (ask: DirectClient, broker: Broker) => Promise<void>) => {
      const copy = `${folder}-${what.replaceAll(" ", "-")}`;
      cpSync(folder, copy, { recursive: true });
      const broker = new Broker({ port: 0, data: copy, sync: false });
      await broker.start();
      try {
        // What was decided is done before a client can ask.
        const found = seen(broker);
        if (broker.transactions.get(ID)?.state !== "Ongoing") assert.ok(isStable(broker), "something still waits");
        const isAll = found.offset === ALL.offset;
        assert.deepEqual(found, isAll ? ALL : BEFORE);
        if (step === "ended") assert.equal(isAll, end === "commit");
        if (step === "writing") assert.ok(!isAll, "nobody has asked for it to be committed");
        await script(directClient(broker), broker);
        const left = seen(broker);
        await broker.stop();
        // What was torn did not hide what came after it.
        const later = new Broker({ port: 0, data: copy, sync: false });
        try {
          await later.start();
          assert.deepEqual(seen(later), left, "after one more start");
        } finally {
          await later.stop();
        }
      } catch (error) {
        throw new Error(`killed ${name} (${step}), ${what}`, { cause: error });
      } finally {
        await broker.stop();
      }
    };
    await follow("the next producer comes", async (ask, broker) => {
      const found = seen(broker);
      const next = new Producer(ask, version);
      await next.begin();
      assert.ok(isStable(broker), "something still waits");
      assert.deepEqual(seen(broker), found);
      await next.write("then", 4);
      await next.end(true);
      const messages = found.messages.map((there, index) => [...there, ...THEN[index] ?? []]);
      assert.deepEqual(seen(broker), { messages, offset: 4 });
      assert.ok(isStable(broker), "something still waits");
    });
    if (step === "writing" || end === "fence") continue;
    await follow("its producer asks again", async (ask, broker) => {
      const again = producer.at(ask);
      await again.end(end === "commit");
      assert.deepEqual(seen(broker), end === "commit" ? ALL : BEFORE);
      assert.ok(isStable(broker), "something still waits");
      await again.write("then", 4);
      await again.end(true);
      const { messages } = end === "commit" ? ALL : BEFORE;
      assert.deepEqual(seen(broker).messages, messages.map((there, index) => [...there, ...THEN[index] ?? []]));
    });
  }
}
