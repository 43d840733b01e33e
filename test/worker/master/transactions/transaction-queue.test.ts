import type { TimerRecord } from "../../../../src/worker/timers/timer-record.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { actor } from "../../../../src/core/define-actor.ts";
import { MephistoError } from "../../../../src/core/errors.ts";
import { timer } from "../../../../src/core/define-timer.ts";
import type { TimerOptions } from "../../../../src/core/timer.ts";
import type { OutgoingRecord } from "../../../../src/driver/driver.ts";
import { TopicRefused, TopicsAway } from "../../../../src/driver/master-log.ts";
import { masterEntry } from "../../../../src/worker/master/journal/journal.ts";
import { TransactionQueue } from "../../../../src/worker/master/transactions/transaction-queue.ts";
import { TickWriter } from "../../../../src/worker/master/transactions/tick-writer.ts";
import { TimerState } from "../../../../src/worker/timers/timer-state.ts";
import { coded, fakeApp, Lines } from "../../../core/fakes.ts";
import { FakeMasterLog } from "../../fake-master-log.ts";
import { FakeTime, settle } from "../../fakes.ts";

const record = (value: string, topic = "orders"): OutgoingRecord => ({
  topic,
  key: null,
  value: new TextEncoder().encode(value),
  headers: [],
  timestamp: 0,
});

const FIRST = { key: "first", value: new Uint8Array(1) };

/** The transaction queue of a term, whose log takes nothing before the test says so. */
async function made(options: TimerOptions = {}) {
  const { shop, definition } = fakeApp();
  actor(shop, { name: "orders", topic: "orders" }, async () => {});
  const time = new FakeTime();
  const log = new FakeMasterLog(time);
  const lines = new Lines();
  const state = { holds: true };
  const holds = () => state.holds;
  const { signal } = new AbortController();
  const fence = { transactionalId: "", journal: "", journalId: "", transactionTimeout: 1 };
  const fenced = await log.fence(fence, holds);
  const queue = new TransactionQueue({
    ...{ fenced, holds, signal, clock: time, sleep: time.sleep, trialMs: 1500 },
    appended() {},
    lost() {},
  });
  const writer = new TickWriter({ actors: definition.actors, transactions: queue, epoch: 7, logger: lines });
  const books = new Map<string, TimerState>();
  const timerState = (name: string) => {
    if (!books.has(name)) timer(shop, 1, { name, onMaster: true, ...options }, () => {});
    const found = books.get(name) ?? new TimerState("me");
    books.set(name, found);
    return found;
  };
  /** A timer's function has ended, and sent these. */
  const tick = (name: string, slot: number, ...records: OutgoingRecord[]) => {
    const of = timerState(name);
    const definitionOf = definition.timers.get(name) ?? assert.fail(name);
    return writer.write(definitionOf, of, { slot, caughtUp: false, outcome: "ok", error: undefined, records });
  };
  let go = () => {};
  /** Whatever comes gathers behind one transaction. */
  const busy = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    log.waits.set("publish", promise);
    const first = queue.commit(() => ({ records: [record("first")], journal: [FIRST] }));
    await settle();
    go = () => {
      log.waits.delete("publish");
      resolve();
    };
    return first;
  };
  const finish = async (ms = 0) => {
    go();
    await time.pass(ms);
  };
  const values = () =>
    log.committed.map((records) => records.map(({ value }) => new TextDecoder().decode(value ?? undefined)).join(" "));
  const refuses = (bad: string, code: MephistoError["code"]) => {
    const text = new TextDecoder();
    log.refuse = (records) => records.some(({ value }) => text.decode(value ?? undefined) === bad) ? code : undefined;
  };
  const published = () => log.calls.filter((call) => call === "publish").length;
  const setting = { time, log, lines, state, queue, timerState, tick, busy, finish, values, refuses, published };
  return setting;
}

