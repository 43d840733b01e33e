import assert from "node:assert/strict";
import { test } from "node:test";
import { MephistoError } from "../../src/core/errors.ts";
import type { TimerDefinition, TimerFunction } from "../../src/core/timer.ts";
import type { Tick } from "../../src/core/timer.ts";
import { context } from "../../src/runtime/context.ts";
import type { Scope } from "../../src/worker/sends.ts";
import { every } from "../../src/core/rule.ts";
import type { TimerRecord } from "../../src/worker/journal.ts";
import type { TickResult } from "../../src/worker/timer-book.ts";
import { type Span, TimerLoop } from "../../src/worker/timer-loop.ts";
import { Lines } from "../core/fakes.ts";
import { FakeTime, isDone, settle, shown } from "./fakes.ts";

type Ends = { topic: string; partition: number; offset: number }[];

const START = Date.UTC(2026, 0, 1) + 300;

function made(fn: TimerFunction, part: Partial<TimerDefinition> = {}) {
  const time = new FakeTime(START);
  const lines = new Lines();
  const scopes = context<Scope>();
  const timer: TimerDefinition = {
    name: "restock",
    rule: every(1000),
    onMaster: true,
    policy: {
      overlap: "skip",
      catchUp: "one",
      catchUpWithin: 3_600_000,
      retry: 0,
      timeout: undefined,
      spread: 0,
      immediately: false,
    },
    fn,
    ...part,
  };
  const loop = new TimerLoop(timer, {
    worker: "me",
    context: scopes,
    logger: lines,
    clock: time,
    sleep: time.sleep,
  });
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
    const span: Span = {
      epoch,
      signal: over.signal,
      clock: { now: time.wall },
      holds: () => state.holds,
      ready: () => state.holds,
      recordOf: () => journalled ?? record,
      async write(_, book, run) {
        await control.write;
        if (control.error) throw control.error;
        written.push(run);
        journalled = book.after(run, epoch, control.ends);
        book.settle(journalled);
      },
      behind: () => Promise.resolve(control.behind),
    };
    return { span, state, end };
  };
  const counts = () => ({ lastSlot: loop.book.last?.slot, ...loop.book.counts });
  const published = () => written.map(({ records }) => records.map(shown));
  const ran = () => written.map(({ slot }) => slot);
  return { time, lines, loop, send, written, published, ran, control, term, counts };
}

const slots = (...seconds: number[]) => seconds.map((second) => START - 300 + second * 1000);

/** What is told at the level that workers have by default. */
const told = (lines: Lines) => lines.all.filter((line) => !line.startsWith("debug: "));

test("a timer runs at the multiples of its interval, and is told which", async () => {
  const ticks: Tick[] = [];
  const { time, loop, term, counts } = made((tick) => {
    ticks.push(tick);
  });
  const { span } = term(7);
  loop.start(span);
  await time.pass(3000);
  assert.deepEqual(ticks.map(({ slot }) => slot), slots(1, 2, 3));
  assert.deepEqual(ticks.map(({ scheduledAt }) => scheduledAt.getTime()), slots(1, 2, 3));
  assert.deepEqual([ticks[0]?.epoch, ticks[0]?.signal], [7, span.signal]);
  assert.deepEqual(counts(), { lastSlot: slots(3)[0], ran: 3, failed: 0, skipped: 0, caughtUp: 0 });
  loop.end();
});

test("a function that takes half its interval does not lengthen the period", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(async () => {
    at.push(time.wall());
    await time.sleep(500);
  });
  loop.start(term().span);
  await time.pass(100_000);
  assert.equal(at.length, 100);
  assert.deepEqual(at.slice(0, 3), slots(1, 2, 3));
  assert.equal(((at.at(-1) ?? 0) - (at[0] ?? 0)) / 99, 1000);
  assert.deepEqual([loop.book.counts.skipped, loop.book.counts.failed], [0, 0]);
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
  loop.start(term().span);
  await time.pass(59_000);
  assert.deepEqual(at.slice(0, 3), slots(1, 4, 7));
  assert.equal(loop.book.counts.skipped, (at.length - 1) * 2);
  assert.deepEqual(told(lines), [
    "warn: Timer restock (every 1s) took 2s500ms: 2 slots are skipped.",
  ]);
  await time.pass(60_000);
  assert.equal(told(lines).length, 2);
  assert.equal(loop.book.counts.failed, 0);
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
    loop.start(term().span);
    await time.pass(2000);
    assert.deepEqual(told(lines).map((line) => line.replace(/ \(at .*timer-loop.test.*\)$/, "")), [
      "error: Timer restock failed at 2026-01-01T00:00:01.000Z: no shop",
      "error: Timer restock failed at 2026-01-01T00:00:02.000Z: no shop",
    ]);
    assert.deepEqual([loop.book.counts.ran, loop.book.counts.failed], [0, 2]);
    loop.end();
  }
});

