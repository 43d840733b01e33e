import type { TimerRecord } from "../../../src/worker/timers/timer-record.ts";
import { BAD_THENABLE, HOSTILE } from "../../core/hostile.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { MephistoError } from "../../../src/core/errors.ts";
import { spreadOf } from "../../../src/core/spread.ts";
import type { Tick, TimerDefinition, TimerFunction, TimerPolicy } from "../../../src/core/timer.ts";
import { Yielder } from "../../../src/core/yielder.ts";
import type { OutgoingRecord } from "../../../src/driver/driver.ts";
import { context } from "../../../src/runtime/context.ts";
import type { Scope } from "../../../src/worker/calls/scope.ts";
import { QUEUE_LIMIT } from "../../../src/core/policy.ts";
import { every } from "../../../src/core/rule.ts";
import { cronRule } from "../../../src/cron/rule.ts";
import { zoneShowing } from "../../../src/cron/zone.ts";
import type { TickResult } from "../../../src/worker/timers/timer-state.ts";
import { everyWorkerScope } from "../../../src/worker/timers/every-worker.ts";
import { TimerLoop, type TimerScope } from "../../../src/worker/timers/timer-loop.ts";
import { Lines, supervisorOf } from "../../core/fakes.ts";
import { FakeTime, isDone, nextTurn, type Pending, settle, shown } from "../fakes.ts";

type Ends = { topic: string; partition: number; offset: number }[];

const START = Date.UTC(2026, 0, 1) + 300;

const POLICY: TimerPolicy = {
  overlap: "skip",
  catchUp: "one",
  catchUpWithin: 3_600_000,
  retry: 0,
  timeout: undefined,
  spread: 0,
  immediately: false,
};
const RECORD: TimerRecord = {
  slot: 0,
  outcome: "ok",
  epoch: 1,
  worker: "another",
  ran: 0,
  failed: 0,
  skipped: 0,
  caughtUp: 0,
};

/** `early`: by how many ms sleeps are too short. */
function made(fn: TimerFunction, part: Partial<TimerDefinition> = {}, early = 0) {
  const time = new FakeTime(START);
  const lines = new Lines();
  const scopes = context<Scope>();
  const timer: TimerDefinition = {
    name: "restock",
    rule: every(1000),
    onMaster: true,
    policy: POLICY,
    fn,
    ...part,
  };
  const sleep = (ms: number, signal?: AbortSignal) => time.sleep(ms > 1 ? ms - early : ms, signal);
  const yielder = new Yielder(time, nextTurn, nextTurn);
  const base = { worker: "me", context: scopes, logger: lines, clock: time, sleep, yielder };
  const supervisor = supervisorOf(base);
  const loop = new TimerLoop(timer, { ...base, supervisor });
  const send = (value: string) => {
    const scope = scopes.get();
    assert.ok(scope, "no scope");
    const record = { topic: "out", key: null, value: new TextEncoder().encode(value), headers: [], timestamp: 0 };
    return scope.send(record);
  };
  /** What was written down, in order. */
  const written: TickResult[] = [];
  let journalled: TimerRecord | undefined;
  const control = { write: Promise.resolve(), error: undefined as Error | undefined, behind: 0, ends: [] as Ends };
  /** A term of mastership, or a worker's life, that lasts until it is over. */
  const term = (epoch = 1, record?: TimerRecord) => {
    const over = new AbortController();
    const state = { holds: true };
    const end = () => {
      state.holds = false;
      over.abort();
    };
    const scope: TimerScope = {
      epoch,
      signal: over.signal,
      clock: { now: time.wall },
      holds: () => state.holds,
      ready: () => state.holds,
      recordOf: () => journalled ?? record,
      async write(_, state, run) {
        await control.write;
        if (control.error) throw control.error;
        written.push(run);
        journalled = state.after(run, epoch, control.ends);
        state.settle(journalled);
      },
      lag: () => Number.isNaN(control.behind) ? Promise.reject(new Error("away")) : Promise.resolve(control.behind),
    };
    return { scope, state, end };
  };
  const counts = () => ({ lastSlot: loop.state.last?.slot, ...loop.state.counts });
  const published = () => written.map(({ records }) => records.map(shown));
  const ran = () => written.map(({ slot }) => slot);
  return { time, lines, loop, supervisor, send, written, published, ran, control, term, counts };
}

const slots = (...seconds: number[]) => seconds.map((second) => START - 300 + second * 1000);

/** What is told at the level that workers have by default. */
const told = (lines: Lines) => lines.all.filter((line) => !line.startsWith("debug: "));

test("a timer runs at the multiples of its interval, and is told which", async () => {
  const ticks: Tick[] = [];
  const { time, loop, term, counts } = made((tick) => {
    ticks.push(tick);
  });
  const { scope } = term(7);
  loop.start(scope);
  await time.pass(3000);
  assert.deepEqual(ticks.map(({ slot }) => slot), slots(1, 2, 3));
  assert.deepEqual(ticks.map(({ scheduledAt }) => scheduledAt.getTime()), slots(1, 2, 3));
  assert.deepEqual([ticks[0]?.epoch, ticks[0]?.signal], [7, scope.signal]);
  assert.deepEqual(counts(), { lastSlot: slots(3)[0], ran: 3, failed: 0, skipped: 0, caughtUp: 0 });
  loop.end();
});

