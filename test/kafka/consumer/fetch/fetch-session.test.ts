import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Acknowledgements } from "../../../../src/core/acknowledgements.ts";
import { systemClock } from "../../../../src/core/clock.ts";
import type { Delivery } from "../../../../src/driver/driver.ts";
import { Code } from "../../../../src/wire/error-codes.ts";
import { Fetcher } from "../../../../src/kafka/consumer/fetch/fetcher.ts";
import { FetchSession } from "../../../../src/kafka/consumer/fetch/fetch-session.ts";
import type { BrokerConnection } from "../../../../src/kafka/connection/broker-connection.ts";
import { Positions } from "../../../../src/kafka/consumer/positions.ts";
import type { Reading } from "../../../../src/kafka/consumer/fetch/reading.ts";
import type { Address } from "../../../../src/kafka/connection/url.ts";
import type { Call } from "../../../../src/wire/call.ts";
import { BatchBuilder } from "../../../../src/wire/batch-builder.ts";
import { Reader } from "../../../../src/wire/reader.ts";
import { Lines } from "../../../core/fakes.ts";
import { until } from "../../../support/until.ts";
import { OneBroker } from "../one-broker.ts";

const TOPIC_ID = "0123456789abcdef0123456789abcdef";
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** What a Fetch asked, as its bytes say. */
interface Asked {
  readonly sessionId: number;
  readonly epoch: number;
  readonly partitions: { partition: number; offset: number; lastEpoch: number }[];
  readonly forgotten: number[];
}

function readFetch(call: Call<unknown>): Asked {
  const r = new Reader(call.encode());
  r.skipTaggedFields();
  for (let n = 0; n < 4; n++) r.int32();
  r.int8();
  const [sessionId, epoch] = [r.int32(), r.int32()];
  const partitions: Asked["partitions"] = [];
  r.compactArray(() => {
    r.uuid();
    r.compactArray(() => {
      const partition = r.int32();
      r.int32();
      const offset = r.int64();
      const lastEpoch = r.int32();
      r.int64();
      r.int32();
      r.skipTaggedFields();
      partitions.push({ partition, offset, lastEpoch });
    });
    r.skipTaggedFields();
  });
  const forgotten: number[] = [];
  r.compactArray(() => {
    r.uuid();
    r.compactArray(() => forgotten.push(r.int32()));
    r.skipTaggedFields();
  });
  return { sessionId, epoch, partitions, forgotten };
}

/** A broker that leads one topic, and keeps fetch sessions as Kafka does, unless its test says otherwise. */
class FakeBroker extends OneBroker {
  readonly asked: Asked[] = [];
  /** By session: what it remembers of each partition, and the epoch that it expects. */
  readonly sessions = new Map<number, { epoch: number; at: Map<number, { offset: number; lastEpoch: number }> }>();
  keepsSessions = true;
  /** The next answer is this error. */
  error = 0;
  /** Of each partition, how many messages there are, of the epochs that begin at these offsets. */
  readonly logs = new Map<number, { end: number; epochs: [epoch: number, from: number][] }>();
  #next = 0;

