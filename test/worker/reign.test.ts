import assert from "node:assert/strict";
import { test } from "node:test";
import type { TimerOptions } from "../../src/core/timer.ts";
import { actor } from "../../src/core/actor.ts";
import { timer, type TimerFunction } from "../../src/core/timer.ts";
import { context } from "../../src/runtime/context.ts";
import { masterEntry, timerEntry, type TimerRecord } from "../../src/worker/journal.ts";
import { Master } from "../../src/worker/master.ts";
import type { Term } from "../../src/worker/mastership.ts";
import type { Scope } from "../../src/worker/sends.ts";
import { TaskLoop } from "../../src/worker/task-loop.ts";
import { TimerLoop } from "../../src/worker/timer-loop.ts";
import { fakeApp, Lines } from "../core/fakes.ts";
import { FakeMasterLog } from "./fake-master-log.ts";
import { FakeTime, settle, shown } from "./fakes.ts";

const START = Date.UTC(2026, 0, 1) + 300;
const slot = (second: number) => START - 300 + second * 1000;

/** A worker's side as master, with one timer of 1 s; elected when the test says so. */
function made(fn: TimerFunction = () => {}, options: TimerOptions = {}) {
  const { shop, definition } = fakeApp();
  actor(shop, { name: "orders", topic: "orders" }, async () => {});
  timer(shop, 1, { name: "restock", onMaster: true, ...options }, fn);
  const time = new FakeTime(START);
  const lines = new Lines();
  const log = new FakeMasterLog(time);
  const scopes = context<Scope>();
  const parts = { worker: "me", context: scopes, logger: lines, clock: time, sleep: time.sleep };
  const loops = [...definition.timers.values()].map((timer) => new TimerLoop(timer, parts));
  const tasks = [...definition.tasks.values()].map((task) => new TaskLoop(task, parts));
  const stoodDown: string[] = [];
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
    standDown(why) {
      stoodDown.push(why);
      over();
    },
  });
  const elect = (generation = 1) => {
    const controller = new AbortController();
    let ended: string | undefined;
    const term: Term = {
      generation,
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
    master.begin(term);
    return over;
  };
  const send = (value: string) => {
    const record = { topic: "orders", key: null, value: new TextEncoder().encode(value), headers: [], timestamp: 0 };
    return scopes.get()?.send(record) ?? assert.fail("no scope");
  };
  /** What was published, without the transactions that only wrote to the journal. */
  const published = () => log.committed.filter((records) => records.length > 0).map((records) => records.map(shown));
  const end = async () => {
    over();
    for (const loop of loops) loop.end();
    await settle();
    assert.equal(time.sleepers, 0);
  };
  return { time, lines, log, master, loops, stoodDown, elect, send, published, end };
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

test("an elected worker fences, reads, writes its epoch, and ticks", async () => {
  const { time, lines, log, master, elect, send, published, end } = made(({ epoch }) => send(`${epoch}`));
  elect(4);
  await time.pass(2000);
  assert.deepEqual(log.calls, ["fence", "read", "publish", "publish", "publish"]);
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
  assert.deepEqual([master.stage, master.epoch, master.trouble], ["reigning", 1, undefined]);
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
