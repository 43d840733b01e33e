import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordBatchCursor } from "../../src/core/message.ts";
import { decodeValue, serializer } from "../../src/core/serializer.ts";
import type { Feed, InFlight } from "../../src/core/feed.ts";
import { HandlerStream } from "../../src/core/handler-stream.ts";
import { LazySignal } from "../../src/core/lazy-signal.ts";
import { FakePartition, FakeTime, isDone, message, settle, UNREADABLE } from "../worker/fakes.ts";
import { coded } from "./fakes.ts";

/** A feed of runs in a row. */
class FakeFeed implements Feed {
  ended = false;
  unsettled = false;
  settling: () => Promise<void> = () => Promise.resolve();
  readonly given: RecordBatchCursor[] = [];
  readonly aside: string[] = [];
  doneCalls = 0;
  readonly over = new AbortController();
  readonly signal = this.over.signal;
  readonly #time: FakeTime;
  #runs: RecordBatchCursor[] = [];
  #wake: (() => void)[] = [];

  constructor(time: FakeTime) {
    this.#time = time;
  }

  add(...runs: RecordBatchCursor[]): void {
    this.#runs.push(...runs);
    for (const wake of this.#wake.splice(0)) wake();
  }

  end(): void {
    this.ended = true;
    this.add();
  }

  take(): RecordBatchCursor | undefined {
    return this.#runs.shift();
  }

  wait(limit?: number): Promise<void> {
    if (this.ended) return Promise.resolve();
    const over = new AbortController();
    if (limit === undefined) return new Promise((resolve) => this.#wake.push(resolve));
    this.#wake.push(() => over.abort());
    return this.#time.sleep(limit, over.signal);
  }

  /** Its partition is given away. */
  giveAway(run: RecordBatchCursor): void {
    run.holder = { over: true, handling: new LazySignal() };
    run.limit = 0;
  }

  release(run: RecordBatchCursor): void {
    this.given.push(run);
  }

  readonly turned = false;

  crowded = false;

  extend(run: RecordBatchCursor): boolean {
    run.limit = run.ours ? run.messages.length : 0;
    return run.index < run.limit;
  }

  rest(): undefined {}

  returned(): void {}

  deadLetter(_: RecordBatchCursor, { offset }: { offset: number }, error: unknown): Promise<boolean> {
    this.aside.push(`${offset} ${error instanceof Error ? error.name : error}`);
    return Promise.resolve(true);
  }

  settle(): Promise<void> {
    return this.settling();
  }

  done(messages: readonly InFlight[]): void {
    this.doneCalls++;
    for (const { run, to } of messages) run.acknowledge(to);
  }
}

function made() {
  const time = new FakeTime();
  const feed = new FakeFeed(time);
  const text = serializer("text", "text");
  const decoder = { key: text.decode, value: (bytes: Uint8Array | null) => decodeValue(text, bytes) };
  return { time, feed, partition: new FakePartition(0), stream: new HandlerStream(feed, decoder, time) };
}

const iterator = <T>(iterable: AsyncIterable<T>) => iterable[Symbol.asyncIterator]();

test("a message is acknowledged when the loop comes back, and not before", async () => {
  const { feed, partition, stream } = made();
  feed.add(partition.run(["a", "b"]), partition.run(["c"]));
  const loop = iterator(stream);
  for (const [offset, value] of ["a", "b", "c"].entries()) {
    assert.deepEqual(await loop.next(), { done: false, value });
    await settle();
    assert.equal(partition.acknowledged, offset);
  }
  const last = loop.next();
  assert.equal(await isDone(last), false);
  assert.equal(partition.acknowledged, 3);
  feed.end();
  assert.deepEqual(await last, { done: true, value: undefined });
});

test("the last of a run leads past what follows it in the log", async () => {
  const { feed, stream } = made();
  const acknowledged: number[] = [];
  feed.add(new RecordBatchCursor("t", 0, [message("a", 3), message("b", 7)], 12, (next) => acknowledged.push(next)));
  const loop = iterator(stream);
  await loop.next();
  await loop.next();
  void loop.next();
  await settle();
  assert.deepEqual(acknowledged, [7, 12]);
});

test("events have all that belongs to a message", async () => {
  const { feed, partition, stream } = made();
  const bytes = new TextEncoder().encode("k");
  const headers: [string, Uint8Array | null][] = [["h", bytes], ["none", null]];
  feed.add(partition.run([message("a", 5, { key: bytes, headers }), message("b", 6)]));
  const loop = iterator(stream.events());
  const common = { topic: "shop-orders", partition: 0 };
  const first = (await loop.next()).value;
  assert.deepEqual({ ...first }, {
    ...common,
    value: "a",
    key: "k",
    headers: { h: bytes },
    offset: 5,
    timestamp: 1_700_000_000_005,
  });
  const next = await loop.next();
  const second = { ...common, value: "b", key: null, headers: {}, offset: 6, timestamp: 1_700_000_000_006 };
  assert.deepEqual({ ...next.value }, second);
  assert.deepEqual([first?.allHeaders, next.value?.allHeaders], [headers, []]);
  assert.equal(partition.acknowledged, 6);
});

test("headers have the last value of each name, and allHeaders all of them as they were", async () => {
  const { feed, partition, stream } = made();
  const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)];
  const all: [string, Uint8Array | null][] = [
    ["tag", one],
    ["__proto__", one],
    ["tag", two],
    ["none", null],
    ["constructor", two],
    ["tag", null],
  ];
  feed.add(partition.run([message("a", 0, { headers: all })]));
  const { value } = await iterator(stream.events()).next();
  const { headers, allHeaders } = value ?? assert.fail();
  assert.deepEqual(Object.entries(headers), [["tag", two], ["__proto__", one], ["constructor", two]]);
  assert.equal(headers["__proto__"], one);
  assert.equal(Object.getPrototypeOf(headers), Object.prototype, "no header is its prototype");
  assert.deepEqual(allHeaders, all);
});