  override connection(address: Address): BrokerConnection {
    const connection = super.connection(address);
    connection.send = async <T>(call: Call<T>) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return this.answer(readFetch(call)) as T;
    };
    return connection;
  }

  answer(asked: Asked): unknown {
    this.asked.push(asked);
    const failed = (errorCode: number) => ({ throttleTimeMs: 0, errorCode, sessionId: 0, topics: [] });
    const { error } = this;
    this.error = 0;
    if (error !== 0) return failed(error);
    const { sessionId, epoch, partitions, forgotten } = asked;
    if (epoch <= 0) this.sessions.delete(sessionId);
    const known = epoch > 0 ? this.sessions.get(sessionId) : { epoch: 0, at: new Map() };
    if (known === undefined) return failed(Code.FETCH_SESSION_ID_NOT_FOUND);
    if (known.epoch !== epoch) return failed(Code.INVALID_FETCH_SESSION_EPOCH);
    for (const { partition, offset, lastEpoch } of partitions) known.at.set(partition, { offset, lastEpoch });
    for (const partition of forgotten) known.at.delete(partition); // last, as Kafka does
    known.epoch++;
    const id = !this.keepsSessions ? 0 : epoch > 0 ? sessionId : ++this.#next;
    if (id !== 0) this.sessions.set(id, known);
    const found = [...known.at].flatMap(([partition, { offset, lastEpoch }]) =>
      this.read(partition, offset, lastEpoch)
    );
    return { throttleTimeMs: 0, errorCode: 0, sessionId: id, topics: [{ topicId: TOPIC_ID, partitions: found }] };
  }

  read(partition: number, offset: number, lastEpoch: number) {
    const log = this.logs.get(partition) ?? { end: 0, epochs: [[0, 0]] };
    const answer = {
      partition,
      errorCode: 0,
      highWatermark: log.end,
      lastStableOffset: log.end,
      logStartOffset: 0,
      aborted: [],
      preferredReadReplica: -1,
      diverging: undefined as { epoch: number; endOffset: number } | undefined,
      records: new Uint8Array(0),
    };
    const at = log.epochs.findLastIndex(([epoch]) => epoch <= lastEpoch);
    const [epoch = -1] = log.epochs[at] ?? [];
    const endOffset = log.epochs[at + 1]?.[1] ?? log.end;
    if (lastEpoch >= 0 && (epoch < lastEpoch || endOffset < offset)) {
      return [{ ...answer, diverging: { epoch, endOffset } }];
    }
    if (offset > log.end) return [{ ...answer, errorCode: Code.OFFSET_OUT_OF_RANGE }];
    if (offset === log.end) return [];
    const builder = new BatchBuilder();
    const of = log.epochs.findLastIndex(([, from]) => from <= offset);
    const end = log.epochs[of + 1]?.[1] ?? log.end;
    for (let n = offset; n < end; n++) {
      builder.append(null, new TextEncoder().encode(`${partition}:${n} of ${log.epochs[of]?.[0]}`), [], 1);
    }
    const records = builder.build({ producerId: -1, producerEpoch: -1, baseSequence: -1 });
    const view = new DataView(records.buffer, records.byteOffset);
    view.setBigInt64(0, BigInt(offset));
    view.setInt32(12, log.epochs[of]?.[0] ?? 0);
    return [{ ...answer, records }];
  }
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function reading(partitions: number, from = 0, leaderEpoch = -1) {
  const broker = new FakeBroker();
  const lines = new Lines();
  const read: string[] = [];
  const deliver = (delivery: Delivery) => {
    const run = delivery.open();
    for (const { value } of run?.messages ?? []) read.push(new TextDecoder().decode(value ?? undefined));
    delivery.close();
  };
  const fetcher = new Fetcher(broker, new Positions(broker), deliver, lines, systemClock);
  const acks = numbers(partitions).map((partition) =>
    new Acknowledgements({ topic: "t", partition }, from, TOPIC_ID, leaderEpoch)
  );
  for (const each of acks) fetcher.add(each);
  ends.push(() => {
    fetcher.close();
    broker.close();
  });
  const append = (partition: number, end: number, epochs: [number, number][] = [[0, 0]]) => {
    broker.logs.set(partition, { end, epochs });
  };
  return { broker, lines, read, fetcher, acks, append };
}

test("only what has changed is asked for again, and of what is idle nothing", async () => {
  const { broker, read, append } = reading(1000);
  await until(() => broker.asked.length > 8);
  const said = () => broker.asked.reduce((sum, { partitions }) => sum + partitions.length, 0);
  assert.equal(said(), 1000, "each was said once");
  for (const partition of [3, 700, 999]) append(partition, 5);
  await until(() => read.length === 15);
  const from = broker.asked.length;
  await until(() => broker.asked.length > from + 6);
  assert.equal(said(), 1003);
  assert.ok(broker.asked.slice(from + 2).every(({ sessionId, epoch }) => sessionId > 0 && epoch > 0));
  assert.deepEqual(new Set(read).size, 15);
});

for (const error of [Code.FETCH_SESSION_ID_NOT_FOUND, Code.INVALID_FETCH_SESSION_EPOCH] as const) {
  test(`after error ${error} all is said again, and nothing is left out or comes twice`, async () => {
    const { broker, read, append, lines } = reading(10);
    await until(() => broker.asked.length > 4);
    broker.error = error;
    await until(() => broker.error === 0);
    for (const partition of numbers(10)) append(partition, 3);
    await until(() => read.length === 30);
    assert.equal(new Set(read).size, 30);
    assert.deepEqual(lines.of(/^(warn|error)/), []);
  });
}

test("a broker that has forgotten its sessions, or keeps none, is told all of it", async () => {
  const { broker, read, append } = reading(10);
  await until(() => broker.asked.length > 4);
  broker.sessions.clear();
  for (const partition of numbers(10)) append(partition, 3);
  await until(() => read.length === 30);
  broker.keepsSessions = false;
  broker.sessions.clear();
  for (const partition of numbers(10)) append(partition, 6);
  await until(() => read.length === 60);
  assert.equal(new Set(read).size, 60);
  const from = broker.asked.length;
  await until(() => broker.asked.length > from + 4);
  assert.ok(broker.asked.slice(from + 2).every(({ sessionId, epoch }) => sessionId === 0 && epoch === 0));
});

