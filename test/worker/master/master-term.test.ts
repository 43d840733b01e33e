import type { TimerRecord } from "../../../src/worker/timers/timer-record.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { summaryOf } from "../../../src/core/master-work.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import type { TaskFunction } from "../../../src/core/task.ts";
import type { TimerFunction, TimerOptions } from "../../../src/core/timer.ts";
import { actor } from "../../../src/core/define-actor.ts";
import { timer } from "../../../src/core/define-timer.ts";
import { context } from "../../../src/runtime/context.ts";
import {
  masterEntry,
  replay,
  ruleEntry,
  runningEntry,
  timerEntry,
} from "../../../src/worker/master/journal/journal.ts";
import { Master } from "../../../src/worker/master/master.ts";
import type { Term } from "../../../src/worker/master/mastership.ts";
import type { Scope } from "../../../src/worker/calls/scope.ts";
import { TaskLoop } from "../../../src/worker/tasks/task-loop.ts";
import { TimerLoop } from "../../../src/worker/timers/timer-loop.ts";
import { fakeApp, Lines, supervisorOf } from "../../core/fakes.ts";
import { FakeMasterLog } from "../fake-master-log.ts";
import { FakeTime, isDone, settle, shown } from "../fakes.ts";

const START = Date.UTC(2026, 0, 1) + 300;
const slot = (second: number) => START - 300 + second * 1000;

/** A worker's side as master, with one timer of 1 s; elected when the test says so. */
function made(
  fn: TimerFunction = () => {},
  { anew, ...options }: TimerOptions & { anew?: string } = {},
  beside: TimerFunction[] = [],
) {
  const { shop, definition } = fakeApp();
  actor(shop, { name: "orders", topic: "orders" }, async () => {});
  timer(shop, 1, { name: "restock", onMaster: true, ...options }, fn);
  beside.forEach((fn, n) => timer(shop, 1, { name: `beside-${n}`, onMaster: true, ...options }, fn));
  const time = new FakeTime(START);
  const lines = new Lines();
  const log = new FakeMasterLog(time);
  const scopes = context<Scope>();
  const base = { worker: "me", context: scopes, logger: lines, clock: time, sleep: time.sleep };
  const supervisor = supervisorOf(base);
  const parts = { ...base, supervisor };
  const loops = [...definition.timers.values()].map((timer) => new TimerLoop(timer, parts));
  const tasks: TaskLoop[] = [];
  const yields: string[] = [];
  let over = () => {};
  const master = new Master({
    ...parts,
    definition,
    log,
    journalId: "1",
    sessionTimeout: 6000,
    version: "3",
    timers: loops,
    tasks,
    journalAnew: () => Promise.resolve(anew),
    yieldMastership(why) {
      yields.push(why);
      over();
    },
  });
  const addTask = (fn: TaskFunction) => tasks.push(new TaskLoop({ name: "listen", onMaster: true, fn }, parts));
  let latest: { generation: number } | undefined;
  const elect = (generation = 1) => {
    const controller = new AbortController();
    let ended: string | undefined;
    const term: Term & { generation: number } = {
      generation,
      electedIn: generation,
      electedAt: time.monotonic(),
      signal: controller.signal,
      get ended() {
        return ended;
      },
      holds: () => ended === undefined,
    };
    over = () => {
      ended = "the lease is over";
      controller.abort();
    };
    latest = term;
    master.begin(term);
    return over;
  };
  const term = () => latest ?? assert.fail("it was not elected");
  const sendTo = (topic: string, value: string) => {
    const record = { topic, key: null, value: new TextEncoder().encode(value), headers: [], timestamp: 0 };
    return scopes.get()?.send(record) ?? assert.fail("no scope");
  };
  const send = (value: string) => sendTo("orders", value);
  /** What was published, without the transactions that only wrote to the journal. */
  const published = () => log.committed.filter((records) => records.length > 0).map((records) => records.map(shown));
  const end = async () => {
    over();
    for (const loop of [...loops, ...tasks]) loop.end();
    await time.pass(0); // refusals let others have their turn
    assert.equal(time.sleepers, 0);
  };
  return { time, lines, supervisor, log, master, loops, yields, elect, term, send, sendTo, published, end, addTask };
}