test("a break leaves the message in hand, and a second loop goes on after it", async () => {
  const { feed, partition, stream } = made();
  feed.add(partition.run(["a", "b", "c", "d", "e"]));
  const seen: unknown[] = [];
  for await (const value of stream) {
    seen.push(value);
    if (value === "b") break;
  }
  assert.equal(partition.acknowledged, 1);
  for await (const { value } of stream.events()) {
    assert.equal(partition.acknowledged, 2);
    seen.push(value);
    break;
  }
  for await (const batch of stream.take(1)) {
    assert.equal(partition.acknowledged, 3);
    seen.push(batch);
    break;
  }
  for await (const value of stream) {
    assert.equal(partition.acknowledged, 4);
    seen.push(value);
    break;
  }
  assert.deepEqual(seen, ["a", "b", "c", ["d"], "e"]);
});

test("finish gives the run back and acknowledges what is in hand; abandon acknowledges nothing", async () => {
  for (const how of ["finish", "abandon"] as const) {
    const { feed, partition, stream } = made();
    const run = partition.run(["a", "b", "c"]);
    feed.add(run);
    await iterator(stream).next();
    await iterator(stream).next();
    assert.deepEqual(stream.inFlight(), [{ run, from: 1, to: 2 }]);
    await stream[how]();
    assert.equal(partition.acknowledged, how === "finish" ? 2 : 1);
    assert.deepEqual(stream.inFlight(), []);
    assert.deepEqual(feed.given, [run]);
  }
});