test("a broker that keeps no sessions is asked first for what nothing has come of for longest, whichever topic it is of", () => {
  const session = new FetchSession();
  const [a, b, c] = ["0", "1", "0"].map((digit, partition): Reading => ({
    ...{ topic: digit, topicId: digit.repeat(32), partition, position: 0, leaderEpoch: -1, waiting: 0, notBefore: 0 },
    ...{ acks: new Acknowledgements({ topic: digit, partition }, 0), version: 0, nodeId: 0, session: undefined },
    ...{ inTopic: { waiting: 0, isCrowded: false } },
  }));
  assert.ok(a && b && c);
  for (const reading of [a, b, c]) session.want(reading);
  const order = () => session.next(1).topics.flatMap(({ partitions }) => partitions.map(({ partition }) => partition));
  assert.deepEqual(order(), [0, 1, 2]);
  for (const [reading, expected] of [[a, [1, 2, 0]], [b, [2, 0, 1]], [b, [2, 0, 1]], [c, [0, 1, 2]]] as const) {
    reading.position++;
    session.want(reading);
    session.answered(0);
    assert.deepEqual(order(), expected);
  }
});

test("what is not read any more is forgotten", async () => {
  const { broker, read, fetcher, append } = reading(3);
  await until(() => broker.asked.length > 4);
  fetcher.remove({ topic: "t", partition: 1 });
  const from = broker.asked.length;
  await until(() => broker.asked.length > from + 4);
  assert.deepEqual(broker.asked.flatMap(({ forgotten }) => forgotten), [1]);
  for (const partition of numbers(3)) append(partition, 1);
  await until(() => read.length === 2);
  assert.deepEqual(read.toSorted(), ["0:0 of 0", "2:0 of 0"]);
});

test("what is lost and gained again before anything was said of it is read", async () => {
  const { broker, read, fetcher, append } = reading(3);
  await until(() => broker.asked.length > 4);
  for (let round = 1; round <= 10; round++) {
    for (const partition of numbers(3)) {
      fetcher.add(new Acknowledgements({ topic: "t", partition }, round - 1, TOPIC_ID, -1));
      append(partition, round);
    }
    await until(() => read.length === 3 * round);
  }
  assert.equal(new Set(read).size, 30);
});

test("a log that was cut back below what was read is told in one line, and read on where it is another one", async () => {
  const { lines, read, append, acks: [acks] } = reading(1);
  append(0, 120);
  await until(() => read.length === 120);
  acks?.acknowledger()(110);
  append(0, 130, [[0, 0], [1, 100]]); // epoch 1 begins at 100, where the log was cut
  await until(() => read.length === 150);
  assert.deepEqual(read.slice(120), numbers(30).map((n) => `0:${100 + n} of 1`));
  assert.deepEqual(lines.of(/^(warn|error)/), [
    "warn: t[0]: its log was cut back from offset 120 to 100 (an unclean leader election): 10 messages that this worker " +
    "has handled are gone, and 10 that it has not. Reading on at offset 100.",
  ]);
  assert.deepEqual([acks?.position, acks?.committed], [100, 99], "that is what is committed next");
});

test("what was not handled before the cut is read again, and an epoch that the broker does not know is no cut", async () => {
  const { broker, lines, read, append, acks: [acks] } = reading(1);
  append(0, 120);
  await until(() => read.length === 120);
  acks?.acknowledger()(40);
  append(0, 121, [[0, 0], [2, 100]]);
  await until(() => read.length === 201);
  assert.equal(read[120], "0:40 of 0");
  assert.match(lines.of(/^warn/)[0] ?? "", /from offset 120 to 100 .*: 0 messages .* gone, and 20 .* at offset 40\.$/);
  // As of a broker that has lost its table of epochs: it knows nothing of ours, which is no reason to begin anew.
  const usual = broker.read.bind(broker);
  broker.read = (partition, offset, lastEpoch) =>
    lastEpoch < 0 ? usual(partition, offset, lastEpoch) : usual(partition, Infinity, -1);
  append(0, 125, [[0, 0], [2, 100]]);
  await until(() => read.length === 205);
  assert.equal(lines.of(/^warn/).length, 1);
});

test("so it is found out of an offset that was committed before, by the epoch beside it", async () => {
  const before = reading(1);
  before.append(0, 130, [[3, 0], [5, 120]]);
  await until(() => before.read.length === 130);
  const [handled] = before.acks;
  handled?.acknowledger()(110);
  assert.deepEqual([handled?.commit().position, handled?.commit().leaderEpoch], [110, 3]);
  handled?.acknowledger()(121);
  assert.equal(handled?.commit().leaderEpoch, 5);
  const { lines, read, append } = reading(1, 121, 5);
  append(0, 140, [[3, 0], [6, 100]]);
  await until(() => read.length === 40);
  assert.equal(read[0], "0:100 of 6");
  assert.match(lines.of(/^warn/)[0] ?? "", /from offset 121 to 100 .*: 21 messages .* handled are gone, and 0 /);
});

test("an epoch that is not in the log is no cut where all that was read of it is", async () => {
  const { lines, read, append } = reading(1, 50, 5);
  append(0, 60, [[3, 0], [6, 50]]);
  await until(() => read.length === 10);
  assert.deepEqual(lines.of(/^(warn|error)/), []);
});