const record = (part: Partial<TimerRecord> = {}): TimerRecord => ({
  slot: slot(0),
  outcome: "ok",
  epoch: 6,
  worker: "another",
  ran: 10,
  failed: 1,
  skipped: 2,
  caughtUp: 3,
  ...part,
});

const last = (part: { epoch?: number; generation?: number; resigned?: boolean } = {}) =>
  masterEntry({ epoch: 6, generation: 0, worker: "another", version: "", resigned: false, ...part });

test("where all is gone for good the journal that is there now is gone on with; elsewhere a lost one stays lost", async () => {
  const lost = new MephistoError("JOURNAL_LOST", "The journal is lost.");
  for (const [anew, fences] of [["2", ["1", "2"]], ["1", ["1", "1"]], [undefined, ["1", "1"]]] as const) {
    const { time, log, lines, elect, end } = made(() => {}, anew === undefined ? {} : { anew });
    log.errors.set("read", [lost]);
    elect();
    await time.pass(2000);
    assert.deepEqual(log.fences.map(({ journalId }) => journalId), fences);
    assert.equal(lines.all.some((line) => line.startsWith("error")), anew !== "2");
    await end();
  }
});

test("an elected worker fences, reads, writes its epoch, and ticks", async () => {
  const { time, lines, log, master, elect, send, published, end } = made(({ epoch }) => send(`${epoch}`));
  elect(4);
  await time.pass(2000);
  assert.deepEqual(log.calls, ["fence", "read", "publish", "publish", "publish", "publish"]);
  assert.deepEqual(log.entry("rule:restock"), { format: 1, rule: "every 1s", since: START });
  assert.deepEqual(log.fences, [
    { transactionalId: "shop.master", journal: "shop-master", journalId: "1", transactionTimeout: 6000 },
  ]);
  assert.deepEqual(log.entry("master"), {
    format: 1,
    epoch: 1,
    generation: 4,
    worker: "me",
    version: "3",
    resigned: false,
    work: summaryOf([{ name: "restock", rule: "every 1s" }]),
  });
  assert.deepEqual(
    published(),
    [1, 2].map((second) => [
      `orders 1 mephisto-timer=restock mephisto-slot=${slot(second)} mephisto-epoch=1`,
    ]),
  );
  assert.deepEqual(log.entry("timer:restock"), {
    format: 1,
    slot: slot(2),
    outcome: "ok",
    epoch: 1,
    worker: "me",
    ran: 2,
    failed: 0,
    skipped: 0,
    caughtUp: 0,
  });
  assert.deepEqual([master.stage, master.epoch, master.trouble], ["active", 1, undefined]);
  assert.deepEqual(lines.of(/^info/), ["info: This worker is master (epoch 1)."]);
  await end();
  assert.equal(lines.all.at(-1), "info: This worker is no longer master: the lease is over.");
  assert.deepEqual([log.calls.at(-1), master.epoch], ["closed", 0]);
});

test("it goes on where the journal stands: epoch, slots, counts", async () => {
  const { time, log, elect, end } = made();
  log.entries.push(last(), timerEntry("restock", record({ slot: slot(-5) })));
  elect();
  await settle();
  const { slot: at, epoch, ran, failed, skipped, caughtUp } = log.entry("timer:restock") ?? {};
  assert.deepEqual([at, epoch, ran, failed, skipped, caughtUp], [slot(0), 7, 11, 1, 6, 4]);
  await time.pass(700);
  assert.equal(log.entry("timer:restock")?.slot, slot(1));
  await end();
});

test("the first slot ever is not lost when the master dies before it, or in it: the next one runs it as one that was missed", async () => {
  const dies: [inIt: boolean, options: TimerOptions, expected: number[]][] = [
    [false, { catchUp: "all" }, [1, 2, 3]],
    [true, { catchUp: "all" }, [1, 2, 3]],
    [false, {}, [3]],
    [false, { catchUp: "skip" }, []],
    [false, { catchUp: "skip", immediately: true }, [3]],
    [true, { catchUp: "all", immediately: true }, [0, 1, 2, 3]],
  ];
  for (const [inIt, options, expected] of dies) {
    let hangs = true;
    const { time, log, elect, end } = made(() => hangs ? time.sleep(5000) : undefined, options);
    const over = elect();
    await time.pass(inIt ? 800 : 100);
    over();
    hangs = false;
    await time.pass(5000); // also for the run that goes on
    assert.equal(log.entry("timer:restock"), undefined);
    time.set(3500 - (time.wall() - slot(0)));
    elect(2);
    await settle();
    await time.pass(1);
    const ran = log.history("timer:restock").map(({ slot: at }) => (Number(at) - slot(0)) / 1000);
    assert.deepEqual(ran, expected, JSON.stringify([inIt, options]));
    assert.equal(log.history("rule:restock").length, 1);
    await end();
  }
});