test("a function that takes half its interval does not lengthen the period", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(async () => {
    at.push(time.wall());
    await time.sleep(500);
  });
  loop.start(term().scope);
  await time.pass(100_000);
  assert.equal(at.length, 100);
  assert.deepEqual(at.slice(0, 3), slots(1, 2, 3));
  assert.equal(((at.at(-1) ?? 0) - (at[0] ?? 0)) / 99, 1000);
  assert.deepEqual([loop.state.counts.skipped, loop.state.counts.failed], [0, 0]);
  loop.end();
});

test("a run that outlasts its interval is not run twice at once; the slots it covers are counted and told once a minute", async () => {
  let running = 0;
  const at: number[] = [];
  const { time, loop, lines, term } = made(async ({ slot }) => {
    at.push(slot);
    assert.equal(++running, 1);
    await time.sleep(2500);
    running--;
  });
  loop.start(term().scope);
  await time.pass(59_000);
  assert.deepEqual(at.slice(0, 3), slots(1, 4, 7));
  assert.equal(loop.state.counts.skipped, (at.length - 1) * 2);
  assert.deepEqual(told(lines), [
    "warn: Timer restock (every 1s) took 2s500ms: 2 slots are skipped.",
  ]);
  await time.pass(60_000);
  assert.equal(told(lines).length, 2);
  assert.equal(loop.state.counts.failed, 0);
  loop.end();
});

test("a throw is logged with the timer's name and its slot, and the next slot runs", async () => {
  const fails: TimerFunction[] = [
    () => {
      throw new Error("no shop");
    },
    () => Promise.reject("no shop"),
  ];
  for (const fn of fails) {
    const { time, loop, lines, term } = made(fn);
    loop.start(term().scope);
    await time.pass(2000);
    assert.deepEqual(told(lines).map((line) => line.replace(/ \(at .*timer-loop.test.*\)$/, "")), [
      "error: Timer restock failed at 2026-01-01T00:00:01.000Z: no shop",
      "error: Timer restock failed at 2026-01-01T00:00:02.000Z: no shop",
    ]);
    assert.deepEqual([loop.state.counts.ran, loop.state.counts.failed], [0, 2]);
    loop.end();
  }
});

test("nothing runs when the scope is over, and it may be asked at the last moment", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(({ slot }) => {
    at.push(slot);
  });
  const { scope, state } = term();
  loop.start(scope);
  await time.pass(1000);
  state.holds = false; // its signal comes later
  await time.pass(5000);
  assert.deepEqual(at, slots(1));
  const next = term(2);
  loop.start(next.scope);
  await time.pass(1000);
  assert.deepEqual(at, slots(1, 6, 7));
  next.end();
  await time.pass(5000);
  assert.deepEqual([at.length, time.sleepers], [3, 0]);
});

test("after its end nothing runs, and a run that is under way may finish", async () => {
  let finished = 0;
  const { time, loop, term } = made(async () => {
    await time.sleep(500);
    finished++;
  });
  loop.start(term().scope);
  await time.pass(1000);
  loop.end();
  assert.equal(await isDone(loop.idle()), false);
  await time.pass(500);
  assert.equal(await isDone(loop.idle()), true);
  loop.start(term(2).scope);
  await time.pass(5000);
  assert.deepEqual([finished, time.sleepers], [1, 0]);
});

test("a new term waits for the run of an older one", async () => {
  let running = 0;
  const epochs: number[] = [];
  const { time, loop, term } = made(async ({ epoch }) => {
    assert.equal(++running, 1);
    epochs.push(epoch);
    await time.sleep(3500);
    running--;
  });
  const first = term(1);
  loop.start(first.scope);
  await time.pass(1000);
  first.end();
  loop.start(term(2).scope);
  await time.pass(10_000);
  assert.deepEqual([epochs.slice(0, 2), loop.state.counts.failed], [[1, 2], 0]);
  loop.end();
});

test("a clock that is set back runs no slot twice, and one set forward skips", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(({ slot }) => {
    at.push(slot);
  });
  loop.start(term().scope);
  await time.pass(2000);
  time.set(-1500);
  await time.pass(2500);
  assert.deepEqual(at, slots(1, 2, 3));
  time.set(10_000);
  await time.pass(30_000);
  assert.deepEqual(at, at.toSorted((a, b) => a - b));
  assert.equal(new Set(at).size, at.length);
  loop.end();
});

test("a clock that is set back during a run runs no slot twice", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(({ slot }) => {
    at.push(slot);
    if (at.length === 2) time.set(-1500);
  });
  loop.start(term().scope);
  await time.pass(6000);
  assert.deepEqual(at, slots(1, 2, 3, 4));
  loop.end();
});

