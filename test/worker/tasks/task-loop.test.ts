import { HOSTILE } from "../../core/hostile.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { MephistoError } from "../../../src/core/errors.ts";
import type { TaskFunction, TaskRun } from "../../../src/core/task.ts";
import type { OutgoingRecord } from "../../../src/driver/driver.ts";
import { type Context, context } from "../../../src/runtime/context.ts";
import { Pacer } from "../../../src/core/delay.ts";
import { SendBatcher, sendOfTask } from "../../../src/worker/master/transactions/send-batcher.ts";
import { TransactionQueue } from "../../../src/worker/master/transactions/transaction-queue.ts";
import type { Scope } from "../../../src/worker/calls/scope.ts";
import { ScopeSends } from "../../../src/worker/calls/scope-sends.ts";
import { TaskLoop } from "../../../src/worker/tasks/task-loop.ts";
import { coded, Lines, supervisorOf } from "../../core/fakes.ts";
import { FakeMasterLog } from "../fake-master-log.ts";
import { FakeTime, isDone, letsOthersHaveTheirTurn, type Pending, settle, shown } from "../fakes.ts";

function made(fn: TaskFunction) {
  const time = new FakeTime();
  const lines = new Lines();
  const scopes = context<Scope>();
  const base = { context: scopes, logger: lines, clock: time, sleep: time.sleep };
  const supervisor = supervisorOf(base);
  const parts = { ...base, supervisor };
  const loop = new TaskLoop({ name: "listen", onMaster: true, fn }, parts);
  const over = new AbortController();
  const term = { holds: true };
  const sent: Pending[] = [];
  const send = (record: OutgoingRecord) => new Promise<void>((done, fail) => void sent.push({ record, done, fail }));
  const start = (epoch = 3) => loop.start({ epoch, signal: over.signal, holds: () => term.holds, send });
  return { time, lines, supervisor, scopes, loop, term, start, sent, end: () => over.abort() };
}

test("a task runs until its term is over, with its epoch and a signal", async () => {
  const runs: TaskRun[] = [];
  const { loop, start, end } = made(async (run) => {
    runs.push(run);
    await new Promise((resolve) => run.signal.addEventListener("abort", resolve));
  });
  start();
  await settle();
  assert.deepEqual([runs.length, runs[0]?.epoch, runs[0]?.signal.aborted, loop.running], [1, 3, false, true]);
  end();
  assert.equal(await isDone(loop.idle()), true);
  assert.deepEqual([runs[0]?.signal.aborted, loop.running], [true, false]);
});

test("one that returns has done its work", async () => {
  let runs = 0;
  const { time, loop, start, lines } = made(() => void runs++);
  start();
  await time.pass(100_000);
  assert.deepEqual([runs, await isDone(loop.idle()), time.sleepers, lines.of(/^(info|warn|error)/)], [1, true, 0, []]);
});

test("one that throws is told, and started again after a growing pause", async () => {
  const at: number[] = [];
  const { time, loop, start, end, lines } = made(() => {
    at.push(time.monotonic() - 1000);
    throw new Error("no");
  });
  start();
  await time.pass(200_000);
  assert.deepEqual(at, [0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000]);
  assert.match(lines.all[0] ?? "", /^error: Task listen failed: no .*Started again in 1s\.$/);
  assert.deepEqual([lines.all.length, loop.failed], [9, 9]);
  end();
  assert.deepEqual([await isDone(loop.idle()), time.sleepers], [true, 0]);
});

test("after a minute of running the pause is short again", async () => {
  const at: number[] = [];
  const { time, start, end } = made(async ({ signal }) => {
    at.push(time.monotonic() - 1000);
    if (at.length === 4) await time.sleep(60_000, signal);
    throw new Error("no");
  });
  start();
  await time.pass(69_000);
  assert.deepEqual(at, [0, 1000, 3000, 7000, 68_000]);
  end();
});