test("nothing runs before it is written down since when it is due", async () => {
  const { time, log, elect, end } = made();
  let published = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  log.refuse = () => {
    if (++published === 1) log.waits.set("publish", promise); // of what comes after its own entry
    return undefined;
  };
  elect();
  await time.pass(2500);
  assert.deepEqual(log.history("timer:restock"), []);
  resolve();
  await time.pass(100);
  assert.deepEqual(log.history("timer:restock").map(({ slot: at }) => at), [slot(2)]);
  assert.deepEqual(log.entry("rule:restock"), { format: 1, rule: "every 1s", since: START });
  await end();
});

test("slots of a rule from before it was first seen were not missed; an outage of the same rule is caught up", async () => {
  const cases: [rule: string | undefined, expected: number[]][] = [
    ["every 1s", [-4, -3, -2, -1, 0, 1]],
    [undefined, [-4, -3, -2, -1, 0, 1]], // of an older version
    ["every 7s", [1]],
    ["cron * * * * * * Europe/Berlin", [1]],
  ];
  for (const [rule, expected] of cases) {
    const { time, log, elect, end } = made(() => {}, { catchUp: "all" });
    log.entries.push(last(), timerEntry("restock", record({ slot: slot(-5) })));
    if (rule) log.entries.push(ruleEntry("restock", { rule, since: slot(-100) }));
    elect();
    await time.pass(800);
    const ran = log.history("timer:restock").slice(1).map(({ slot: at }) => (Number(at) - slot(0)) / 1000);
    assert.deepEqual(ran, expected, rule);
    await end();
  }
});

test("a master that has seen another rule and dies loses none of its slots", async () => {
  const { time, log, elect, end } = made(() => {}, { catchUp: "all" });
  log.entries.push(last(), timerEntry("restock", record({ slot: slot(-5) })));
  log.entries.push(ruleEntry("restock", { rule: "every 7s", since: slot(-100) }));
  const over = elect();
  await settle();
  over();
  await time.pass(3000);
  elect(2);
  await time.pass(1);
  const ran = log.history("timer:restock").slice(1).map(({ slot: at }) => (Number(at) - slot(0)) / 1000);
  assert.deepEqual(ran, [1, 2, 3]);
  await end();
});

test("the slot that was missed is run at once by the next master", async () => {
  const { time, log, elect, published, send, end } = made(({ caughtUp }) => send(`late ${caughtUp}`));
  log.entries.push(last(), timerEntry("restock", record({ slot: slot(-1) })));
  elect();
  await settle();
  assert.deepEqual(published(), [[
    `orders late true mephisto-timer=restock mephisto-slot=${slot(0)} mephisto-epoch=7`,
  ]]);
  assert.equal(time.wall(), START);
  await end();
});

test("in a generation not above the journal's it waits for one session from its election, unless the last resigned", async () => {
  const cases = [
    { before: last({ generation: 5 }), generation: 6, waits: false },
    { before: last({ generation: 5 }), generation: 5, waits: true },
    { before: last({ generation: 57 }), generation: 1, waits: true },
    { before: last({ generation: 57, resigned: true }), generation: 1, waits: false },
    { before: undefined, generation: 1, waits: false },
  ];
  for (const { before, generation, waits } of cases) {
    const { time, lines, log, master, elect, end } = made();
    if (before) log.entries.push(before);
    elect(generation);
    await time.pass(5999);
    assert.equal(master.stage, waits ? "waiting" : "active");
    assert.equal(lines.of(/^info: Elected in generation .*Waiting for 6s/).length, waits ? 1 : 0);
    await time.pass(1);
    assert.equal(master.stage, "active");
    assert.equal(log.entry("master")?.epoch, before ? 7 : 1);
    await end();
  }
});