test("what cannot be read is dead-lettered, wherever it stands", async () => {
  const X = UNREADABLE;
  for (const values of [[X, "a"], ["a", X, "b"], ["a", X], [X], [X, X, "a", X, X], [null, "a"]]) {
    for (const how of ["values", "events", "take 1", "take 3"]) {
      const { feed, partition, stream } = made();
      feed.add(partition.run(values));
      const source: AsyncIterable<unknown> = how === "values"
        ? stream
        : how === "events"
        ? stream.events()
        : stream.take(Number(how.slice(5)), { within: 0 });
      const seen: unknown[] = [];
      const loop = (async () => {
        for await (const value of source) seen.push(value);
      })();
      await settle();
      feed.end();
      await loop;
      const good = values.filter((value) => value !== X); // a tombstone is a value, wherever it comes
      const flat = seen.flat().map((value) =>
        value !== null && typeof value === "object" && "value" in value ? value.value : value
      );
      const about = `${how} of ${JSON.stringify(values)}`;
      assert.deepEqual(flat, good, about);
      assert.equal(partition.acknowledged, values.length, about);
      assert.equal(feed.aside.length, values.length - good.length, about);
      assert.deepEqual(partition.acknowledgements, partition.acknowledgements.toSorted((a, b) => a - b), about);
    }
  }
});

test("an unreadable key is dead-lettered when events are asked for, and does not matter else", async () => {
  for (const how of ["values", "events"]) {
    const { feed, partition, stream } = made();
    feed.add(partition.run([message("a", 0, { key: Uint8Array.of(0xff) }), message("b", 1)]));
    const { value } = how === "values" ? await iterator(stream).next() : await iterator(stream.events()).next();
    assert.deepEqual(feed.aside, how === "values" ? [] : ["0 TypeError"]);
    assert.equal(typeof value === "string" ? value : value?.value, how === "values" ? "a" : "b");
  }
});

test("an unreadable message does not acknowledge one that is in hand", async () => {
  const { feed, partition, stream } = made();
  feed.add(partition.run(["a", UNREADABLE, "b"]));
  const batches = iterator(stream.take(5, { within: 0 }));
  const first = await batches.next();
  assert.deepEqual([first.value, feed.aside, partition.acknowledged], [["a"], [], 0]);
  assert.deepEqual([(await batches.next()).value, feed.aside], [["b"], ["1 MephistoError"]]);
  assert.equal(partition.acknowledged, 2);
});

test("a batch is full, or its time is up", async () => {
  const { time, feed, partition, stream } = made();
  const batches = iterator(stream.take(3, { within: "2s" }));
  feed.add(partition.run(["a", "b", "c", "d"]));
  assert.deepEqual((await batches.next()).value, ["a", "b", "c"]);
  assert.equal(partition.acknowledged, 0);
  const second = batches.next();
  assert.equal(await isDone(second), false);
  assert.equal(partition.acknowledged, 3, "acknowledged together, on coming back");
  await time.pass(1500);
  feed.add(partition.run(["e"]));
  await time.pass(499);
  assert.equal(await isDone(second), false);
  await time.pass(1);
  assert.deepEqual((await second).value, ["d", "e"]);
});

test("a batch's time begins with its first message", async () => {
  const { time, feed, partition, stream } = made();
  const batch = iterator(stream.take(3, { within: 1 })).next();
  await time.pass(60_000);
  feed.add(partition.run(["a"]));
  await time.pass(999);
  assert.equal(await isDone(batch), false);
  await time.pass(1);
  assert.deepEqual((await batch).value, ["a"]);
});

test("a batch that waits 0 takes what is there", async () => {
  const { feed, partition, stream } = made();
  const other = new FakePartition(1);
  feed.add(partition.run(["a"]), other.run(["b"]));
  const batches = iterator(stream.take(9, { within: 0 }));
  assert.deepEqual((await batches.next()).value, ["a", "b"]);
  assert.equal(stream.inFlight().length, 2);
  void batches.next();
  await settle();
  assert.deepEqual([partition.acknowledged, other.acknowledged], [1, 1]);
});

test("a batch waits a second unless it says so", async () => {
  const { time, feed, partition, stream } = made();
  const batch = iterator(stream.take(2)).next();
  feed.add(partition.run(["a"]));
  await time.pass(999);
  assert.equal(await isDone(batch), false);
  await time.pass(1);
  assert.equal(await isDone(batch), true);
});