test("a clock that was an hour ahead for a moment does not silence a timer for an hour", async () => {
  const at: number[] = [];
  const { time, loop, term, lines } = made(({ slot }) => void at.push(slot), { onMaster: false });
  loop.start(term().scope);
  await time.pass(1000);
  time.set(3_600_000);
  await time.pass(1000);
  time.set(-3_600_000);
  const before = at.length;
  await time.pass(60_000);
  assert.ok(at.length > before + 20, `${at.length - before} runs in a minute`);
  assert.equal(told(lines).filter((line) => /^warn: The clock has been set back by/.test(line)).length, 1);
  loop.end();
});

test("a new term on a clock that was set back runs no slot of the last one", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(({ slot }) => {
    at.push(slot);
  });
  const first = term(1);
  loop.start(first.scope);
  await time.pass(3000);
  first.end();
  time.set(-5000);
  loop.start(term(2).scope);
  await time.pass(7000);
  assert.deepEqual(at, slots(1, 2, 3, 4, 5));
  loop.end();
});

test("a clock that is set forward is noticed within half a minute", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(({ slot }) => void at.push(slot), { rule: every(3_600_000) });
  loop.start(term().scope);
  await time.pass(1000);
  time.set(3_599_000);
  await time.pass(30_000);
  assert.equal(at.length, 1);
  loop.end();
});

test("a tick's sends are published together, when its function has ended", async () => {
  const { time, loop, send, published, term } = made(async () => {
    await send("a");
    await time.sleep(100);
    void send("b");
  });
  loop.start(term().scope);
  await time.pass(750);
  assert.deepEqual(published(), []);
  await time.pass(100);
  assert.deepEqual(published(), [["out a", "out b"]]);
  loop.end();
});

test("a tick that sends nothing, or throws, is written down, and nothing is published", async () => {
  let fail = false;
  const { time, written, loop, send, term } = made(async () => {
    if (!fail) return;
    await send("a");
    throw new Error("no");
  });
  loop.start(term().scope);
  await time.pass(1000);
  fail = true;
  await time.pass(1000);
  assert.deepEqual(written.map(({ outcome, error, records }) => [outcome, error, records.length]), [
    ["ok", undefined, 0],
    ["failed", "no", 0],
  ]);
  assert.deepEqual([loop.state.counts.ran, loop.state.counts.failed], [1, 1]);
  loop.end();
});

test("a tick that outlives its mastership publishes nothing, is not written down, and says so", async () => {
  for (const throws of [false, true]) {
    const { time, written, loop, lines, send, term } = made(async () => {
      await send("a");
      await time.sleep(500);
      if (throws) throw new Error("no");
    });
    const { scope, end } = term();
    loop.start(scope);
    await time.pass(1000);
    end();
    loop.start(term(2).scope); // regained: still not the old tick's
    await time.pass(300);
    assert.deepEqual([written, loop.state.counts.failed], [[], 0]);
    const line = throws
      ? /^warn: Timer restock ended with this worker's mastership at .*: no /
      : /: its 1 messages are not/;
    assert.match(told(lines)[0] ?? "", line);
    loop.end();
  }
});

test("a run that cannot be written down is told, and is no run", async () => {
  const { time, loop, lines, send, term, control } = made(() => send("a"));
  control.error = new MephistoError("FENCED", "Another one.");
  loop.start(term().scope);
  await time.pass(1000);
  assert.deepEqual([loop.state.counts.ran, loop.state.counts.failed], [0, 0]);
  assert.match(
    told(lines)[0] ?? "",
    /^warn: The run of timer restock at .* is left to the next master: Another one\.$/,
  );
  loop.end();
});

test("the next slot does not begin before the last one's messages are published", async () => {
  const { time, loop, send, term, control, ran } = made(() => send("a"));
  const { promise, resolve } = Promise.withResolvers<void>();
  control.write = promise;
  loop.start(term().scope);
  await time.pass(3000);
  assert.deepEqual(ran(), []);
  resolve();
  await settle();
  await time.pass(1000);
  assert.deepEqual(ran(), slots(1, 3, 4), "what it took to publish is no run: the last missed slot is run");
  loop.end();
});

/** A timer of every worker, and what it sends at once. */
function onEveryWorker(fn: TimerFunction, part: Partial<TimerDefinition> = {}) {
  const sent: Pending[] = [];
  const send = (record: OutgoingRecord) => new Promise<void>((done, fail) => void sent.push({ record, done, fail }));
  const setting = made(fn, { onMaster: false, ...part });
  const { loop, time } = setting;
  loop.start(everyWorkerScope(time, new AbortController().signal, { send }));
  return { ...setting, sent };
}

test("on every worker a tick sends at once, and has epoch 0", async () => {
  const epochs: unknown[] = [];
  const { time, loop, send, sent } = onEveryWorker(async ({ epoch }) => {
    epochs.push(epoch);
    await send("a");
    epochs.push("sent");
  });
  await time.pass(1000);
  assert.deepEqual([epochs, sent.map(({ record }) => shown(record))], [[0], ["out a"]]);
  sent[0]?.done();
  await settle();
  assert.deepEqual([epochs, loop.state.counts], [[0, "sent"], { ran: 1, failed: 0, skipped: 0, caughtUp: 0 }]);
  loop.end();
});