test("generations that come while it reads the journal do not count: it is by the one that elected it that it waits", async () => {
  const { time, log, master, elect, end, term } = made();
  log.entries.push(last({ generation: 2 }));
  const { promise, resolve } = Promise.withResolvers<void>();
  log.waits.set("read", promise);
  elect(1);
  await settle();
  term().generation = 3;
  resolve();
  await time.pass(5999);
  assert.equal(master.stage, "waiting");
  await time.pass(1);
  assert.equal(master.stage, "active");
  assert.equal(log.entry("master")?.generation, 3);
  await end();
});

test("a worker need not wait for itself", async () => {
  const { time, master, elect, end } = made();
  elect(5)();
  await settle();
  elect(5)();
  await time.pass(100);
  elect(5);
  await time.pass(100);
  assert.deepEqual([master.stage, master.epoch], ["active", 1]);
  await end();
  const other = made();
  const over = other.elect(5);
  await settle();
  over();
  other.elect(5);
  await settle();
  assert.deepEqual([other.master.stage, other.master.epoch], ["active", 2]);
  await other.end();
});

test("a mastership that ends before it began does nothing more", async () => {
  for (const call of ["fence", "read", "publish"] as const) {
    const { time, log, master, elect, end, lines } = made();
    const { promise, resolve } = Promise.withResolvers<void>();
    log.waits.set(call, promise);
    const over = elect();
    await settle();
    over();
    resolve();
    await time.pass(5000);
    assert.equal(log.entry("timer:restock"), undefined);
    assert.deepEqual([master.epoch, lines.of(/^(info|warn|error)/)], [0, []]);
    if (call !== "fence") assert.equal(log.calls.at(-1), "closed");
    await end();
  }
});

test("rubbish in the journal: no tick, a clear line a minute, not ready, and after a while it stands down", async () => {
  const { time, lines, log, master, elect, yields, end } = made();
  log.entries.push({ key: "timer:restock", value: new TextEncoder().encode("rubbish") });
  elect();
  await settle();
  assert.match(master.trouble ?? "", /^The entry "timer:restock" of the journal shop-master cannot be read/);
  await time.pass(11_900);
  assert.deepEqual([lines.of(/^error/).length, yields, master.epoch], [1, [], 0]);
  await time.pass(1100);
  assert.deepEqual([yields, master.resignations], [["it could not tick"], 1]);
  elect(2);
  await time.pass(13_000);
  assert.deepEqual([log.committed, yields.length], [[], 2]);
  assert.ok(lines.of(/^error/).length <= 4, lines.all.join("\n"));
  log.entries.pop();
  elect(3);
  await settle();
  assert.deepEqual([master.epoch, master.trouble], [1, undefined]);
  await end();
});

test("a lost journal: no tick, an error, not ready; another master relieves it", async () => {
  for (const call of ["fence", "read", "publish"] as const) {
    const { time, lines, log, master, elect, end } = made();
    log.fail(call, "JOURNAL_LOST", 1000);
    elect();
    await time.pass(5000);
    assert.deepEqual([lines.of(/^error/), master.trouble], [["error: It is JOURNAL_LOST."], "It is JOURNAL_LOST."]);
    assert.deepEqual([log.committed, master.epoch], [[], 0]);
    master.relieved();
    assert.equal(master.trouble, undefined);
    await end();
  }
});

test("a journal that is lost while it is active ends the term", async () => {
  const { time, lines, log, master, elect, end } = made();
  elect();
  await time.pass(1000);
  log.fail("publish", "JOURNAL_LOST", 1000);
  log.fail("fence", "JOURNAL_LOST", 1000);
  await time.pass(5000);
  assert.deepEqual([master.epoch, master.trouble, log.entry("timer:restock")?.slot], [
    0,
    "It is JOURNAL_LOST.",
    slot(1),
  ]);
  assert.equal(lines.of(/^error: It is JOURNAL_LOST/).length, 1);
  await end();
});

test("a fenced master stands down at once, and publishes nothing more", async () => {
  const { time, lines, log, elect, yields, send, end, published } = made(() => send("a"));
  elect();
  await time.pass(1000);
  log.latest++; // another has fenced
  await time.pass(1000);
  assert.deepEqual([yields.length, published().length], [1, 1]);
  assert.match(yields[0] ?? "", /another one has been made master since/);
  assert.equal(lines.of(/^error/).length, 0);
  await end();
});

