import assert from "node:assert/strict";
import { test } from "node:test";
import { actor } from "../../src/core/actor.ts";
import { MephistoError } from "../../src/core/errors.ts";
import { timer, type TimerOptions } from "../../src/core/timer.ts";
import type { Record } from "../../src/driver/driver.ts";
import { TopicRefused } from "../../src/driver/master-log.ts";
import { masterEntry, type TimerRecord } from "../../src/worker/journal.ts";
import { Publication } from "../../src/worker/publication.ts";
import { TickWriter } from "../../src/worker/tick-writer.ts";
import { TimerBook } from "../../src/worker/timer-book.ts";
import { coded, fakeApp, Lines } from "../core/fakes.ts";
import { FakeMasterLog } from "./fake-master-log.ts";
import { FakeTime, settle } from "./fakes.ts";

const record = (value: string, topic = "orders"): Record => ({
  topic,
  key: null,
  value: new TextEncoder().encode(value),
  headers: [],
  timestamp: 0,
});

const FIRST = { key: "first", value: new Uint8Array(1) };

/** The publication of a term, whose log takes nothing before the test says so. */
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
  const publication = new Publication({
    ...{ fenced, holds, signal, clock: time, sleep: time.sleep },
    appended() {},
    lost() {},
  });
  const writer = new TickWriter({ actors: definition.actors, publication, epoch: 7, logger: lines });
  const books = new Map<string, TimerBook>();
  const book = (name: string) => {
    if (!books.has(name)) timer(shop, 1, { name, onMaster: true, ...options }, () => {});
    const found = books.get(name) ?? new TimerBook("me");
    books.set(name, found);
    return found;
  };
  /** A timer's function has ended, and sent these. */
  const tick = (name: string, slot: number, ...records: Record[]) => {
    const of = book(name);
    const definitionOf = definition.timers.get(name) ?? assert.fail(name);
    return writer.write(definitionOf, of, { slot, caughtUp: false, outcome: "ok", error: undefined, records });
  };
  let go = () => {};
  /** Whatever comes gathers behind one transaction. */
  const busy = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    log.waits.set("publish", promise);
    const first = publication.commit(() => ({ records: [record("first")], journal: [FIRST] }));
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
  const setting = { time, log, lines, state, publication, book, tick, busy, finish, values, refuses, published };
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
  const { log, tick, values, book } = setting;
  const done = await together(
    setting,
    () => numbers(5).map((n) => tick(`t${n}`, 1000, record(`a${n}`), record(`b${n}`))),
  );
  assert.deepEqual(done, [true, true, true, true, true]);
  assert.deepEqual(values(), ["first", "a0 b0 a1 b1 a2 b2 a3 b3 a4 b4"]);
  assert.deepEqual(log.entries.map(({ key }) => key).slice(1), numbers(5).map((n) => `timer:t${n}`));
  assert.deepEqual(numbers(5).map((n) => book(`t${n}`).last?.slot), [1000, 1000, 1000, 1000, 1000]);
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
    const { log, lines, tick, values, refuses, book, published } = setting;
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
    assert.deepEqual(book("t11").last?.error, `It is ${code}.`);
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
      const { log, tick, book } = setting;
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
      assert.deepEqual([book("t").counts.ran, book("t").last?.slot], [3, 3000]);
    }
  }
});

test("one of a timer's runs that is refused is not counted among its neighbours", async () => {
  const setting = await made({ overlap: "allow" });
  const { log, tick, refuses, book } = setting;
  refuses("2000", "MESSAGE_TOO_LARGE");
  await together(setting, () => [1000, 2000, 3000].map((slot) => tick("t", slot, record(`${slot}`))));
  assert.deepEqual(log.history("timer:t").map(counts), [
    { slot: 1000, ran: 1, failed: 0 },
    { slot: 3000, ran: 2, failed: 0 },
    { slot: 3000, ran: 2, failed: 1 },
  ]);
  assert.deepEqual(book("t").counts, { ran: 2, failed: 1, skipped: 0, caughtUp: 0 });
});

test("an answer that is lost: all entries of the transaction decide, not one that stood before", async () => {
  const setting = await made();
  const { log, tick, publication, busy, finish, values } = setting;
  const own = masterEntry({ epoch: 7, generation: 1, worker: "me", version: "", resigned: false });
  await publication.commit(() => ({ records: [], journal: [own] }));
  void busy();
  await settle();
  // The master's entry is as it was: only the ticks' tell whether anything was committed.
  const all = Promise.all([
    publication.commit(() => ({ records: [], journal: [own] })),
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
  const mebibytes = (size: number): Record => ({ ...record(""), value: new Uint8Array(size << 20) });
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
  const { log, state, publication, busy, finish } = setting;
  void busy();
  await settle();
  const waiting = numbers(3).map((n) => publication.commit(() => ({ records: [record(`${n}`)], journal: [] })));
  const outcomes = Promise.allSettled(waiting);
  state.holds = false;
  await finish();
  assert.deepEqual((await outcomes).map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  await assert.rejects(waiting[0] ?? Promise.resolve(), coded("NOT_MASTER"));
  assert.equal(log.committed.length, 1);
});

test("what ends the term is asked for once, and not for each", async () => {
  const setting = await made();
  const { log, published, publication } = setting;
  log.latest++; // another has fenced
  const waiting = numbers(8).map((n) => publication.commit(() => ({ records: [record(`${n}`)], journal: [] })));
  for (const one of waiting) await assert.rejects(one, coded("FENCED"));
  assert.equal(published(), 1);
});

test("one that cannot be made up fails alone", async () => {
  const setting = await made();
  const { publication, values, log } = setting;
  const broken = new Error("no entry");
  const outcomes = await together(setting, () => [
    publication.commit(() => ({ records: [record("a")], journal: [] })),
    publication.commit(() => {
      throw broken;
    }),
    publication.commit(() => ({
      records: [record("b")],
      journal: () => {
        throw broken;
      },
    })),
    publication.commit(() => undefined),
    publication.commit(() => ({ records: [record("c")], journal: [] })),
  ]);
  assert.deepEqual(outcomes, [true, false, false, true, true]);
  assert.deepEqual(values().join(" "), "first a c");
  assert.deepEqual(log.entries, [FIRST]);
});

test("it gets on with each transaction that is committed, and each part that is refused", async () => {
  const { time, log, publication, tick, refuses } = await made();
  const called = log.called.bind(log);
  log.called = async (call, about) => {
    if (call === "publish") await time.sleep(1000);
    return await called(call, about);
  };
  const since = () => publication.busySince === undefined ? undefined : time.monotonic() - publication.busySince;
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