test("on every worker a run waits for what it sends, and fails by what it does not await", async () => {
  const { time, loop, lines, send, sent } = onEveryWorker(() => {
    void send("a");
    void send("b");
  });
  await time.pass(1000);
  assert.deepEqual([sent.length, loop.running?.slot], [2, slots(1)[0]]);
  sent[0]?.fail(new MephistoError("SEND_TIMEOUT", "No answer."));
  await settle();
  assert.equal(loop.state.counts.ran + loop.state.counts.failed, 0, "the other one is on its way");
  sent[1]?.done();
  await settle();
  assert.deepEqual(loop.state.counts, { ran: 0, failed: 1, skipped: 0, caughtUp: 0 });
  assert.deepEqual(lines.of(/^(warn|error)/).length, 1);
  assert.match(lines.of(/^error/)[0] ?? "", /^error: Timer restock failed at .*: No answer\./);
  loop.end();
});

test("on every worker a timeout ends the wait for what a run sent, which is told if it fails later", async () => {
  const { time, loop, lines, send, sent } = onEveryWorker(() => void send("a"), policy({ timeout: 300 }));
  await time.pass(1300);
  assert.match(lines.of(/^error/)[0] ?? "", /took longer than its timeout of 300ms/);
  loop.end();
  assert.equal(await isDone(loop.idle()), true);
  sent[0]?.fail(new Error("late"));
  await settle();
  assert.equal(lines.of(/^error/).length, 1, "it has failed its run already");
});

/** A policy that differs from the usual one in this. */
const policy = (part: Partial<TimerPolicy>): Partial<TimerDefinition> => ({ policy: { ...POLICY, ...part } });

test("with queue the slots that come during a run are run after it, one by one, and none is called late", async () => {
  const at: [number, boolean, number][] = [];
  let took = 2500;
  const { time, loop, term } = made(async ({ slot, caughtUp }) => {
    at.push([slot, caughtUp, time.wall()]);
    await time.sleep(took);
    took = 100;
  }, policy({ overlap: "queue", catchUp: "skip" }));
  loop.start(term().scope);
  await time.pass(5000);
  const [first = 0] = slots(1);
  assert.deepEqual(at.map(([slot]) => slot), slots(1, 2, 3, 4, 5));
  assert.ok(at.every(([, caughtUp]) => !caughtUp));
  assert.deepEqual(at.map(([, , began]) => began - first), [0, 2500, 2600, 3000, 4000]);
  assert.equal(loop.state.counts.skipped, 0);
  loop.end();
});

test("with queue nothing that came during a run is too old, also on every worker, where no window can be given", async () => {
  for (const onMaster of [true, false]) {
    const at: number[] = [];
    const { time, loop, term, lines } = made(async ({ slot }) => {
      at.push(slot);
      if (at.length === 1) await time.sleep(5000);
    }, { ...policy({ overlap: "queue", catchUp: "one", catchUpWithin: 1000 }), onMaster });
    loop.start(term().scope);
    await time.pass(8000);
    assert.deepEqual([at, loop.state.counts.skipped], [slots(1, 2, 3, 4, 5, 6, 7, 8), 0]);
    assert.deepEqual(told(lines), []);
    loop.end();
  }
});

for (const overlap of ["queue", "allow"] as const) {
  test(`synchronous runs back to back leave the event loop its turns (overlap ${overlap})`, async (t) => {
    let runs = 0;
    const { time, loop, term } = made(() => {
      time.jump(20);
      if (++runs === 100) end();
    }, { rule: every(5), ...policy({ overlap, catchUp: "all" }) });
    const { scope, end } = term();
    t.after(end);
    let turns = 0;
    const count = () => {
      turns++;
      if (runs < 100) setImmediate(count);
    };
    setImmediate(count);
    loop.start(scope);
    for (let i = 0; i < 400 && runs < 100; i++) await time.pass(5);
    assert.equal(runs, 100);
    assert.ok(turns >= 50, `${turns} turns of the event loop in 2 s`);
    await loop.idle();
  });
}

test("a queue has a bound of its own: beyond it the oldest are dropped, told in a line and counted", async () => {
  const at: number[] = [];
  const { time, loop, term, lines } = made(async ({ slot }) => {
    at.push(slot);
    if (at.length === 1) await time.sleep((QUEUE_LIMIT + 5) * 1000);
  }, policy({ overlap: "queue" }));
  loop.start(term().scope);
  await time.pass(1000);
  time.jump((QUEUE_LIMIT + 5) * 1000 + 500);
  await time.pass(100);
  assert.deepEqual(at.slice(0, 3), slots(1, 7, 8));
  assert.deepEqual([at.length, loop.state.counts.skipped], [QUEUE_LIMIT + 1, 5]);
  assert.deepEqual(told(lines).slice(1), [
    "warn: Timer restock (every 1s) was not run in time: 5 slots are skipped (5 since more than 1000 have come that " +
    "wait for a run's end).",
  ]);
  loop.end();
});