/** Gathers behind a transaction that is under way, and lets it go. */
async function together(setting: Awaited<ReturnType<typeof made>>, ticks: () => Promise<unknown>[], ms = 0) {
  void setting.busy();
  await settle();
  const outcomes = Promise.allSettled(ticks());
  await settle();
  await setting.finish(ms);
  return (await outcomes).map(({ status }) => status === "fulfilled");
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const counts = ({ ran, failed, slot }: Partial<TimerRecord>) => ({ ran, failed, slot });

test("what is ready together shares a transaction, each with its entry, in the order in which it came", async () => {
  const setting = await made();
  const { log, tick, values, timerState } = setting;
  const done = await together(
    setting,
    () => numbers(5).map((n) => tick(`t${n}`, 1000, record(`a${n}`), record(`b${n}`))),
  );
  assert.deepEqual(done, [true, true, true, true, true]);
  assert.deepEqual(values(), ["first", "a0 b0 a1 b1 a2 b2 a3 b3 a4 b4"]);
  assert.deepEqual(log.entries.map(({ key }) => key).slice(1), numbers(5).map((n) => `timer:t${n}`));
  assert.deepEqual(numbers(5).map((n) => timerState(`t${n}`).last?.slot), [1000, 1000, 1000, 1000, 1000]);
  for (const { headers } of log.committed[1] ?? []) assert.equal(headers.length, 3);
});

test("a transaction under way holds nobody up for longer: one that comes alone goes at once", async () => {
  const { tick, published, log } = await made();
  await tick("t", 1000, record("a"));
  await tick("t", 2000, record("b"));
  assert.deepEqual([published(), log.entries.length], [2, 2]);
});

test("of those that share a transaction only the one that is refused fails, with its own error", async () => {
  for (const code of ["MESSAGE_TOO_LARGE", "MESSAGE_REFUSED", "BUFFER_FULL"] as const) {
    const setting = await made();
    const { log, lines, tick, values, refuses, timerState, published } = setting;
    refuses("bad", code);
    const ticks = () => numbers(16).map((n) => tick(`t${n}`, 1000, record(n === 11 ? "bad" : `a${n}`)));
    assert.ok((await together(setting, ticks)).every(Boolean));
    const sent = values().join(" ").split(" ").filter((value) => value !== "" && value !== "first");
    assert.deepEqual(sent, numbers(16).filter((n) => n !== 11).map((n) => `a${n}`), "each once, in order");
    for (const n of numbers(16)) {
      const history = log.history(`timer:t${n}`);
      assert.equal(history.length, 1);
      assert.deepEqual(counts(history[0] ?? {}), { slot: 1000, ran: n === 11 ? 0 : 1, failed: n === 11 ? 1 : 0 });
    }
    assert.deepEqual(timerState("t11").last?.error, `It is ${code}.`);
    assert.equal(lines.of(/^error: Timer t11 failed at .*its messages could not be published/).length, 1);
    assert.ok(published() <= 2 + 2 * 4 + 1, `${published()} transactions`);

    // The next of that timer is not mixed with others', until one of it is taken.
    const before = published();
    await together(setting, () => numbers(16).map((n) => tick(`t${n}`, 2000, record(n === 11 ? "bad" : `c${n}`))));
    assert.ok(published() - before <= 5, `${published() - before} transactions`);
    refuses("", code);
    await together(setting, () => numbers(16).map((n) => tick(`t${n}`, 3000, record(`d${n}`))));
    const last = published();
    await together(setting, () => numbers(16).map((n) => tick(`t${n}`, 4000, record(`e${n}`))));
    assert.equal(published() - last, 2);
    assert.deepEqual(counts(log.entry("timer:t11") ?? {}), { slot: 4000, ran: 2, failed: 2 });
  }
});

test("a topic that takes nothing fails all that wrote there at once, and nobody else", async () => {
  const setting = await made();
  const { log, tick, values, published } = setting;
  log.refuse = (records) =>
    records.some(({ topic }) => topic === "gone")
      ? new TopicRefused("gone", "UNKNOWN_TOPIC", "There is no topic gone.")
      : undefined;
  const ticks = () => numbers(40).map((n) => tick(`t${n}`, 1000, record(`a${n}`, n % 2 ? "gone" : "orders")));
  assert.ok((await together(setting, ticks)).every(Boolean));
  assert.deepEqual(values()[1], numbers(40).filter((n) => n % 2 === 0).map((n) => `a${n}`).join(" "));
  for (const n of numbers(40)) {
    assert.deepEqual(log.history(`timer:t${n}`).map(({ outcome }) => outcome), [n % 2 ? "failed" : "ok"]);
  }
  assert.equal(published(), 4); // the first, what was refused, what was left of it, the entries of the failed
});

test("what may pass is waited for by all, and then only the culprit fails", async () => {
  const setting = await made();
  const { log, tick, values, refuses } = setting;
  refuses("bad", "PROTOCOL");
  const ticks = () => numbers(8).map((n) => tick(`t${n}`, 1000, record(n === 3 ? "bad" : `a${n}`)));
  await together(setting, ticks, 5000);
  const sent = values().join(" ").split(" ").filter((value) => value !== "" && value !== "first");
  assert.deepEqual(sent, numbers(8).filter((n) => n !== 3).map((n) => `a${n}`));
  assert.deepEqual(numbers(8).map((n) => log.entry(`timer:t${n}`)?.outcome).indexOf("failed"), 3);
  // An error that has nothing to do with what is in it passes, and nobody fails by it.
  const other = await made();
  void other.busy();
  await settle();
  const outcomes = Promise.allSettled(numbers(8).map((n) => other.tick(`t${n}`, 1000, record(`a${n}`))));
  await settle();
  other.log.fail("publish", "PROTOCOL", 4);
  await other.finish(5000);
  await outcomes;
  assert.equal(other.log.committed.length, 2);
});

test("what waiting mends never counts as a bad message, however often it comes", async () => {
  const setting = await made();
  const { log, tick, busy, finish, values } = setting;
  void busy();
  await settle();
  const outcomes = Promise.all(numbers(8).map((n) => tick(`t${n}`, 1000, record(`a${n}`))));
  await settle();
  const passing = () => new MephistoError("PROTOCOL", "The coordinator loads.", { retriable: true });
  log.errors.set("publish", Array.from({ length: 40 }, passing));
  await finish(60_000);
  await outcomes;
  assert.deepEqual(numbers(8).map((n) => log.entry(`timer:t${n}`)?.outcome), Array(8).fill("ok"));
  assert.equal(log.committed.length, 2); // all together
  assert.match(values().join(" "), /a0.*a7/);
});

test("two runs of one timer in a transaction: counts add up, and the last slot only grows", async () => {
  for (const slots of [[1000, 2000, 3000], [3000, 1000, 2000]]) {
    for (const lost of [undefined, true, false]) {
      const setting = await made({ overlap: "allow" });
      const { log, tick, timerState } = setting;
      await together(setting, () => {
        if (lost !== undefined) log.lost = { count: 2, committed: lost }; // the first one's answer too
        return slots.map((slot) => tick("t", slot, record(`${slot}`)));
      });
      assert.deepEqual(log.committed.map((records) => records.length), [1, 3]);
      const last = slots[0] === 3000 ? [3000, 3000, 3000] : slots;
      assert.deepEqual(
        log.history("timer:t").map(counts),
        last.map((slot, at) => ({ slot, ran: at + 1, failed: 0 })),
      );
      assert.deepEqual([timerState("t").counts.ran, timerState("t").last?.slot], [3, 3000]);
    }
  }
});

test("one of a timer's runs that is refused is not counted among its neighbours", async () => {
  const setting = await made({ overlap: "allow" });
  const { log, tick, refuses, timerState } = setting;
  refuses("2000", "MESSAGE_TOO_LARGE");
  await together(setting, () => [1000, 2000, 3000].map((slot) => tick("t", slot, record(`${slot}`))));
  assert.deepEqual(log.history("timer:t").map(counts), [
    { slot: 1000, ran: 1, failed: 0 },
    { slot: 3000, ran: 2, failed: 0 },
    { slot: 3000, ran: 2, failed: 1 },
  ]);
  assert.deepEqual(timerState("t").counts, { ran: 2, failed: 1, skipped: 0, caughtUp: 0 });
});

test("an answer that is lost: all entries of the transaction decide, not one that stood before", async () => {
  const setting = await made();
  const { log, tick, queue, busy, finish, values } = setting;
  const own = masterEntry({ epoch: 7, generation: 1, worker: "me", version: "", resigned: false });
  await queue.commit(() => ({ records: [], journal: [own] }));
  void busy();
  await settle();
  // The master's entry is as it was: only the ticks' tell whether anything was committed.
  const all = Promise.all([
    queue.commit(() => ({ records: [], journal: [own] })),
    tick("a", 1000, record("a")),
    tick("b", 1000, record("b")),
  ]);
  await settle();
  let transactions = 0;
  log.refuse = () => {
    if (++transactions === 2) log.lost = { count: 1, committed: false };
    return undefined;
  };
  await finish(5000);
  await all;
  assert.deepEqual(values(), ["", "first", "a b"]);
  assert.equal(log.calls.filter((call) => call === "recover").length, 1);
});

test("what goes together is bounded, in number and in bytes", async () => {
  const setting = await made();
  const { log, tick } = setting;
  await together(setting, () => numbers(2500).map((n) => tick(`t${n}`, 1000, record("a"))));
  assert.deepEqual(log.committed.map((records) => records.length), [1, 1000, 1000, 500]);
  const large = await made();
  const sizes = [1, 1, 9, 1, 2, 2];
  const mebibytes = (size: number): OutgoingRecord => ({ ...record(""), value: new Uint8Array(size << 20) });
  await together(large, () => sizes.map((size, n) => large.tick(`t${n}`, 1000, mebibytes(size))));
  const shown = large.log.committed.slice(1).map((records) => records.map(({ value }) => (value?.length ?? 0) >> 20));
  assert.deepEqual(shown, [[1, 1], [9], [1, 2], [2]]);
});

test("each tick waits for its own messages to be consumed, not for its neighbours'", async () => {
  const setting = await made({ overlap: "untilConsumed" });
  const { log, tick } = setting;
  await together(setting, () => [
    tick("a", 1000, record("a"), record("a")),
    tick("b", 1000, record("b"), record("b"), record("elsewhere", "other")),
    tick("c", 1000),
  ]);
  const ends = ["a", "b", "c"].map((name) => log.entry(`timer:${name}`)?.ends);
  const at = (offset: number) => [{ topic: "orders", partition: 0, offset }];
  assert.deepEqual(ends, [at(3), at(5), undefined]);
});

test("when the term is over none of those that wait is published", async () => {
  const setting = await made();
  const { log, state, queue, busy, finish } = setting;
  void busy();
  await settle();
  const waiting = numbers(3).map((n) => queue.commit(() => ({ records: [record(`${n}`)], journal: [] })));
  const outcomes = Promise.allSettled(waiting);
  state.holds = false;
  await finish();
  assert.deepEqual((await outcomes).map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  await assert.rejects(waiting[0] ?? Promise.resolve(), coded("NOT_MASTER"));
  assert.equal(log.committed.length, 1);
});

test("what ends the term is asked for once, and not for each", async () => {
  const setting = await made();
  const { log, published, queue } = setting;
  log.latest++; // another has fenced
  const waiting = numbers(8).map((n) => queue.commit(() => ({ records: [record(`${n}`)], journal: [] })));
  for (const one of waiting) await assert.rejects(one, coded("FENCED"));
  assert.equal(published(), 1);
});

test("one that cannot be made up fails alone", async () => {
  const setting = await made();
  const { queue, values, log } = setting;
  const broken = new Error("no entry");
  const outcomes = await together(setting, () => [
    queue.commit(() => ({ records: [record("a")], journal: [] })),
    queue.commit(() => {
      throw broken;
    }),
    queue.commit(() => ({
      records: [record("b")],
      journal: () => {
        throw broken;
      },
    })),
    queue.commit(() => undefined),
    queue.commit(() => ({ records: [record("c")], journal: [] })),
  ]);
  assert.deepEqual(outcomes, [true, false, false, true, true]);
  assert.deepEqual(values().join(" "), "first a c");
  assert.deepEqual(log.entries, [FIRST]);
});

test("it gets on with each transaction that is committed, and each part that is refused", async () => {
  const { time, log, queue, tick, refuses } = await made();
  const called = log.called.bind(log);
  log.called = async (call, about) => {
    if (call === "publish") await time.sleep(1000);
    return await called(call, about);
  };
  const since = () => queue.busySince === undefined ? undefined : time.monotonic() - queue.busySince;
  assert.equal(since(), undefined);
  const ticks = Promise.all(numbers(2500).map((n) => tick(`t${n}`, 1000, record("a"))));
  await time.pass(900);
  assert.equal(since(), 900);
  await time.pass(1000);
  assert.equal(since(), 900, "the first thousand were committed, and others wait");
  await time.pass(1200);
  await ticks;
  assert.equal(since(), undefined);
  refuses("bad", "MESSAGE_TOO_LARGE");
  const refused = tick("t1", 2000, record("bad"));
  await time.pass(1500);
  assert.equal(since(), 500, "its entry is on its way");
  await time.pass(500);
  await refused;
  assert.equal(since(), undefined);
});

/** Topics that take nothing at the moment: whoever writes there waits for so long, in ms, or as long as he has timeoutMs. */
function away(log: FakeMasterLog, time: FakeTime, topics: Set<string>, ms = 4800) {
  const tries: { topics: string[]; took: number }[] = [];
  log.beforePublish = async ({ records, timeoutMs: timeoutMs = Infinity }) => {
    const left = new Set(records.map(({ topic }) => topic).filter((topic) => topics.has(topic)));
    if (left.size === 0) return;
    const took = Math.min(ms, timeoutMs);
    tries.push({ topics: [...left], took });
    await time.sleep(took);
    throw new TopicsAway(left, `${[...left]} has no leader.`);
  };
  return tries;
}

test("a topic that is away holds up what shares its transaction once, and what goes elsewhere never again", async () => {
  const setting = await made();
  const { time, log, tick, queue, values } = setting;
  const topics = new Set(["sick"]);
  const tries = away(log, time, topics);
  const done: string[] = [];
  const run = (name: string, slot: number, topic: string) =>
    void tick(name, slot, record(`${name}${slot}`, topic)).then(() => done.push(`${name}${slot}`));
  run("a", 1000, "orders");
  run("b", 1000, "sick");
  run("c", 1000, "orders");
  await time.pass(4700);
  assert.deepEqual(done, []);
  await time.pass(100);
  assert.deepEqual(done, ["a1000", "c1000"]);
  // From here on others wait for a try at most, which is short, and has four fifths of the time without one behind it.
  for (let slot = 2000; slot < 60_000; slot += 1000) {
    run("a", slot, "orders");
    await time.pass(1000);
  }
  await time.pass(2000);
  assert.equal(done.length, 2 + 58);
  assert.ok(tries.slice(1).every(({ took }) => took === 1500));
  assert.ok(tries.length > 5 && tries.length < 12, `${tries.length} tries`);
  assert.equal(queue.busySince, undefined, "what waits for it is no reason for another master");
  assert.deepEqual(queue.awayTopics.map(({ topic }) => topic), ["sick"]);
  topics.clear();
  await time.pass(8000);
  assert.equal(done.at(-1), "b1000");
  assert.deepEqual([queue.awayTopics, values().filter((value) => value === "b1000")], [[], ["b1000"]]);
});

test("however many topics are away, others have four fifths of the time, and each of them its turn", async () => {
  const { time, log, tick, queue } = await made();
  const topics = new Set(numbers(5).map((n) => `sick${n}`));
  const tries = away(log, time, topics);
  for (const topic of topics) void tick(topic, 1000, record(topic, topic));
  await time.pass(4800);
  tries.length = 0;
  await time.pass(60_000);
  assert.deepEqual(new Set(tries.flatMap(({ topics }) => topics)), topics);
  const took = tries.reduce((sum, { took }) => sum + took, 0);
  assert.ok(took <= 60_000 / 5 + 1500, `${took} ms`);
  topics.clear();
  await time.pass(8000);
  assert.deepEqual(queue.awayTopics, []);
});

test("what says at once that it is away is tried soon again, and holds up nobody", async () => {
  const { time, log, tick } = await made();
  const topics = new Set(["sick"]);
  const tries = away(log, time, topics, 0);
  let done = false;
  void tick("b", 1000, record("b", "sick")).then(() => done = true);
  await time.pass(1000);
  topics.clear();
  await time.pass(2000);
  assert.ok(done);
  assert.ok(tries.length >= 3 && tries.length < 8, `${tries.length} tries`);
});

test("the runs of one timer keep their order, also those that go elsewhere", async () => {
  const { time, log, tick, values } = await made({ overlap: "allow" });
  const topics = new Set(["sick"]);
  away(log, time, topics, 100);
  for (const [slot, topic] of [[1000, "sick"], [2000, "orders"], [3000, "sick"], [4000, "other"]] as const) {
    void tick("t", slot, record(`t${slot}`, topic));
  }
  void tick("u", 1000, record("u1000", "other"));
  await time.pass(3000);
  assert.deepEqual(values(), ["u1000"]);
  topics.clear();
  await time.pass(4000);
  assert.deepEqual(values().join(" ").split(" "), ["u1000", "t1000", "t2000", "t3000", "t4000"]);
  assert.deepEqual(
    log.history("timer:t").map(counts),
    numbers(4).map((n) => ({
      slot: (n + 1) * 1000,
      ran: n + 1,
      failed: 0,
    })),
  );
});

test("what comes behind one that waits waits with it, also when both were tried together", async () => {
  const { time, log, tick, values } = await made({ overlap: "allow" });
  let takes = 0; // so many messages for it, one by one
  log.beforePublish = ({ records }) => {
    const sick = records.filter(({ topic }) => topic === "sick").length;
    if (sick === 0 || sick <= takes--) return Promise.resolve();
    takes++;
    return Promise.reject(new TopicsAway(["sick"], "It has no leader."));
  };
  void tick("a", 1000, record("a1000", "sick"));
  void tick("t", 1000, record("t1000", "sick"));
  void tick("t", 2000, record("t2000", "orders"));
  await time.pass(1000);
  takes = 1;
  await time.pass(5000);
  assert.deepEqual(values(), ["a1000"]);
  takes = 9;
  await time.pass(5000);
  assert.deepEqual(values().join(" "), "a1000 t1000 t2000");
});

test("what goes to two topics that are away waits for both, is told of each, and is tried no faster", async () => {
  const { time, log, tick, queue } = await made();
  const topics = new Set(["sick", "ill"]);
  const tries = away(log, time, topics, 0);
  let done = false;
  void tick("t", 1000, record("t1000", "sick"), record("t1000", "ill")).then(() => done = true);
  await time.pass(3000);
  assert.deepEqual(queue.awayTopics.map(({ topic }) => topic).sort(), ["ill", "sick"]);
  topics.delete("sick");
  const before = tries.length;
  const go = log.beforePublish;
  log.beforePublish = (transaction) => tries.length > before + 100 ? Promise.resolve() : go(transaction);
  await time.pass(5000);
  assert.ok(tries.length - before < 8, `${tries.length - before} tries`);
  assert.deepEqual(queue.awayTopics.map(({ topic }) => topic), ["ill"]);
  topics.clear();
  await time.pass(4000);
  assert.deepEqual([done, queue.awayTopics], [true, []]);
});

test("the runs of one timer keep their order, whichever of their topics comes back first", async () => {
  const { time, log, tick, values } = await made({ overlap: "allow" });
  const topics = new Set(["sick", "ill"]);
  away(log, time, topics, 100);
  for (const [slot, topic] of [[1000, "sick"], [2000, "ill"], [3000, "orders"]] as const) {
    void tick("t", slot, record(`t${slot}`, topic));
  }
  await time.pass(3000);
  topics.delete("ill");
  await time.pass(5000);
  assert.deepEqual(values(), []);
  topics.clear();
  await time.pass(5000);
  assert.equal(values().join(" "), "t1000 t2000 t3000");
});

test("the runs of one timer keep their order when the culprit beside them is looked for in halves", async () => {
  const { time, log, tick, values } = await made({ overlap: "allow" });
  const topics = new Set<string>();
  away(log, time, topics, 0);
  log.refuse = (records) => {
    if (!records.some(({ value }) => new TextDecoder().decode(value ?? undefined) === "bad")) return undefined;
    topics.add("sick"); // in this very moment
    return "MESSAGE_TOO_LARGE";
  };
  void tick("t", 1000, record("t1000", "sick"));
  void tick("t", 2000, record("t2000", "orders"));
  void tick("u", 2000, record("bad", "orders"));
  await time.pass(5000);
  assert.deepEqual(values(), [""]);
  log.refuse = () => undefined;
  topics.clear();
  await time.pass(5000);
  assert.deepEqual(values(), ["", "t1000", "t2000"]);
});

test("a term that ends ends the wait for topics that are away", async () => {
  const { time, log, tick, state, lines } = await made();
  away(log, time, new Set(["sick"]), 0);
  const waiting = tick("b", 1000, record("b", "sick"));
  await time.pass(1000);
  state.holds = false;
  const outcome = assert.rejects(waiting, coded("NOT_MASTER"));
  await time.pass(3000);
  await outcome;
  assert.deepEqual([time.sleepers, lines.of(/^error/)], [0, []]);
});

test("a fault while one that waits is tried keeps nobody waiting", async () => {
  const { time, log, queue } = await made();
  const topics = ["sick"];
  log.beforePublish = () => Promise.reject(new TopicsAway(topics, "It has no leader."));
  let outcome: unknown;
  queue.commit(() => ({ records: [record("b", "sick")], journal: [] })).catch((error) => outcome = error.code);
  await settle();
  topics[0] = "nobody's";
  // Without a limit it would be tried again for ever.
  for (let ms = 0; ms < 3000 && outcome === undefined; ms += 100) await time.pass(100);
  assert.deepEqual([outcome, queue.awayTopics, time.sleepers], ["INTERNAL", [], 0]);
});

test("what waits for a topic that is away is bounded", async () => {
  const { time, log, tick, timerState } = await made();
  away(log, time, new Set(["sick"]), 0);
  const large = { ...record("", "sick"), value: new Uint8Array(30 << 20) };
  for (const name of ["a", "b", "c"]) void tick(name, 1000, large);
  await time.pass(3000);
  assert.deepEqual(["a", "b", "c"].map((name) => timerState(name).counts.failed), [0, 0, 1]);
  assert.match(timerState("c").last?.error ?? "", /More than 64 MiB wait for topic sick/);
});

test("property: whatever topics are away, each run is committed once, and each timer's in their order", async () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("tick" as const),
      timer: fc.nat(1),
      topics: fc.uniqueArray(fc.nat(2), { maxLength: 2 }),
    }),
    fc.record({ do: fc.constant("away" as const), topic: fc.nat(2), is: fc.boolean() }),
    fc.record({ do: fc.constant("away" as const), topic: fc.nat(2), is: fc.constant(true) }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.nat(3000) }),
    fc.record({ do: fc.constant("lose" as const), committed: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 30, size: "max" }),
      fc.constantFrom(0, 300, 4800),
      async (steps, takes) => {
        const { time, log, tick, queue } = await made({ overlap: "allow" });
        const topics = new Set<string>();
        away(log, time, topics, takes);
        const sent = new Map<string, number[]>();
        let slot = 0, open = 0;
        for (const each of steps) {
          if (each.do === "away") each.is ? topics.add(`topic${each.topic}`) : topics.delete(`topic${each.topic}`);
          else if (each.do === "pass") await time.pass(each.ms);
          else if (each.do === "lose") log.lost = { count: 1, committed: each.committed };
          else {
            const name = `t${each.timer}`;
            slot += 1000;
            sent.set(name, [...sent.get(name) ?? [], slot]);
            open++;
            void tick(name, slot, ...each.topics.map((topic) => record(`${name}:${slot}`, `topic${topic}`))).then(() =>
              open--
            );
            await settle();
          }
        }
        topics.clear();
        log.lost = { count: 0, committed: true };
        await time.pass(60_000);
        assert.equal(open, 0);
        assert.deepEqual([queue.awayTopics.length, queue.busySince, time.sleepers], [0, undefined, 0]);
        for (const [name, slots] of sent) {
          assert.deepEqual(log.history(`timer:${name}`).map(({ slot }) => slot), slots, name);
          const values = log.committed.flat().map(({ value }) => new TextDecoder().decode(value ?? undefined));
          const published = values.filter((value) => value.startsWith(`${name}:`)).map((value) =>
            Number(value.slice(3))
          );
          assert.deepEqual(published, published.toSorted((a, b) => a - b), "in order");
        }
        const all = log.committed.flat().map(({ topic, value }) =>
          `${topic} ${new TextDecoder().decode(value ?? undefined)}`
        );
        assert.equal(new Set(all).size, all.length, "once");
      },
    ),
    { numRuns: 150 },
  );
});