test("an answer that is lost is looked up: committed is committed, and nothing is published twice", async () => {
  for (const committed of [true, false]) {
    const { time, log, elect, send, published, end, loops } = made(() => send("a"));
    elect();
    await settle();
    log.calls.length = 0;
    log.lost = { count: committed ? 1 : 3, committed };
    await time.pass(700);
    assert.equal(published().length, 1);
    const round = ["recover", "read"];
    assert.deepEqual(log.calls, [
      "publish",
      ...round,
      ...committed ? [] : ["publish", ...round, "publish", ...round, "publish"],
    ]);
    assert.deepEqual(loops[0]?.state.counts, { ran: 1, failed: 0, skipped: 0, caughtUp: 0 });
    await time.pass(1000);
    assert.deepEqual(log.entry("timer:restock")?.ran, 2);
    await end();
  }
});

test("a first commit whose answer is lost leaves no schedule to a clock that is wrong", async () => {
  const { time, log, elect, send, published, end } = made(() => send("a"));
  log.skew = -33 * 60_000;
  log.lost = { count: 1, committed: true };
  elect();
  await settle();
  await time.pass(700);
  assert.deepEqual([published(), log.entry("rule:restock")], [[], undefined]);
  await end();
});

test("a lost answer is left to the next master when the term is over", async () => {
  const { time, log, elect, send, published, end, loops } = made(() => send("a"));
  const over = elect();
  await settle();
  log.lost = { count: 1, committed: false };
  const { promise, resolve } = Promise.withResolvers<void>();
  log.waits.set("publish", promise);
  await time.pass(700);
  over();
  resolve();
  await time.pass(5000);
  assert.deepEqual([published(), loops[0]?.state.counts.ran], [[], 0]);
  await end();
});

test("the lookup goes on while Kafka is away", async () => {
  const { time, log, elect, send, published, end } = made(() => send("a"));
  elect();
  await settle();
  log.lost = { count: 1, committed: true };
  log.fail("recover", "UNREACHABLE", 3);
  log.fail("read", "PROTOCOL", 8);
  // As from a broker that has just begun, and does not know its users yet.
  log.errors.get("read")?.push(new MephistoError("AUTHENTICATION_FAILED", "It does not know us."));
  await time.pass(10_700);
  assert.ok(published().length >= 1);
  assert.ok(log.history("timer:restock").every(({ outcome }) => outcome === "ok"));
  assert.equal(new Set(published().flat()).size, published().length);
  assert.equal(published()[0]?.[0]?.includes(`slot=${slot(1)}`), true);
  await end();
});

test("a tick is not lost to a broker that is away for a moment", async () => {
  const { time, log, elect, send, published, end, lines } = made(() => send("a"), { catchUp: "all" });
  elect();
  await settle();
  log.fail("publish", "UNREACHABLE", 4);
  await time.pass(4700);
  assert.deepEqual(published().length, 5);
  assert.deepEqual(lines.of(/^(warn|error)/), []);
  await end();
});

test("what cannot be published is a failed tick, written down as one", async () => {
  for (const code of ["MESSAGE_TOO_LARGE", "UNKNOWN_TOPIC", "PROTOCOL"] as const) {
    const { time, log, elect, send, published, end, lines } = made(() => send("a"));
    elect();
    await settle();
    log.fail("publish", code, code === "PROTOCOL" ? 5 : 1);
    await time.pass(2690);
    const written = log.history("timer:restock").map((
      { outcome, ran, failed, error },
    ) => [outcome, ran, failed, error]);
    assert.deepEqual(written.slice(0, 2), [["failed", 0, 1, `It is ${code}.`], ["ok", 1, 1, undefined]]);
    assert.equal(lines.of(/^error: Timer restock failed at .*: its messages could not be published\. It is/).length, 1);
    await time.pass(1010);
    assert.ok(published().length > 0);
    await end();
  }
});

test("a tick that throws publishes nothing, and is written down", async () => {
  const { time, log, elect, send, published, end } = made(async () => {
    await send("a");
    throw new Error("no shop");
  });
  elect();
  await time.pass(700);
  const { outcome, error, slot: at } = log.entry("timer:restock") ?? {};
  assert.deepEqual([published(), outcome, error, at], [[], "failed", "no shop", slot(1)]);
  await end();
});

