import { produce } from "../../../src/broker/requests/00-produce.ts";
import { listOffsets } from "../../../src/broker/requests/02-list-offsets.ts";
import { initProducerId } from "../../../src/broker/requests/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../../src/broker/requests/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../../src/broker/requests/25-add-offsets-to-txn.ts";
import { endTxn } from "../../../src/broker/requests/26-end-txn.ts";
import { txnOffsetCommit } from "../../../src/broker/requests/28-txn-offset-commit.ts";
import { describeTransactions } from "../../../src/broker/requests/65-describe-transactions.ts";
import { listTransactions } from "../../../src/broker/requests/66-list-transactions.ts";
import { BatchBuilder } from "../../../src/wire/batch-builder.ts";
import { Party } from "../../support/broker-requests.ts";
import { differential, type Station } from "../../support/differential.ts";
import { until } from "../../support/until.ts";

const suffix = Math.random().toString(36).slice(2);
const tests = differential("transactions");

type Producer = { producerId: number; producerEpoch: number };

/** A transactional id in a script: the short forms of its usual requests. */
class Txn {
  readonly #at: Station;
  readonly id: string;
  readonly topic: string;

  constructor(at: Station, id: string, topic: string) {
    this.#at = at;
    this.id = id;
    this.topic = topic;
  }

  init(name: string, expected: Producer = { producerId: -1, producerEpoch: -1 }, version = 5, timeout = 60_000) {
    return this.#at.tell(name, initProducerId, version, {
      transactionalId: this.id,
      transactionTimeoutMs: timeout,
      ...expected,
    });
  }

  /** As a client does: again while the transaction before is being aborted. */
  async begin(): Promise<Producer> {
    return await until(async () => {
      const { errorCode, ...producer } = await this.#at.ask(initProducerId, 4, {
        transactionalId: this.id,
        transactionTimeoutMs: 60_000,
      });
      return errorCode === 0 && producer;
    });
  }

  async add(name: string, { producerId, producerEpoch }: Producer, version = 3, topic = this.topic) {
    const { id } = this;
    const message = { transactionalId: id, producerId, producerEpoch, topics: [{ name: topic, partitions: [0] }] };
    // Kafka answers EndTxn before the markers are written, and so it may say 51 for a moment.
    await until(async () => {
      const { resultsByTopic } = await this.#at.ask(addPartitionsToTxn, version, message);
      return resultsByTopic[0]?.resultsByPartition[0]?.partitionErrorCode !== 51;
    });
    return await this.#at.tell(name, addPartitionsToTxn, version, message);
  }

  async produce(name: string, producer: Producer, sequence: number, version = 9, transactional = true) {
    const builder = new BatchBuilder();
    builder.append(null, new TextEncoder().encode(name), [], Date.now()); // an old one would go with the next retention
    const batch = builder.build({ ...producer, baseSequence: sequence, transactional });
    const line: [string, unknown] = [`${name} (Produce v${version})`, undefined];
    this.#at.told.push(line);
    const answer = await until(async () => {
      const answer = await this.#at.ask(produce, version, {
        transactionalId: this.id,
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: this.topic, topicId: "0".repeat(32), partitionData: [{ index: 0, records: [batch] }] }],
      });
      const code = answer.responses[0]?.partitionResponses[0]?.errorCode;
      return code !== 51 && code !== 19 && code !== 6 && answer; // 6: a topic that is new
    });
    const [partition] = answer.responses[0]?.partitionResponses ?? [];
    line[1] = { errorCode: partition?.errorCode, baseOffset: partition?.baseOffset };
  }

  end(name: string, { producerId, producerEpoch }: Producer, committed: boolean, version: number) {
    return this.#at.tell(name, endTxn, version, { transactionalId: this.id, producerId, producerEpoch, committed });
  }

  /** The state, once the markers are written. */
  async state(name: string) {
    await until(async () => {
      const { transactionStates } = await this.#at.ask(describeTransactions, 0, { transactionalIds: [this.id] });
      return !transactionStates[0]?.transactionState.startsWith("Prepare");
    });
    await this.#at.tell(name, describeTransactions, 0, { transactionalIds: [this.id] });
    for (const isolationLevel of [0, 1]) {
      const { topics } = await this.#at.ask(listOffsets, 5, {
        timeoutMs: 0,
        replicaId: -1,
        isolationLevel,
        topics: [{
          name: this.topic,
          partitions: [{ partitionIndex: 0, timestamp: -1, currentLeaderEpoch: -1 }],
        }],
      });
      this.#at.told.push([`${name}: end, isolation ${isolationLevel}`, topics[0]?.partitions[0]?.offset]);
    }
  }
}