test("the last missed slot is run however old it is, unless a window is given; what that drops is told and counted", async () => {
  const late = async (part: Partial<TimerPolicy>) => {
    const { time, loop, term, ran, lines } = made(() => {}, { ...policy(part), rule: every(86_400_000) });
    const [slot = 0] = slots(-4 * 86_400);
    loop.start(term(2, { ...RECORD, slot }).scope);
    await time.pass(100);
    loop.end();
    return {
      days: ran().map((slot) => (slot - (slots(0)[0] ?? 0)) / 86_400_000),
      ...loop.state.counts,
      told: told(lines),
    };
  };
  const { days, skipped, told: lines } = await late({ catchUpWithin: Infinity });
  assert.deepEqual([days, skipped], [[0], 3]);
  assert.deepEqual(lines, [
    "warn: Timer restock (every 1d) was not run in time: 3 slots are skipped; 2026-01-01T00:00:00.000Z is run now.",
  ]);
  const within = await late({ catchUpWithin: 100 });
  assert.deepEqual([within.days, within.skipped], [[], 4]);
  assert.deepEqual(within.told, [
    "warn: Timer restock (every 1d) was not run in time: 4 slots are skipped (1 older than catchUpWithin, 100ms).",
  ]);
  const all = await late({ catchUp: "all", overlap: "queue", catchUpWithin: 86_400_000 });
  assert.deepEqual([all.days, all.skipped], [[0], 3]);
  assert.match(all.told[0] ?? "", /3 slots are skipped \(3 older than catchUpWithin, 1d\); 2026-01-01T/);
});

test("with allow runs go on beside each other, and the last slot only grows", async () => {
  let running = 0;
  let most = 0;
  const { time, loop, term, ran } = made(async ({ slot }) => {
    most = Math.max(most, ++running);
    await time.sleep(slot === slots(1)[0] ? 2500 : 100);
    running--;
    if (slot === slots(1)[0]) throw new Error("late");
  }, policy({ overlap: "allow" }));
  loop.start(term().scope);
  await time.pass(3750);
  assert.deepEqual([most, ran()], [2, slots(2, 3, 1)]);
  assert.equal(loop.state.last?.slot, slots(3)[0], "an older run that ends later is counted, and changes nothing else");
  assert.deepEqual([loop.state.last?.outcome, loop.state.counts], ["ok", {
    ran: 2,
    failed: 1,
    skipped: 0,
    caughtUp: 0,
  }]);
  loop.end();
  assert.equal(await isDone(loop.idle()), false);
  await time.pass(100);
  assert.equal(await isDone(loop.idle()), true);
});

test("with untilConsumed a slot is skipped while the actors are behind, and while that cannot be told", async () => {
  const { time, loop, term, ran, control, lines } = made(() => {}, policy({ overlap: "untilConsumed" }));
  control.ends = [{ topic: "out", partition: 0, offset: 5 }];
  control.behind = 3;
  loop.start(term().scope);
  await time.pass(3000);
  assert.deepEqual([ran(), loop.state.counts.skipped], [slots(1), 2]);
  assert.deepEqual(told(lines), [
    "warn: Timer restock skips 2026-01-01T00:00:02.000Z: the actors have not committed 3 messages of the last tick.",
  ]);
  control.behind = NaN;
  await time.pass(1000);
  control.behind = 0;
  await time.pass(1000);
  assert.deepEqual([ran(), loop.state.counts.skipped], [slots(1, 5), 3]);
  loop.end();
});

test("missed slots are caught up as the policy says; the slots of a late master are not those of a long run", async () => {
  const run = async (catchUp: TimerPolicy["catchUp"]) => {
    const late: [number, boolean][] = [];
    const { time, loop, term, ran } = made(async ({ slot, caughtUp }) => {
      late.push([slot, caughtUp]);
      await time.sleep(10);
    }, policy({ catchUp }));
    loop.start(term(2, { ...RECORD, slot: slots(-4)[0] ?? 0 }).scope);
    await time.pass(700);
    loop.end();
    return { ran: ran(), caughtUp: late.filter(([, late]) => late).length, counts: loop.state.counts };
  };
  assert.deepEqual(await run("one"), {
    ran: slots(0),
    caughtUp: 1,
    counts: { ran: 1, failed: 0, skipped: 3, caughtUp: 1 },
  });
  assert.deepEqual((await run("all")).ran, slots(-3, -2, -1, 0));
  assert.deepEqual((await run("all")).counts, { ran: 4, failed: 0, skipped: 0, caughtUp: 4 });
  assert.deepEqual(await run("skip"), { ran: [], caughtUp: 0, counts: { ran: 0, failed: 0, skipped: 4, caughtUp: 0 } });
});

test("that slots are caught up is told in one line, also when none is skipped", async () => {
  for (const [catchUp, expected] of [["one", 1], ["all", 1], ["skip", 0]] as const) {
    const { time, loop, term, lines } = made(() => {}, policy({ catchUp }));
    loop.start(term(2, { ...RECORD, slot: slots(-2)[0] ?? 0 }).scope);
    await time.pass(5000);
    loop.end();
    const found = told(lines).filter((line) => /was not run in time/.test(line));
    assert.equal(found.length, 1);
    assert.equal(
      found.filter((line) => line.includes("is run now") || line.includes("catches up from")).length,
      expected,
    );
  }
});