test("what it throws when it is told to end is no failure", async () => {
  const { loop, start, lines } = made(({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
  );
  start();
  await settle();
  loop.end();
  assert.deepEqual([await isDone(loop.idle()), loop.failed, lines.of(/^error/)], [true, 0, []]);
});

test("nothing is begun without a term, also when its signal comes late", async () => {
  let runs = 0;
  const { time, loop, term, start } = made(() => {
    runs++;
    throw new Error("no");
  });
  start();
  await settle();
  term.holds = false;
  await time.pass(60_000);
  assert.deepEqual([runs, await isDone(loop.idle()), time.sleepers], [1, true, 0]);
});

test("never two at once: what still runs of an earlier term is waited for", async () => {
  const epochs: number[] = [];
  const { time, loop, start } = made(async ({ epoch }) => {
    epochs.push(epoch);
    await time.sleep(1000);
  });
  start(1);
  await settle();
  start(2);
  await time.pass(999);
  assert.deepEqual(epochs, [1]);
  await time.pass(1);
  assert.deepEqual(epochs, [1, 2]);
  loop.end();
  await time.pass(1000);
});

/** As `send` of an actor does it. */
const sendThrough = (scopes: Context<Scope>, value: string) => {
  const record = { topic: "out", key: null, value: new TextEncoder().encode(value), headers: [], timestamp: 0 };
  return scopes.get()?.send(record) ?? assert.fail("no scope");
};

test("what it sends and does not await is waited for, and fails it: told at once, and when it ends", async () => {
  let runs = 0;
  const { time, loop, lines, scopes, start, sent } = made(() => {
    if (++runs === 1) { for (const value of ["a", "b"]) void sendThrough(scopes, value); }
  });
  start();
  await settle();
  assert.equal(loop.running, true);
  sent[0]?.fail(new Error("no room"));
  await settle();
  assert.deepEqual(lines.all, ["error: A send of task listen failed: no room"]);
  sent[1]?.done();
  await settle();
  assert.match(lines.all[1] ?? "", /^error: Task listen failed: no room.* Started again in 1s\./);
  await time.pass(1000);
  assert.deepEqual([runs, loop.failed, await isDone(loop.idle())], [2, 1, true]);
});

test("a failure that it handles is its own", async () => {
  const { loop, lines, scopes, start, sent } = made(async () => {
    const first = sendThrough(scopes, "a");
    await sendThrough(scopes, "b").catch(() => {});
    await first.catch(() => {});
  });
  start();
  await settle();
  sent[1]?.fail(new Error("no"));
  sent[0]?.done();
  assert.deepEqual([await isDone(loop.idle()), loop.failed, lines.of(/error/)], [true, 0, []]);
});

function batched() {
  const time = new FakeTime();
  const log = new FakeMasterLog(time);
  const lines = new Lines();
  const state = { holds: true };
  const holds = () => state.holds;
  const { signal } = new AbortController();
  const ready = log.fence({ transactionalId: "", journal: "", journalId: "", transactionTimeout: 1 }, holds).then(
    (fenced) => {
      const parts = { fenced, holds, signal, clock: time, sleep: time.sleep, appended() {}, lost() {}, trialMs: 1500 };
      const box = new SendBatcher(new TransactionQueue(parts), 3, new Pacer(time, time.sleep));
      const name = "task listen";
      const send = sendOfTask("listen", 3, box, holds);
      return new ScopeSends({ name, send, report: (told) => lines.error(told), reportsAtOnce: true });
    },
  );
  const record = (value: string, bytes = new TextEncoder().encode(value)): OutgoingRecord => ({
    topic: "out",
    key: null,
    value: bytes,
    headers: [],
    timestamp: 0,
  });
  return { time, log, lines, state, ready, record };
}

/** A first message is on its way, and stays there until `resolve` is called. */
async function withFirstUnderWay() {
  const { log, ready, record } = batched();
  const sends = await ready;
  const { promise, resolve } = Promise.withResolvers<void>();
  log.waits.set("publish", promise);
  const first = sends.send(record("a"));
  await settle();
  return { log, record, sends, first, resolve };
}

test("its sends resolve when they are committed, and those that come meanwhile are committed together", async () => {
  const { log, record, sends, first, resolve } = await withFirstUnderWay();
  const others = Promise.all(["b", "c", "d"].map((value) => sends.send(record(value))));
  assert.deepEqual([await isDone(first), await isDone(others)], [false, false]);
  resolve();
  await Promise.all([first, others]);
  const headers = "mephisto-task=listen mephisto-epoch=3";
  assert.deepEqual(log.committed.map((records) => records.map(shown)), [
    [`out a ${headers}`],
    [`out b ${headers}`, `out c ${headers}`, `out d ${headers}`],
  ]);
  assert.deepEqual(log.entry("tasks"), { format: 1, epoch: 3, commit: 2 });
});

test("a lost answer to a commit of them publishes nothing twice", async () => {
  const { log, ready, record } = batched();
  const sends = await ready;
  log.lost = { count: 1, committed: true };
  await sends.send(record("a"));
  log.lost = { count: 1, committed: false };
  await sends.send(record("b"));
  assert.deepEqual(log.committed.flat().map((record) => shown(record).slice(0, 5)), ["out a", "out b"]);
});

test("only the one that cannot be published fails", async () => {
  const { log, ready, record } = batched();
  const sends = await ready;
  log.refuse = (records) => records.some(({ value }) => value?.length === 3) ? "MESSAGE_TOO_LARGE" : undefined;
  const first = sends.send(record("x"));
  const sent = ["b", "c", "ddd", "e"].map((value) => sends.send(record(value)));
  const outcomes = await Promise.allSettled([first, ...sent]);
  assert.deepEqual(outcomes.map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
  await assert.rejects(sent[2] ?? first, coded("MESSAGE_TOO_LARGE"));
  assert.deepEqual(log.committed.flat().map((record) => shown(record).slice(4, 5)).sort(), ["b", "c", "e", "x"]);
});

test("after the term they are refused, also those that wait; one that nobody waits for is told", async () => {
  const { log, lines, state, ready, record } = batched();
  const sends = await ready;
  const { promise, resolve } = Promise.withResolvers<void>();
  log.waits.set("publish", promise);
  const first = sends.send(record("a"));
  await settle();
  const second = sends.send(record("b"));
  state.holds = false;
  resolve();
  await first;
  await assert.rejects(second, coded("NOT_MASTER"));
  await assert.rejects(sends.send(record("c")), coded("NOT_MASTER", /task listen is refused/));
  void sends.send(record("d"));
  await settle();
  assert.match(lines.all.join(), /^error: A send of task listen failed: .*no longer master/);
  const fenced = batched();
  const other = await fenced.ready;
  fenced.log.latest++;
  await assert.rejects(other.send(record("a")), coded("FENCED"));
  await assert.rejects(other.send(record("b")), coded("FENCED"));
});

test("what waits is bounded", async () => {
  const { log, ready, record } = batched();
  const sends = await ready;
  log.waits.set("publish", new Promise(() => {}));
  const big = record("", new Uint8Array(64 << 20));
  void sends.send(big);
  await settle();
  for (let i = 0; i < 3; i++) void sends.send(big);
  await assert.rejects(sends.send(big), (error) => error instanceof MephistoError && error.code === "BUFFER_FULL");
});

test("much is committed in parts", async () => {
  const { log, record, sends, first, resolve } = await withFirstUnderWay();
  const many = Promise.all(Array.from({ length: 5 }, () => sends.send(record("", new Uint8Array(6 << 20)))));
  resolve();
  await Promise.all([first, many]);
  assert.deepEqual(log.committed.map((records) => records.length), [1, 2, 2, 1]);
});

test("a fault of ours in the loop is told, and the task goes on", async () => {
  let runs = 0;
  const { time, start, end, lines, supervisor } = made(async (run) => {
    if (++runs === 1) throw new Error("no");
    await time.sleep(100_000, run.signal);
  });
  lines.breakAt = /Task listen failed/;
  start();
  await settle();
  assert.match(supervisor.trouble ?? "", /^The loop of task listen has failed/);
  await time.pass(12_000);
  assert.deepEqual([runs, supervisor.trouble, supervisor.ended.length], [2, undefined, 0]);
  end();
});

for (const [what, thrown] of Object.entries(HOSTILE)) {
  test(`a task may throw ${what}, and is started again`, async () => {
    let runs = 0;
    const { time, start, end, lines, supervisor } = made(async (run) => {
      if (++runs === 1) throw thrown;
      await time.sleep(100_000, run.signal);
    });
    start();
    await time.pass(2000);
    assert.deepEqual([runs, supervisor.trouble, lines.of(/^error: Task listen failed/).length], [2, undefined, 1]);
    end();
  });
}

for (const code of ["NOT_MASTER", "BUFFER_FULL", "MESSAGE_REFUSED"] as const) {
  test(`a task that loops over sends that are refused with ${code}, and minds none, lets others have their turn`, async () => {
    const { time, log, state, ready, record } = batched();
    const sends = await ready;
    if (code === "NOT_MASTER") state.holds = false;
    if (code === "MESSAGE_REFUSED") log.refuse = () => code;
    const sent = record("a", new Uint8Array(code === "BUFFER_FULL" ? 257 << 20 : 0));
    await letsOthersHaveTheirTurn(time, () => assert.rejects(sends.send(sent), coded(code)));
  });
}