/** The script is answered by Kafka and by the broker alike. */
function same(name: string, script: (at: Station, txn: Txn) => Promise<void>): void {
  const id = `${name.replaceAll(/\W+/g, "-")}-${suffix}`;
  tests.same(name, async (at) => {
    await at.coordinator(id, 0);
    await at.coordinator(id, 1);
    await at.createTopic(id);
    // The id 0 also stands for none in some answers.
    await until(async () => {
      const { errorCode } = await at.ask(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1 });
      return errorCode === 0; // Kafka asks its controller for the first ids
    });
    await script(at, new Txn(at, id, id));
  });
}

same("version 1: commit, abort, repeated, wrong", async (at, txn) => {
  await at.tell("unknown", describeTransactions, 0, { transactionalIds: [txn.id, ""] });
  const p = await txn.begin();
  await txn.state("empty");
  for (const committed of [true, false]) await txn.end("end nothing", p, committed, 1);
  await txn.produce("unverified", p, 0, 9);
  await txn.produce("unverified", p, 0, 11);
  await txn.add("no such topic", p, 3, "no-such-topic");
  await txn.add("add", p);
  await txn.add("add again", p, 0);
  await txn.produce("first", p, 0);
  await txn.produce("second", p, 1);
  await txn.produce("gap", p, 5);
  await txn.produce("second again", p, 1);
  await txn.state("ongoing");
  await txn.end("commit", p, true, 1);
  await txn.state("committed");
  await txn.end("commit again", p, true, 1);
  await txn.end("abort after it", p, false, 1);
  await txn.add("add", p);
  await txn.produce("third", p, 2);
  await txn.end("abort", p, false, 3);
  await txn.state("aborted");
  await txn.end("abort again", p, false, 3);
  await txn.end("commit after it", p, true, 3);
  // What librdkafka does after it has aborted what it has not heard of: taken for a copy of what was aborted.
  await txn.add("add", p);
  await txn.produce("another with the third's number", p, 2);
  await txn.end("commit", p, true, 3);
  await txn.state("committed nothing");
  const wrong = { producerId: p.producerId, producerEpoch: 7 };
  await txn.add("wrong epoch", wrong, 1);
  await txn.add("wrong epoch", wrong, 2);
  await txn.end("wrong epoch", wrong, true, 1);
  await txn.end("wrong epoch", wrong, true, 2);
  const other = { producerId: p.producerId + 5000, producerEpoch: 0 };
  await txn.end("wrong id", other, true, 2);
  await txn.add("wrong id", other);
});

same("version 2: epochs, retries, implicit partitions", async (_, txn) => {
  let p: Producer = await txn.begin();
  await txn.end("commit nothing", p, true, 5);
  p = await txn.end("abort nothing", p, false, 5);
  await txn.state("aborted nothing");
  await txn.produce("first", p, 0, 12);
  await txn.state("ongoing");
  const first = p;
  p = await txn.end("commit", p, true, 5);
  await txn.state("committed");
  await txn.end("commit again", first, true, 5);
  await txn.end("abort after it", first, false, 5);
  await txn.end("commit nothing", p, true, 5);
  await txn.produce("late", first, 1, 12);
  await txn.produce("late old", first, 1, 9);
  await txn.produce("second", p, 0, 12);
  const second = p;
  p = await txn.end("abort", p, false, 5);
  await txn.state("aborted");
  await txn.end("abort again", second, false, 5);
  await txn.end("commit after it", second, true, 5);
  await txn.produce("late", second, 1, 11);
  await txn.end("much older", first, true, 5);
  await txn.end("newer", { ...p, producerEpoch: p.producerEpoch + 1 }, true, 5);
  await txn.produce("third", p, 0, 12);
  await txn.end("commit in version 4", p, true, 4);
  await txn.state("committed");
});