test("a master that does not get on says so, is not ready, and stands down", async () => {
  for (const call of ["fence", "read", "publish"] as const) {
    const { time, log, elect, end, lines, yields, master } = made();
    log.waits.set(call, new Promise(() => {}));
    elect();
    await time.pass(11_900);
    assert.deepEqual(yields, []);
    await time.pass(1200);
    assert.equal(yields.length, 1, call);
    assert.equal(lines.of(/^error: This worker is elected and could not tick for 12s/).length, 1);
    assert.match(master.trouble ?? "", /could not tick/);
    await end();
  }
});

test("a transaction that hangs while it is active, too, and one that is refused again and again", async () => {
  for (const hangs of [true, false]) {
    const { time, log, elect, end, lines, yields } = made();
    elect();
    await time.pass(3000);
    if (hangs) log.waits.set("publish", new Promise(() => {}));
    else log.fail("publish", "UNREACHABLE", 1000);
    await time.pass(14_000);
    assert.equal(yields.length, 1);
    assert.equal(
      lines.of(hangs ? /could not tick for 1\d.*stuck/ : /could not tick for 1\d.*It is UNREACHABLE/).length,
      1,
    );
    await end();
  }
});

test("a journal that is long is read for as long as it takes, and one that comes to no end is given up", async () => {
  const { time, log, elect, end, yields, lines } = made();
  log.waits.set("read", new Promise(() => {}));
  elect();
  for (let second = 0; second < 60; second += 5) {
    await time.pass(5000);
    log.moved();
  }
  assert.deepEqual([yields, lines.of(/^error/)], [[], []]);
  await time.pass(11_000);
  assert.deepEqual(yields, []);
  await time.pass(2500);
  assert.deepEqual(yields, ["it could not tick"]);
  await end();
});

test("to begin to read again and again is no progress", async () => {
  const { time, log, elect, end, yields } = made();
  const called = log.called.bind(log);
  log.called = async (call, about) => {
    if (call === "read") {
      await time.sleep(2000);
      log.moved();
      log.fail("read", "UNREACHABLE");
    }
    return await called(call, about);
  };
  elect();
  await time.pass(17_000);
  assert.deepEqual(yields, [], "the first times it is");
  await time.pass(5000);
  assert.deepEqual(yields, ["it could not tick"]);
  await time.pass(5000);
  await end();
});

test("however many ticks wait: while transactions are committed, no other master is asked for", async () => {
  const count = 30;
  const { time, log, elect, end, yields, sendTo, published } = made(
    () => sendTo("orders", "large"),
    { overlap: "skip" },
    Array.from({ length: count - 1 }, () => () => sendTo("orders", "large")),
  );
  // Each goes alone, and takes a second.
  log.refuse = (records) => records.length > 1 ? "MESSAGE_TOO_LARGE" : undefined;
  elect();
  await time.pass(900);
  const slow = log.called.bind(log);
  log.called = async (call, about) => {
    if (call === "publish") await time.sleep(1000);
    return await slow(call, about);
  };
  await time.pass(120_000);
  assert.deepEqual(yields, []);
  assert.ok(published().length > 50, `${published().length}`);
  log.waits.set("publish", new Promise(() => {}));
  await time.pass(14_000);
  assert.equal(yields.length, 1);
  await end();
});

test("one timer of several that waits for the end of an earlier run is no reason for another master", async () => {
  let runs = 0, hangs = 0;
  const once = () => hangs++ === 0 ? time.sleep(100_000) : undefined;
  const { time, elect, end, loops, yields } = made(once, {}, [() => void runs++]);
  const over = elect(1);
  await time.pass(1000);
  over();
  elect(2);
  await time.pass(60_000);
  assert.deepEqual([yields, loops[0]?.blockedSince !== undefined], [[], true]);
  assert.ok(runs > 50);
  await time.pass(50_000);
  await end();
});

test("a function that takes long, and a timer that has nothing to do, are no reason to stand down", async () => {
  const { time, elect, end, yields, lines } = made(({ signal }) => time.sleep(100_000, signal));
  elect();
  await time.pass(60_000);
  assert.deepEqual([yields, lines.of(/^error/)], [[], []]);
  await end();
});

test("a run of an earlier term that does not end keeps its timer from running: that is told, and it stands down", async () => {
  const { time, elect, loops, yields, lines } = made(() => time.sleep(40_000));
  const over = elect(1);
  await time.pass(1000);
  over();
  elect(2);
  await time.pass(11_000);
  assert.deepEqual(yields, []);
  await time.pass(2500);
  assert.equal(yields.length, 1);
  assert.equal(
    lines.of(/^error: .*could not tick for 12s.*: a run of timer restock that began in an earlier/).length,
    1,
  );
  await time.pass(30_000);
  const last = elect(3);
  await time.pass(20_000);
  last();
  assert.equal(yields.length, 1);
  for (const loop of loops) loop.end();
  await time.pass(40_000);
});