test("while slots are caught up the new ones wait behind them", async () => {
  const { time, loop, term, ran } = made(() => time.sleep(600), policy({ catchUp: "all" }));
  loop.start(term(2, { ...RECORD, slot: slots(-4)[0] ?? 0 }).scope);
  await time.pass(6000);
  loop.end();
  await time.pass(600);
  assert.deepEqual(ran().slice(0, 7), slots(-3, -2, -1, 0, 1, 2, 3));
});

test("no slot runs that is not later than the journal's, whatever the interval is now, and a wait for it is told", async () => {
  const { time, loop, term, ran, lines } = made(() => {}, { rule: every(700) });
  const [journalled = 0] = slots(120);
  loop.start(term(2, { ...RECORD, slot: journalled }).scope);
  await time.pass(121_500);
  assert.equal(ran().length, 3);
  assert.ok(ran().every((slot) => slot > journalled));
  assert.match(told(lines)[0] ?? "", /^warn: Timer restock waits for 1m59s700ms: /);
  loop.end();
});

test("a time on a zone's clock that another's data had earlier is not run again, and one that it had later does not hold up", async () => {
  const ZONE = "America/Vancouver";
  const [earlier, later] = [7, 8].map((hours) =>
    cronRule("0,30 0-23 * * *", ZONE, zoneShowing((instant) => instant - hours * 3_600_000))
  );
  assert.ok(earlier && later);
  for (const [theirs, ours, expected] of [[earlier, later, []], [later, earlier, ["17:30", "18:00"]]] as const) {
    const { time, loop, term, lines } = made(() => {}, { rule: ours, ...policy({ catchUp: "all", overlap: "queue" }) });
    const slot = theirs.labelled?.(`2025-12-31T17:00 ${ZONE}`) ?? assert.fail();
    time.set(slot + 60_000 - time.wall());
    loop.start(term(2, { ...RECORD, slot, label: `2025-12-31T17:00 ${ZONE}` }).scope);
    await time.pass(60_000);
    const ahead =
      /^warn: Timer restock waits for 59m: another has run it for 2025-12-31T17:00 America\/Vancouver, which by the/;
    if (ours === later) assert.match(told(lines)[0] ?? "", ahead);
    assert.equal(loop.state.last?.label, `2025-12-31T${expected.at(-1) ?? "17:00"} ${ZONE}`);
    assert.equal(loop.state.counts.ran, expected.length);
    loop.end();
    await settle();
  }
});

test("a tick knows the slot before, and how it ended", async () => {
  const before: Tick["previous"][] = [];
  const { time, loop, term } = made(({ previous }) => {
    before.push(previous);
    if (before.length === 2) throw new Error("no");
  });
  loop.start(term().scope);
  await time.pass(3000);
  const [first = 0, second = 0] = slots(1, 2);
  assert.deepEqual(before, [undefined, { slot: first, outcome: "ok" }, { slot: second, outcome: "failed" }]);
  loop.end();
});

test("a run that throws is tried again with growing pauses, and what it sent before is gone", async () => {
  const at: number[] = [];
  const { time, loop, term, send, published, written, lines } = made(async () => {
    at.push(time.wall() - (slots(1)[0] ?? 0));
    await send(`try ${at.length}`);
    if (at.length < 3) throw new Error("no shop");
  }, policy({ retry: 2 }));
  loop.start(term().scope);
  await time.pass(1500);
  assert.deepEqual([at, published()], [[0, 100, 300], [["out try 3"]]]);
  assert.deepEqual([written[0]?.outcome, loop.state.counts.failed], ["ok", 0]);
  assert.match(told(lines)[0] ?? "", /^warn: Timer restock failed at .*: no shop .*Tried again in 100ms\.$/);
  loop.end();
});

test("it is not tried again when its next slot would be due, or more often than it says", async () => {
  let tries = 0;
  const { time, loop, term, written } = made(() => {
    tries++;
    throw new Error("no");
  }, policy({ retry: 99 }));
  loop.start(term().scope);
  await time.pass(1699);
  assert.deepEqual([tries, written.length], [4, 1], "after 0, 100, 300 and 700 ms; 1500 ms would be the next slot's");
  loop.end();
  const few = made(() => {
    tries++;
    throw new Error("no");
  }, policy({ retry: 1 }));
  tries = 0;
  few.loop.start(few.term().scope);
  await few.time.pass(1600);
  assert.deepEqual([tries, few.written.length, few.loop.state.counts.failed], [2, 1, 1]);
  few.loop.end();
});