same("fencing and compare-and-swap", async (_, txn) => {
  const p = await txn.begin();
  await txn.produce("open", p, 0, 12);
  await txn.init("while open");
  await txn.state("fenced");
  await txn.produce("fenced", p, 1, 12);
  await txn.produce("fenced", p, 1, 9);
  await txn.add("fenced", p);
  await txn.end("fenced", p, true, 5);
  await txn.end("fenced", p, true, 1);
  const q = await txn.init("next");
  await txn.init("stale", p, 5);
  await txn.init("stale", p, 3);
  await txn.init("other id", { producerId: q.producerId + 7000, producerEpoch: 0 }, 4);
  const r = await txn.init("own", q, 4);
  await txn.init("own, again", q, 4);
  await txn.init("own", r, 3);
  await txn.init("half", { producerId: 1, producerEpoch: -1 }, 4);
  await txn.init("no time", undefined, 4, 0);
  await txn.init("too long", undefined, 4, 900_001);
  await txn.init("fenced for ever", p, 4);
  const s = await txn.begin();
  await txn.produce("open", s, 0, 12);
  await txn.init("own while open", s, 4);
  await txn.state("aborted");
  await txn.init("own again", s, 4);
});

same("offsets in transactions", async (at, txn) => {
  const party = new Party(at, txn.id, txn.topic);
  const commit = (name: string, p: Producer, offset: number, version: number, generationId = -1, memberId = "") =>
    at.tell(name, txnOffsetCommit, version, {
      transactionalId: txn.id,
      groupId: txn.id,
      producerId: p.producerId,
      producerEpoch: p.producerEpoch,
      generationId,
      memberId,
      topics: [{
        name: txn.topic,
        partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: "" }],
      }],
    });
  const p = await txn.begin();
  await commit("unverified", p, 1, 3);
  await commit("unverified", p, 1, 4);
  const add = { transactionalId: txn.id, producerId: p.producerId, producerEpoch: p.producerEpoch, groupId: txn.id };
  await at.tell("add offsets", addOffsetsToTxn, 3, add);
  await commit("verified", p, 5, 3);
  await commit("of a member that is none", p, 5, 3, 1, "nobody");
  await party.fetch("stable", true);
  await party.fetch("any", false);
  await party.commit("a plain one between", -1, "", 3);
  await txn.end("commit", p, true, 3);
  await until(async () => (await party.fetch("waits")).groups[0]?.topics[0]?.partitions[0]?.committedOffset === 3)
    .finally(() => at.told.splice(at.told.findIndex(([name]) => name.startsWith("waits"))));
  await txn.state("committed");
  await party.fetch("the later request counts", true);
  const q = await txn.begin();
  await commit("implicit", q, 9, 5);
  await party.fetch("pending", true);
  const r = await txn.end("commit", q, true, 5);
  await txn.state("committed");
  await party.fetch("committed", true);
  await commit("late", q, 4, 5);
  await commit("late", q, 4, 3);
  await commit("to be aborted", r, 11, 5);
  await txn.end("abort", r, false, 5);
  await txn.state("aborted");
  await party.fetch("aborted", true);
});

same("lists of transactions", async (at, txn) => {
  const p = await txn.begin();
  await txn.produce("open", p, 0, 12);
  const list = async (name: string, filter: object) => {
    const answer = await at.ask(listTransactions, 2, { stateFilters: [], producerIdFilters: [], ...filter });
    const own = answer.transactionStates.filter(({ transactionalId }) => transactionalId === txn.id);
    at.told.push([name, { ...answer, transactionStates: own }]);
  };
  await list("all", {});
  await list("ongoing", { stateFilters: ["Ongoing", "Nonsense", "PrepareEpochFence"] });
  await list("empty", { stateFilters: ["Empty"] });
  await list("producer", { producerIdFilters: [p.producerId] });
  await list("long", { durationFilter: 3_600_000 });
  await list("pattern", { transactionalIdPattern: "lists-.*" });
  await list("part of it", { transactionalIdPattern: "lists" });
  const patterns = [
    "(",
    ")",
    "[",
    "[b-a]",
    "*",
    "a**",
    "lists.{3,1}",
    "(?=lists).*",
    "(.)\\1.*",
    "\\Alists[^ ]{3,}\\z",
    "^(lists|other)-(?:[a-z]+-?)+?[a-z0-9-]*$",
    "lists\\x",
    "LISTS.*",
    "l{1}i?s+t*s.*",
    "[[:alpha:]].*",
    "lists-.*|x",
    "(((x+)+)+)+y",
  ];
  for (const transactionalIdPattern of patterns) await list(transactionalIdPattern, { transactionalIdPattern });
  await txn.end("abort", p, false, 5);
});

tests.finish();