test("it resigns with its last transaction, in a bounded time", async () => {
  const { time, log, elect, end, master } = made();
  elect(4);
  await time.pass(1000);
  await master.resign(200);
  assert.deepEqual([log.entry("master")?.resigned, log.entry("master")?.epoch], [true, 1]);
  log.waits.set("publish", new Promise(() => {}));
  const resigned = master.resign(200);
  await time.pass(199);
  assert.equal(await isDone(resigned), false);
  await time.pass(1);
  assert.equal(await isDone(resigned), true);
  await end();
  await master.resign(200);
});

test("once it is closed no run begins and tasks are told; once it resigns nothing that is in hand counts", async () => {
  const runs: number[] = [];
  const told: string[] = [];
  const { time, log, elect, end, master, send, published, addTask } = made(async ({ slot, signal }) => {
    runs.push(slot);
    await send("a");
    signal.addEventListener("abort", () => told.push("timer"));
    await time.sleep(1500);
    await send("b");
  });
  addTask(async ({ signal }) => {
    signal.addEventListener("abort", () => told.push("task"));
    await time.sleep(3000);
  });
  elect(4);
  await time.pass(1000);
  master.close();
  assert.deepEqual([runs.length, told], [1, ["task"]]);
  await time.pass(1500);
  assert.deepEqual([published().length, log.entry("timer:restock")?.ran], [1, 1], "what was in hand is published");
  await time.pass(5000);
  assert.equal(runs.length, 1);
  await end();

  const again = made(async () => {
    await again.send("a");
    await again.time.sleep(100);
  });
  again.elect(4);
  await again.time.pass(1000 - 300);
  const resigning = Promise.withResolvers<void>();
  again.log.waits.set("publish", resigning.promise);
  const resigned = again.master.resign(200);
  await again.time.pass(150);
  resigning.resolve();
  await resigned;
  await again.time.pass(1000);
  assert.deepEqual([again.published(), again.log.entry("timer:restock")], [[], undefined]);
  assert.equal(again.log.entry("master")?.resigned, true);
  await again.end();
});

test("the journal knows the latest generation, and is written once a minute when there is nothing else", async () => {
  const { time, log, elect, end, master, term } = made(() => {}, { name: "restock", catchUp: "skip" });
  elect(4);
  await settle();
  term().generation = 9;
  master.look();
  await settle();
  assert.equal(log.entry("master")?.generation, 9);
  // One that could not be written is written with the next look.
  term().generation = 10;
  log.fail("publish", "PROTOCOL", 5);
  master.look();
  await time.pass(3000);
  assert.equal(log.entry("master")?.generation, 10);
  await end();
  const idle = made(() => time.sleep(0), { overlap: "untilConsumed" });
  idle.log.entries.push(timerEntry("restock", record({ ends: [{ topic: "orders", partition: 0, offset: 5 }] })));
  idle.log.uncommitted = 1;
  idle.elect(1);
  await idle.time.pass(59_000);
  assert.equal(idle.log.committed.length, 2, "its own entry, and the timer's rule");
  await idle.time.pass(3000);
  assert.equal(idle.log.committed.length, 3);
  await idle.end();
});

test("ends are kept for timers that wait for the actors, and only of their topics", async () => {
  for (const overlap of ["untilConsumed", "skip"] as const) {
    const { time, log, elect, end, send, sendTo } = made(async () => {
      await send("a");
      await sendTo("elsewhere", "b");
    }, { overlap });
    elect();
    await time.pass(700);
    const ends = log.entry("timer:restock")?.ends;
    assert.deepEqual(ends, overlap === "skip" ? undefined : [{ topic: "orders", partition: 0, offset: 1 }]);
    log.uncommitted = 1;
    await time.pass(2000);
    const { slot: at, ran } = log.entry("timer:restock") ?? {};
    assert.deepEqual([at, ran], overlap === "skip" ? [slot(3), 3] : [slot(1), 1]);
    log.uncommitted = 0;
    await time.pass(1000);
    const { skipped } = log.entry("timer:restock") ?? {};
    assert.equal(skipped, overlap === "skip" ? 0 : 2);
    await end();
  }
});