test("a run that takes longer than its timeout has failed: signal, sends, and the next slot runs", async () => {
  const signals: AbortSignal[] = [];
  const refused: unknown[] = [];
  const { time, loop, term, send, written, lines } = made(async ({ signal }) => {
    signals.push(signal);
    await send("early");
    await time.sleep(700);
    await send("late").catch((error: unknown) => refused.push(error));
  }, policy({ timeout: 500, retry: 5 }));
  loop.start(term().scope);
  await time.pass(1100); // to 0.4 s after the first slot
  assert.deepEqual([signals[0]?.aborted, written.length], [false, 0]);
  await time.pass(100);
  assert.deepEqual(written.map(({ outcome, records }) => [outcome, records.length]), [["failed", 0]]);
  const reason: unknown = signals[0]?.reason;
  assert.ok(reason instanceof MephistoError && reason.code === "TICK_TIMEOUT");
  await time.pass(500);
  assert.ok(refused[0] instanceof MephistoError && refused[0].code === "TICK_TIMEOUT");
  assert.equal(signals.length, 2, "it is not tried again beside itself; the next slot runs");
  assert.match(told(lines)[0] ?? "", /^error: Timer restock failed at .*longer than its timeout of 500ms\.$/);
  loop.end();
  await time.pass(1000);
  assert.equal(time.sleepers, 0);
});

test("a run that ends within its timeout leaves nothing behind", async () => {
  const { time, loop, term, written } = made(() => time.sleep(400), policy({ timeout: 500 }));
  loop.start(term().scope);
  await time.pass(1100);
  loop.end();
  await time.pass(0);
  assert.deepEqual([written.map(({ outcome }) => outcome), time.sleepers], [["ok"], 0]);
});

test("with spread a run begins later, by timer and slot, and is still that slot's", async () => {
  const at: [number, number][] = [];
  const { time, loop, term } = made(({ slot }) => {
    at.push([slot, time.wall()]);
  }, { ...policy({ spread: 800 }), onMaster: false });
  loop.start(term(0).scope);
  await time.pass(3700);
  assert.deepEqual(at, slots(1, 2, 3).map((slot) => [slot, slot + spreadOf("restock", slot, 800)]));
  loop.end();
});

test("immediately runs the slot that has just passed, unless it has run before", async () => {
  for (const record of [undefined, { ...RECORD, slot: slots(0)[0] ?? 0 }]) {
    const { time, loop, term, ran, written } = made(() => {}, policy({ immediately: true }));
    loop.start(term(1, record).scope);
    await time.pass(0);
    assert.deepEqual(ran(), record ? [] : slots(0));
    assert.ok(written.every(({ caughtUp }) => !caughtUp));
    loop.end();
  }
});

test("a slot never begins early, also when the runtime's timers do", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(
    ({ slot }) => {
      at.push(time.wall() - slot);
    },
    {},
    0.9,
  );
  loop.start(term().scope);
  await time.pass(5000);
  assert.equal(at.length, 5);
  assert.ok(at.every((late) => late >= 0 && late < 1), `${at}`);
  loop.end();
});

for (const part of [{}, { retry: 1 }]) {
  test(`a fault of ours in the loop is told, and the timer goes on (${JSON.stringify(part)})`, async () => {
    const { time, lines, loop, supervisor, ran, term } = made(() => {
      if (ran().length === 1) throw new Error("no");
    }, { policy: { ...POLICY, ...part } });
    lines.breakAt = /Timer restock failed/;
    loop.start(term().scope);
    await time.pass(2100);
    assert.match(supervisor.trouble ?? "", /^The loop of timer restock has failed/);
    assert.equal(lines.of(/^error: The loop of timer restock has failed.* started again in 1s/).length, 1);
    await time.pass(20_000);
    assert.deepEqual([supervisor.trouble, supervisor.ended.length, ran().at(-1)], [undefined, 0, slots(22)[0]]);
    loop.end();
  });
}

/** As in a term: the journal as it was found at its beginning. */
const asFound = (scope: TimerScope): TimerScope => ({
  ...scope,
  recordOf: () => undefined,
  sinceOf: () => START - 300,
});

for (const overlap of ["skip", "queue", "allow"] as const) {
  test(`a loop that is started again runs no slot twice that was begun before (overlap ${overlap})`, async () => {
    const begun: number[] = [];
    let breaks = false;
    const rule = {
      ...every(1000),
      next(after: number) {
        if (breaks) throw new TypeError("undefined is not a function");
        return every(1000).next(after);
      },
    };
    const { time, loop, supervisor, ran, term, counts, control } = made(({ slot }) => {
      begun.push(slot);
    }, { rule, policy: { ...POLICY, overlap, catchUp: "all" } });
    loop.start(asFound(term().scope));
    await time.pass(2600);
    // What the last run sent is under way while the loop fails, where that is not waited for.
    let written = () => {};
    control.write = new Promise((resolve) => written = resolve);
    await time.pass(1000);
    breaks = true;
    if (overlap !== "allow") written();
    await time.pass(500);
    assert.match(supervisor.trouble ?? "", /^The loop of timer restock has failed/);
    breaks = false;
    await time.pass(3000);
    written();
    await settle();
    assert.deepEqual(begun, slots(1, 2, 3, 4, 5, 6, 7));
    assert.deepEqual(ran(), begun);
    assert.deepEqual([supervisor.ended.length, counts().ran], [0, 7]);
    loop.end();
  });
}