test("take refuses what makes no batch", () => {
  const { stream } = made();
  for (const count of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => stream.take(count), coded("INVALID_OPTION", /whole number/));
  }
  assert.throws(() => stream.take(1, { within: "soon" }), coded("INVALID_DURATION", /take's within/));
});

test("a message that is to be tried alone is a batch of its own", async () => {
  const { feed, partition, stream } = made();
  const run = partition.run(["a", "b", "c", "d"]);
  const alone = [run.part(0, 1), run.part(1, 2)];
  for (const each of alone) each.alone = true;
  feed.add(...alone, run.part(2, 4));
  const batches = iterator(stream.take(3, { within: 0 }));
  const seen: unknown[] = [];
  for (let i = 0; i < 3; i++) seen.push((await batches.next()).value);
  assert.deepEqual(seen, [["a"], ["b"], ["c", "d"]]);
});

test("a partition given away meanwhile hands out nothing more", async () => {
  const { feed, partition, stream } = made();
  const run = partition.run(["a", "b", "c"]);
  feed.add(run);
  const loop = iterator(stream);
  await loop.next();
  feed.giveAway(run);
  const next = loop.next();
  assert.equal(await isDone(next), false);
  assert.equal(partition.acknowledged, 1);
  feed.add(new FakePartition(1).run(["x"]));
  assert.equal((await next).value, "x");
});

test("a partition given away while a batch is gathered is not in it", async () => {
  const { feed, partition, stream, time } = made();
  const run = partition.run(["a", "b"]);
  const other = new FakePartition(1);
  feed.add(run, other.run(["x"]));
  const batch = iterator(stream.take(9, { within: 1 })).next();
  await settle();
  feed.giveAway(run);
  await time.pass(1000);
  assert.deepEqual((await batch).value, ["x"]);
  assert.deepEqual(stream.inFlight().map(({ run }) => run.partition), [1]);
});

test("a batch of which nothing is left is not handed out", async () => {
  const { feed, partition, stream, time } = made();
  const run = partition.run(["a", "b"]);
  feed.add(run);
  const batch = iterator(stream.take(9, { within: 1 })).next();
  await settle();
  feed.giveAway(run);
  await time.pass(5000);
  assert.equal(await isDone(batch), false);
  feed.add(partition.run(["c"]));
  await time.pass(1000);
  assert.deepEqual((await batch).value, ["c"]);
});

test("calls of next that overlap wait for each other", async () => {
  const { feed, partition, stream } = made();
  const loop = iterator(stream);
  const three = [loop.next(), loop.next(), loop.next()];
  feed.add(partition.run(["a"]), partition.run(["b", "c"]));
  assert.deepEqual((await Promise.all(three)).map(({ value }) => value), ["a", "b", "c"]);
  assert.equal(partition.acknowledged, 2);
  feed.end();
  assert.deepEqual((await Promise.all([loop.next(), loop.next()])).map(({ done }) => done), [true, true]);
  assert.equal(partition.acknowledged, 3);
});

test("an end ends every loop, and drops a batch that is being gathered", async () => {
  const { feed, partition, stream } = made();
  const batch = iterator(stream.take(5)).next();
  feed.add(partition.run(["a"]));
  await settle();
  feed.end();
  assert.equal((await batch).done, true);
  assert.equal(partition.acknowledged, 0);
  for await (const value of stream) assert.fail(`${value} after the end`);
});

test("what is in hand waits for its sends, and a failed one is thrown into the loop", async () => {
  const { feed, partition, stream } = made();
  feed.add(partition.run(["a", "b"]));
  const loop = iterator(stream);
  await loop.next();
  let sent = () => {};
  feed.unsettled = true;
  feed.settling = () => new Promise((resolve) => sent = resolve);
  const next = loop.next();
  assert.equal(await isDone(next), false);
  assert.equal(partition.acknowledged, 0);
  sent();
  assert.equal((await next).value, "b");
  assert.equal(partition.acknowledged, 1);
  feed.settling = () => Promise.reject(new Error("not sent"));
  await assert.rejects(loop.next(), /not sent/);
  assert.equal(partition.acknowledged, 1);
  assert.equal(stream.inFlight().length, 1, "it is still in hand");
});