test("an error that comes of the term's end is no failure of the tick", async () => {
  const { time, log, elect, send, end, lines, loops } = made(() => send("a"));
  const over = elect();
  await settle();
  const { promise, resolve } = Promise.withResolvers<void>();
  log.waits.set("publish", promise);
  await time.pass(700);
  over();
  log.errors.set("publish", [new Error("The connection has been closed.")]);
  resolve();
  await time.pass(1000);
  assert.deepEqual([lines.of(/^error/), loops[0]?.state.counts.failed], [[], 0]);
  await end();
});

test("a timer does not wait for what nobody consumes any more", async () => {
  const { time, log, elect, end } = made(() => {}, { overlap: "untilConsumed" });
  const ends = [{ topic: "orders", partition: 0, offset: 5 }, { topic: "gone", partition: 0, offset: 7 }];
  log.entries.push(timerEntry("restock", record({ slot: slot(0), ends })));
  elect();
  await time.pass(700);
  assert.deepEqual(log.calls.filter((call) => call.startsWith("behind")), [
    `behind ${JSON.stringify(ends.slice(0, 1))}`,
  ]);
  await end();
});

test("a task that sends on and on after the end of its term, and waits for nothing, is told of once a minute", async () => {
  const { time, lines, elect, end, send, addTask } = made(() => {});
  addTask(async ({ signal }) => {
    await time.sleep(100_000, signal);
    for (let n = 0; n < 1000; n++) void send("late");
  });
  elect();
  await time.pass(700);
  await end();
  assert.equal(lines.of(/^error: A send of task listen failed: .*no longer master/).length, 1);
});

test("a fault of ours in the master's loop is told, and the term goes on", async () => {
  const { time, lines, supervisor, log, elect, published, send, end } = made(() => send("x"));
  lines.breakAt = /JOURNAL_UNUSABLE/;
  log.fail("fence", "JOURNAL_UNUSABLE");
  elect();
  await settle();
  assert.match(supervisor.trouble ?? "", /^The master's term has failed/);
  await time.pass(12_000);
  assert.ok(published().length > 5);
  assert.deepEqual([supervisor.trouble, supervisor.ended.length], [undefined, 0]);
  await end();
});

test("a fault of ours in the watch over the master is told, and it goes on", async () => {
  const { time, lines, supervisor, log, elect, yields, end } = made();
  lines.breakAt = /could not tick/;
  log.fail("fence", "JOURNAL_UNUSABLE", 1000);
  elect();
  await time.pass(12_500);
  assert.match(supervisor.trouble ?? "", /^The watch over the master has failed/);
  await time.pass(3000);
  assert.deepEqual(yields, ["it could not tick"]);
  await end();
});

test("a run that takes long is in the journal while it does, and a master clears away what another left there", async () => {
  let hangs = true;
  const { time, log, elect, end } = made(() => hangs ? time.sleep(8000) : undefined, { timeout: "7s" });
  log.entries.push(last(), runningEntry("gone", { slot: 1, since: 2, epoch: 6, worker: "another" }));
  elect();
  await time.pass(5500);
  assert.deepEqual(log.history("running:restock"), []);
  assert.deepEqual(replay(log.entries, "t").running, new Map());
  await time.pass(1500);
  const since = slot(1);
  assert.deepEqual(log.entry("running:restock"), { format: 1, slot: since, since, epoch: 7, worker: "me" });
  hangs = false;
  await time.pass(1200); // its timeout is over, and its function goes on
  assert.equal(log.entry("timer:restock")?.outcome, "failed");
  assert.deepEqual([...replay(log.entries, "t").running.keys()], ["restock"]);
  await time.pass(2000);
  assert.deepEqual(replay(log.entries, "t").running, new Map());
  const lines = log.entries.filter(({ key }) => key.startsWith("running:restock")).length;
  assert.equal(lines, 2, "once when it has taken long, once at its end");
  await end();
});

test("what could not be written of a run that takes long is written later", async () => {
  const { time, log, elect, end } = made(({ signal }) => time.sleep(12_000, signal));
  elect();
  await time.pass(2000);
  log.fail("publish", "PROTOCOL", 5);
  await time.pass(9000);
  assert.equal(log.history("running:restock").length, 1);
  await end();
});