test("a fault of ours in a run beside others ends the worker, and no promise is left", async () => {
  const { time, lines, loop, supervisor, term } = made(() => {
    throw new Error("no");
  }, { policy: { ...POLICY, overlap: "allow" } });
  lines.breakAt = /Timer restock failed/;
  loop.start(term().scope);
  await time.pass(1100);
  assert.match(supervisor.ended[0]?.message ?? "", /^A run of timer restock has failed/);
  loop.end();
});

/** What is told of runs that take long. */
const long = (lines: Lines) => told(lines).filter((line) => line.includes("has been running"));

test("a run that hangs is told of in a line a minute from ten intervals on, and since when it runs can be asked", async () => {
  for (const onMaster of [true, false]) {
    let end = () => {};
    const { time, loop, term, lines } = made(() => new Promise((resolve) => end = resolve), { onMaster });
    const first = term(1);
    loop.start(first.scope);
    await time.pass(700 + 9999);
    assert.deepEqual(long(lines), []);
    assert.deepEqual([loop.running?.slot, loop.running?.since, loop.blockedSince], [
      slots(1)[0],
      slots(1)[0],
      undefined,
    ]);
    await time.pass(1);
    assert.deepEqual(long(lines), [
      "warn: Timer restock (every 1s) has been running for 10s, for its slot 2026-01-01T00:00:01.000Z: no later slot runs " +
      "before it ends. A timeout ends such a run.",
    ]);
    await time.pass(59_999);
    assert.equal(long(lines).length, 1);
    await time.pass(1);
    assert.match(long(lines)[1] ?? "", /for 1m10s, for its slot 2026-01-01T00:00:01\.000Z/);
    // It is waited for in the next mastership too.
    first.end();
    loop.start(term(2).scope);
    await time.pass(60_000);
    assert.match(long(lines)[2] ?? "", /for 2m10s, for its slot 2026-01-01T00:00:01\.000Z/);
    end();
    await time.pass(1000);
    assert.notEqual(loop.running?.slot, slots(1)[0]);
    loop.end();
    end();
    await settle();
    assert.equal(time.sleepers, 0);
  }
});

test("a fault of ours in the watch over runs is told, and it goes on", async () => {
  let end = () => {};
  const { time, loop, term, lines, supervisor } = made(() => new Promise((resolve) => end = resolve));
  lines.breakAt = /has been running for/;
  loop.start(term().scope);
  await time.pass(12_500);
  assert.match(supervisor.trouble ?? "", /^The watch over runs that take long has failed/);
  await time.pass(60_000);
  assert.deepEqual([supervisor.trouble, supervisor.ended.length, long(lines).length], [undefined, 0, 2]);
  end();
  loop.end();
});

test("with a timeout a run is told of that goes on behind it, one that hears the signal is not", async () => {
  for (const hears of [true, false]) {
    const { time, loop, term, lines } = made(
      ({ signal }) => time.sleep(100_000, hears ? signal : undefined),
      policy({ timeout: 3000, overlap: "skip" }),
    );
    loop.start(term().scope);
    await time.pass(700 + 3999);
    assert.deepEqual(long(lines), []);
    await time.pass(1);
    assert.deepEqual(
      long(lines),
      hears ? [] : [
        "warn: Timer restock (every 1s) has been running for 4s, for its slot 2026-01-01T00:00:01.000Z: it goes on though " +
        "its timeout of 3s is over, and cannot be stopped.",
      ],
    );
    loop.end();
    await time.pass(100_000);
    assert.equal(time.sleepers, 0);
  }
});

test("with allow the oldest run is told of, and how many there are; after the loop's end nothing is", async () => {
  const { time, loop, term, lines } = made(() => new Promise(() => {}), policy({ overlap: "allow" }));
  loop.start(term().scope);
  await time.pass(11_000);
  assert.match(
    long(lines)[0] ?? "",
    /slot 2026-01-01T00:00:01\.000Z: later slots run beside it.* 1[01] of its runs are under/,
  );
  loop.end();
  await time.pass(1_000_000);
  assert.deepEqual([long(lines).length, time.sleepers], [1, 0]);
});

test("a line says in fields what it is about: timer, slot, code", async () => {
  const { time, lines, loop, term } = made(() => {
    throw new MephistoError("SEND_TIMEOUT", "no luck");
  });
  loop.start(term().scope);
  await time.pass(1100);
  const at = lines.all.findIndex((line) => /Timer restock failed/.test(line));
  const slot = new Date(slots(1)[0] ?? 0).toISOString();
  assert.deepEqual(lines.fields[at], { timer: "restock", slot, code: "SEND_TIMEOUT" });
  loop.end();
});

for (const [what, thrown] of Object.entries({ ...HOSTILE, "by a then that throws": BAD_THENABLE })) {
  test(`a timer may throw ${what}, and goes on`, async () => {
    const { time, lines, loop, supervisor, ran, term } = made(() => {
      if (thrown === BAD_THENABLE) return BAD_THENABLE;
      throw thrown;
    });
    loop.start(term().scope);
    await time.pass(3000);
    assert.equal(ran().length, 3);
    assert.equal(lines.of(/^error: Timer restock failed/).length, 3);
    assert.deepEqual([supervisor.trouble, loop.state.counts.failed], [undefined, 3]);
    loop.end();
  });
}