test("nothing runs when the span is over, and it may be asked at the last moment", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(({ slot }) => {
    at.push(slot);
  });
  const { span, state } = term();
  loop.start(span);
  await time.pass(1000);
  state.holds = false; // its signal comes later
  await time.pass(5000);
  assert.deepEqual(at, slots(1));
  const next = term(2);
  loop.start(next.span);
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
  loop.start(term().span);
  await time.pass(1000);
  loop.end();
  assert.equal(await isDone(loop.idle()), false);
  await time.pass(500);
  assert.equal(await isDone(loop.idle()), true);
  loop.start(term(2).span);
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
  loop.start(first.span);
  await time.pass(1000);
  first.end();
  loop.start(term(2).span);
  await time.pass(10_000);
  assert.deepEqual([epochs.slice(0, 2), loop.book.counts.failed], [[1, 2], 0]);
  loop.end();
});

test("a clock that is set back runs no slot twice, and one set forward skips", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(({ slot }) => {
    at.push(slot);
  });
  loop.start(term().span);
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
  loop.start(term().span);
  await time.pass(6000);
  assert.deepEqual(at, slots(1, 2, 3, 4));
  loop.end();
});

test("a clock that was an hour ahead for a moment does not silence a timer for an hour", async () => {
  const at: number[] = [];
  const { time, loop, term, lines } = made(({ slot }) => void at.push(slot), { onMaster: false });
  loop.start(term().span);
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
  loop.start(first.span);
  await time.pass(3000);
  first.end();
  time.set(-5000);
  loop.start(term(2).span);
  await time.pass(7000);
  assert.deepEqual(at, slots(1, 2, 3, 4, 5));
  loop.end();
});

test("a clock that is set forward is noticed within half a minute", async () => {
  const at: number[] = [];
  const { time, loop, term } = made(({ slot }) => void at.push(slot), { rule: every(3_600_000) });
  loop.start(term().span);
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
  loop.start(term().span);
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
  loop.start(term().span);
  await time.pass(1000);
  fail = true;
  await time.pass(1000);
  assert.deepEqual(written.map(({ outcome, error, records }) => [outcome, error, records.length]), [
    ["ok", undefined, 0],
    ["failed", "no", 0],
  ]);
  assert.deepEqual([loop.book.counts.ran, loop.book.counts.failed], [1, 1]);
  loop.end();
});

test("a tick that outlives its mastership publishes nothing, is not written down, and says so", async () => {
  for (const throws of [false, true]) {
    const { time, written, loop, lines, send, term } = made(async () => {
      await send("a");
      await time.sleep(500);
      if (throws) throw new Error("no");
    });
    const { span, end } = term();
    loop.start(span);
    await time.pass(1000);
    end();
    loop.start(term(2).span); // regained: still not the old tick's
    await time.pass(300);
    assert.deepEqual([written, loop.book.counts.failed], [[], 0]);
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
  loop.start(term().span);
  await time.pass(1000);
  assert.deepEqual([loop.book.counts.ran, loop.book.counts.failed], [0, 0]);
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
  loop.start(term().span);
  await time.pass(3000);
  assert.deepEqual(ran(), []);
  resolve();
  await settle();
  await time.pass(1000);
  assert.deepEqual(ran(), slots(1, 3, 4), "what it took to publish is no run: the last missed slot is run");
  loop.end();
});

test("on every worker a tick has no scope of its own, and epoch 0", async () => {
  const epochs: unknown[] = [];
  const { time, loop, term, send } = made(({ epoch }) => {
    epochs.push(epoch);
    assert.throws(() => void send("a"), /no scope/);
  }, { onMaster: false });
  loop.start(term(0).span);
  await time.pass(1000);
  assert.deepEqual([epochs, loop.book.counts.failed], [[0], 0]);
  loop.end();
});
