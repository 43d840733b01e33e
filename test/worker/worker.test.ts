import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { actor } from "../../src/core/define-actor.ts";
import type { Handler } from "../../src/core/actor.ts";
import { MephistoError } from "../../src/core/errors.ts";
import { task } from "../../src/core/define-task.ts";
import type { TaskFunction } from "../../src/core/task.ts";
import { timer } from "../../src/core/define-timer.ts";
import type { TimerFunction, TimerOptions } from "../../src/core/timer.ts";
import { type Context, context } from "../../src/runtime/context.ts";
import { timerEntry } from "../../src/worker/master/journal/journal.ts";
import type { Scope } from "../../src/worker/calls/scope.ts";
import { resolveSettings } from "../../src/worker/settings.ts";
import type { Running } from "../../src/worker/calls/stop.ts";
import { Worker } from "../../src/worker/worker.ts";
import { coded, fakeApp, Lines } from "../core/fakes.ts";
import { until } from "../support/until.ts";
import { FakeDriver, type FakeMembership, FakePartition, FakeTime, isDone, settle, UNREADABLE } from "./fakes.ts";

type Parts = {
  handler?: Handler<string>;
  tick?: TimerFunction;
  onMaster?: TimerFunction;
  instanceId?: string;
  /** Of the master's timer. */
  options?: TimerOptions;
  stopTimeout?: string;
  deadLetterDir?: string;
  calls?: Context<Running>;
  /** Nothing on the master. */
  local?: boolean;
  tasks?: { everywhere: TaskFunction; master: TaskFunction };
};

const loops: Handler<string> = async (stream) => {
  for await (const _ of stream);
};

function made(
  {
    handler = loops,
    tick = () => {},
    onMaster = () => {},
    tasks,
    local,
    instanceId,
    options,
    stopTimeout,
    deadLetterDir = "off",
    calls,
  }: Parts = {},
) {
  const { shop, definition } = fakeApp({ valueSerializer: "text", partitions: 2, replicationFactor: 3 });
  actor(shop, { name: "orders" }, handler as Handler<unknown, unknown>);
  timer(shop, 1, { name: "local" }, tick);
  if (!local) timer(shop, 1, { name: "master", onMaster: true, ...options }, onMaster);
  if (tasks) {
    task(shop, { name: "task-everywhere" }, tasks.everywhere);
    task(shop, { name: "task-master", onMaster: true }, tasks.master);
  }
  const time = new FakeTime();
  const lines = new Lines();
  const driver = new FakeDriver(time, lines);
  const worker = new Worker({
    definition,
    settings: resolveSettings(
      { version: "3", ...(instanceId && { instanceId }), ...(stopTimeout && { stopTimeout }), deadLetterDir },
      { flags: {}, env: {} },
    ),
    calls,
    driver,
    context: context<Scope>(),
    logger: lines,
    clock: time,
    sleep: time.sleep,
    eventLoopTurn: () => new Promise((resolve) => setImmediate(resolve)),
    random: () => 0.5,
    worker: "me",
    runtime: "bun 1",
    url: "kafka://b:9092",
    advice: "",
  });
  const membership = (): FakeMembership => driver.membership ?? assert.fail("it has not joined");
  const zero = { topic: "shop-orders", partition: 0 };
  return { worker, time, driver, lines, membership, zero, definition };
}

/** Ends a worker whose clock is ours. */
async function ended(worker: Worker, time: FakeTime): Promise<void> {
  const stopped = worker.stop();
  await time.pass(30_000);
  await stopped;
}

/** Does something again and again, until it is aborted. */
function every(time: FakeTime, ms: number, what: () => void): AbortController {
  const over = new AbortController();
  void (async () => {
    for (; !over.signal.aborted; await time.sleep(ms, over.signal)) what();
  })();
  return over;
}

test("a worker connects, makes sure of its topics, joins and says what it is", async () => {
  const { worker, time, driver, lines, membership } = made();
  assert.deepEqual([driver.calls, worker.status().state, worker.ready()], [[], "starting", false]);
  await worker.start();
  assert.deepEqual(driver.calls, ["connect", "ensureTopics shop-orders", "join"]);
  const { supervisor: _, budget, ...options } = membership().options;
  assert.equal(budget?.limit, 32 << 20);
  assert.deepEqual(options, {
    group: "shop",
    topics: ["shop-orders"],
    profile: {
      worker: "me",
      runtime: "bun 1",
      version: "3",
      timers: [{ name: "master", rule: "every 1s" }],
      mayBeMaster: true,
      presence: undefined,
    },
    instanceId: undefined,
    sessionTimeout: 6000,
    heartbeatInterval: 300,
  });
  assert.deepEqual(lines.of(/^(warn|error)/), []);
  await ended(worker, time);
});

test("start resolves when the first generation is synced", async () => {
  const { worker, time, driver } = made();
  const { promise, resolve } = Promise.withResolvers<void>();
  driver.ready = promise;
  const started = worker.start();
  assert.deepEqual([await isDone(started), worker.status().state], [false, "starting"]);
  resolve();
  await started;
  assert.equal(worker.status().state, "running");
  await ended(worker, time);
});

test("it is ready while it has joined and hears from the group", async () => {
  const { worker, time, membership } = made();
  await worker.start();
  assert.equal(worker.ready(), false);
  membership().generation();
  assert.equal(worker.ready(), true);
  await time.pass(5999);
  assert.equal(worker.ready(), true);
  await time.pass(1);
  assert.equal(worker.ready(), false);
  membership().heartbeat();
  assert.equal(worker.ready(), true);
  await ended(worker, time);
  assert.equal(worker.ready(), false);
});

test("its status is what it is", async () => {
  const { worker, time, membership, zero } = made();
  await worker.start();
  membership().generation({ generation: 4, members: 3, elected: true });
  membership().listener.assigned([zero]);
  membership().listener.deliver(new FakePartition(0).delivery("a"));
  await time.pass(1000);
  const { since, ...status } = worker.status();
  const ticked = {
    rule: "every 1s",
    every: 1000,
    lastSlot: "2026-01-01T00:00:01.000Z",
    outcome: "ok",
    worker: "me",
    error: null,
    next: "2026-01-01T00:00:02.000Z",
    coming: [2, 3, 4].map((second) => ({
      slot: `2026-01-01T00:00:0${second}.000Z`,
      local: null,
      meant: null,
      clockChange: false,
      twice: false,
    })),
    ran: 1,
    failed: 0,
    skipped: 0,
    caughtUp: 0,
    runningSince: null,
    runningSlot: null,
    notRunning: null,
  };
  assert.ok(Date.parse(since) > 0);
  assert.deepEqual(status, {
    app: "shop",
    worker: "me",
    runtime: "bun 1",
    version: "3",
    state: "running",
    ready: true,
    reason: null,
    troubles: [],
    url: "kafka://b:9092",
    group: { joined: true, generation: 4, members: 3, lastContact: 1000 },
    mastership: { master: true, elected: "me", epoch: 1, stage: "active", resignations: 0, lease: 4500 },
    buffers: { held: 0, limit: 32 << 20 },
    actors: [{ name: "orders", topic: "shop-orders", partitions: [0], handled: 1, failed: 0, deadLettered: 0 }],
    timers: [
      { name: "local", onMaster: false, epoch: 0, ...ticked },
      { name: "master", onMaster: true, epoch: 1, ...ticked },
    ],
    tasks: [],
  });
  await ended(worker, time);
  assert.deepEqual([worker.status().state, worker.status().mastership.master], ["stopped", false]);
});

test("while no broker answers it tries again, in one line a minute and one at the end", async () => {
  for (const call of ["connect", "ensureTopics"] as const) {
    const { worker, time, driver, lines } = made();
    driver.errors.set(call, new MephistoError("UNREACHABLE", "No broker answers at b:9092."));
    const started = worker.start();
    await time.pass(59_000);
    assert.deepEqual(lines.all, [
      "warn: No broker answers at b:9092. The address is from the default. Start Kafka there, or give another with " +
      "--url or MEPHISTO_URL. Trying again until it works.",
    ]);
    assert.ok(driver.calls.length > 20, "with growing pauses, but not long ones");
    assert.equal(worker.ready(), false);
    await time.pass(10_000);
    assert.equal(lines.all.length, 2);
    driver.errors.clear();
    await time.pass(3000);
    await started;
    assert.match(lines.all[2] ?? "", /^info: Kafka answers after \d+ s\.$/);
    assert.equal(worker.status().state, "running");
    await ended(worker, time);
  }
});

test("what waiting does not mend rejects start", async () => {
  for (const error of [new MephistoError("AUTHENTICATION_FAILED", "No."), new TypeError("a bug")]) {
    const { worker, time, driver } = made();
    driver.errors.set("connect", error);
    await assert.rejects(worker.start(), error);
    assert.deepEqual(driver.calls, ["connect"]);
    await ended(worker, time);
  }
  const { worker, time, driver } = made();
  driver.ready = Promise.reject(new MephistoError("PROTOCOL", "The group refuses it."));
  await assert.rejects(worker.start(), /refuses/);
  await ended(worker, time);
});

test("stopping while no broker answers ends start, and closes", async () => {
  const { worker, time, driver } = made();
  driver.errors.set("connect", new MephistoError("UNREACHABLE", "Nobody."));
  const started = worker.start();
  await time.pass(30_000);
  const stopped = worker.stop();
  assert.equal(await isDone(Promise.all([started, stopped])), true);
  assert.ok(!driver.calls.includes("join"));
  assert.deepEqual(driver.calls.slice(-2), ["flush", "close 1000"]);
  assert.equal(time.sleepers, 0);
});

test("stopping while it connects, or waits for its first generation, ends start", async () => {
  const { worker, driver } = made();
  const { promise, resolve } = Promise.withResolvers<void>();
  driver.waits.set("connect", promise);
  const started = worker.start();
  await worker.stop();
  resolve();
  await started;
  assert.ok(!driver.calls.includes("join"));

  const { worker: other, driver: log } = made();
  log.ready = new Promise(() => {});
  const starting = other.start();
  await settle();
  await other.stop();
  await starting;
  assert.deepEqual([log.calls.at(-1), other.status().state], ["close 1000", "stopped"]);
});

test("it stops in order: no new tick, drained, flushed, left, closed", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let ticks = 0;
  const { worker, time, driver, membership, zero } = made({
    handler: async (stream) => {
      for await (const _ of stream) {
        await promise;
        driver.calls.push("handled");
      }
    },
    tick: () => void ticks++,
    onMaster: () => void ticks++,
  });
  await worker.start();
  membership().generation({ elected: true });
  membership().listener.assigned([zero]);
  const partition = new FakePartition(0);
  membership().listener.deliver(partition.delivery("a", "b"));
  await time.pass(1000);
  assert.equal(ticks, 2);
  driver.calls.length = 0;
  const stopped = worker.stop();
  assert.equal(worker.stop(), stopped);
  await settle();
  assert.deepEqual([worker.status().state, worker.status().mastership.master], ["stopping", false]);
  await time.pass(99);
  assert.equal(driver.calls.length, 0);
  await time.pass(1);
  assert.deepEqual(driver.calls.slice(), ["drain", "resign"], "others do not wait for a slow handler");
  await time.pass(1000);
  resolve();
  await stopped;
  const calls = driver.calls.map((call) => call.split(" ")[0]);
  assert.deepEqual(calls, ["drain", "resign", "handled", "flush", "leave", "close"]);
  assert.deepEqual([partition.acknowledged, ticks, time.sleepers], [1, 2, 0]);
});

test("a static member that is master resigns first, however quick it is: it does not leave", async () => {
  for (const elected of [true, false]) {
    const { worker, time, driver, membership } = made({ instanceId: "box-1" });
    await worker.start();
    membership().generation({ elected });
    driver.calls.length = 0;
    await ended(worker, time);
    assert.equal(driver.calls.includes("resign"), elected);
    assert.ok(driver.calls.includes("flush"));
  }
});

test("a stop with a run in hand hands partitions over, mastership only after it; a static member keeps them", async () => {
  for (const instanceId of [undefined, "box-1"]) {
    const { worker, time, driver, membership, zero } = made({
      onMaster: () => time.sleep(5000),
      ...(instanceId && { instanceId }),
    });
    await worker.start();
    membership().generation({ elected: true });
    membership().listener.assigned([zero]);
    await time.pass(1000);
    driver.calls.length = 0;
    const beats = every(time, 300, () => membership().heartbeat());
    const stopped = worker.stop();
    await time.pass(99);
    assert.deepEqual(driver.calls, []);
    await time.pass(1);
    assert.deepEqual(driver.calls, instanceId ? [] : ["drain"]);
    await membership().listener.revoked([zero]);
    membership().listener.handedOver([zero]);
    membership().generation({ elected: true, generation: 2 });
    assert.deepEqual([worker.status().mastership.master, membership().listener.claim()], [true, 2]);
    await time.pass(2900);
    membership().generation({ elected: true, generation: 3 });
    await time.pass(2000);
    await stopped;
    beats.abort();
    const calls = [...driver.calls].map((call: string) => call.split(" ")[0]);
    assert.deepEqual(calls, instanceId ? ["resign", "flush", "leave", "close"] : ["drain", "flush", "leave", "close"]);
    assert.equal(time.sleepers, 0);
  }
});

test("what a stopping worker has in hand is finished before its partition goes; others go at once", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { worker, time, membership, zero } = made({
    handler: async (stream) => {
      for await (const _ of stream) await promise;
    },
  });
  await worker.start();
  membership().generation();
  const one = { ...zero, partition: 1 };
  membership().listener.assigned([zero, one]);
  const partitions = [new FakePartition(0), new FakePartition(1)] as const;
  membership().listener.deliver(partitions[0].delivery("a", "b"));
  await time.pass(100);
  const stopped = worker.stop();
  membership().listener.deliver(partitions[1].delivery("c"));
  await time.pass(200);
  const inHand = membership().listener.revoked([zero]);
  assert.deepEqual([await isDone(membership().listener.revoked([one])), await isDone(inHand)], [true, false]);
  // A leader that does not know of draining gives it back.
  membership().listener.assigned([one]);
  membership().listener.deliver(partitions[1].delivery("c"));
  await time.pass(1000);
  resolve();
  await inHand;
  await time.pass(5000);
  await stopped;
  assert.deepEqual(partitions.map(({ acknowledged }) => acknowledged), [1, 0]);
});

test("a quick stop does not resign first: leaving says it", async () => {
  const { worker, driver, membership } = made();
  await worker.start();
  membership().generation({ elected: true });
  await worker.stop();
  assert.deepEqual(driver.calls.slice(-3).map((call) => call.split(" ")[0]), ["flush", "leave", "close"]);
  assert.ok(!driver.calls.includes("resign") && !driver.calls.includes("drain"));
});

test("a run in hand may finish and publish when the worker stops; no other begins, and the next master comes after it", async () => {
  const slots: number[] = [];
  const { worker, time, driver, membership } = made({
    onMaster: async ({ slot, signal }) => {
      slots.push(slot);
      await time.sleep(20_000, signal);
      assert.equal(signal.aborted, false);
    },
  });
  await worker.start();
  membership().generation({ elected: true });
  await time.pass(1000);
  const beats = every(time, 300, () => membership().heartbeat());
  const stopped = worker.stop();
  await time.pass(19_999);
  assert.deepEqual([driver.calls.includes("flush"), worker.status().mastership.master], [false, true]);
  assert.equal(membership().listener.claim(), 1, "what another member's joining makes of it");
  await time.pass(1);
  await stopped;
  beats.abort();
  assert.deepEqual([slots.length, driver.master.entry("timer:master")?.ran], [1, 1]);
  const keys = driver.master.entries.map(({ key }) => key);
  assert.deepEqual(keys.slice(-2), ["timer:master", "master"], "it resigns behind it");
});

test("a run that outlives its lease while the worker stops publishes nothing", async () => {
  const { worker, time, driver, membership, lines } = made({ onMaster: () => time.sleep(8000) });
  await worker.start();
  membership().generation({ elected: true });
  await time.pass(1000);
  const stopped = worker.stop();
  await time.pass(8000);
  await stopped;
  assert.equal(driver.master.entry("timer:master"), undefined);
  assert.equal(lines.of(/^(debug|warn): Timer master outlived this worker's mastership/).length, 1);
});

test("what has no time to end is told by name, and nothing of it counts", async () => {
  const aborted: string[] = [];
  const stuck = (name: string) => ({ signal }: { signal: AbortSignal }) => {
    signal.addEventListener("abort", () => aborted.push(`${name} ${time.monotonic() - from}`));
    return new Promise<void>(() => {});
  };
  const { worker, time, driver, membership, lines, zero } = made({
    handler: async (stream) => {
      for await (const _ of stream) await new Promise(() => {});
    },
    tick: stuck("local"),
    onMaster: stuck("master"),
    tasks: { everywhere: stuck("everywhere"), master: stuck("task") },
    stopTimeout: "10s",
  });
  let from = time.monotonic();
  await worker.start();
  membership().generation({ elected: true });
  membership().listener.assigned([zero]);
  membership().listener.deliver(new FakePartition(0).delivery("a", "b"));
  await time.pass(1000);
  driver.waits.set("flush", new Promise(() => {}));
  from = time.monotonic();
  const beats = every(time, 300, () => membership().heartbeat());
  const stopped = worker.stop();
  await time.pass(10_000);
  assert.equal(await isDone(stopped), true);
  beats.abort();
  assert.deepEqual(aborted, ["everywhere 0", "task 0", "master 8000", "local 8000"]);
  assert.deepEqual(driver.calls.slice(-3).map((call) => call.split(" ")[0]), ["flush", "leave", "close"]);
  assert.equal(driver.master.entry("master")?.resigned, true);
  const cut = "warn: Cut off after 10s, the stop timeout. ";
  assert.deepEqual(lines.of(/Cut off/).sort(), [
    `${cut}Task task-everywhere was in hand for 9s, and has not ended though its signal has aborted.`,
    `${cut}Task task-master was in hand for 9s, and has not ended though its signal has aborted.`,
    `${cut}The handler of orders had shop-orders[0] at offset 0 in hand for 9s: it is handled again by the next worker ` +
    "that has the partition.",
    `${cut}The run of timer local at 2026-01-01T00:00:01.000Z was in hand for 8s.`,
    `${cut}The run of timer master at 2026-01-01T00:00:01.000Z was in hand for 8s: what it sent is not published, and ` +
    "the slot is left to the next master.",
  ]);
});

test("what was cut off holds up neither leaving nor what is committed by it", async () => {
  const { worker, time, membership, zero } = made({
    handler: async (stream) => {
      for await (const value of stream) if (value === "b") await new Promise(() => {});
    },
  });
  await worker.start();
  membership().generation();
  membership().listener.assigned([zero]);
  const partition = new FakePartition(0);
  membership().listener.deliver(partition.delivery("a", "b"));
  await settle();
  const stopped = worker.stop();
  await time.pass(23_000);
  await settle();
  assert.equal(await isDone(membership().listener.revoked([zero])), true, "as leaving asks");
  await stopped;
  assert.equal(partition.acknowledged, 1);
});

test("stop inside of a handler, a timer or a task resolves when it waits for nothing else", async () => {
  for (const where of ["handler", "tick", "onMaster", "everywhere", "master"] as const) {
    const calls = context<Running>();
    const slow = Promise.withResolvers<void>();
    const seen: string[] = [];
    const stops = async () => {
      if (seen.push("called") > 1) return;
      await worker.stop();
      seen.push("resolved");
    };
    const handler: Handler<string> = async (stream) => {
      for await (const _ of stream) await (where === "handler" ? stops() : slow.promise);
    };
    const { worker, time, driver, membership, zero } = made({
      calls,
      handler,
      tick: () => where === "tick" ? stops() : where === "handler" ? slow.promise : undefined,
      onMaster: () => where === "onMaster" ? stops() : undefined,
      tasks: {
        everywhere: () => where === "everywhere" ? time.sleep(500).then(stops) : undefined,
        master: () => where === "master" ? time.sleep(500).then(stops) : undefined,
      },
    });
    await worker.start();
    membership().generation({ elected: true });
    membership().listener.assigned([zero]);
    const partition = new FakePartition(0);
    if (where !== "handler") membership().listener.deliver(partition.delivery("a"));
    await time.pass(1000);
    if (where === "handler") membership().listener.deliver(partition.delivery("a"));
    await time.pass(3000);
    assert.deepEqual(seen, ["called"], `${where}: something else is in hand`);
    slow.resolve();
    await time.pass(999);
    assert.deepEqual(seen, ["called"], where);
    await time.pass(1);
    await worker.stopped;
    assert.deepEqual(seen, ["called", "resolved"], where);
    assert.equal(partition.acknowledged, 1, `${where}: what was in hand is finished`);
    assert.equal(driver.calls.at(-1)?.split(" ")[0], "close");
  }
});

test("several that stop from inside do not wait for each other", async () => {
  const calls = context<Running>();
  const resolved: string[] = [];
  const stops = (name: string) => async () => {
    await time.sleep(500);
    await worker.stop();
    resolved.push(name);
  };
  const tasks = { everywhere: stops("everywhere"), master: stops("master") };
  const { worker, time, membership } = made({ calls, tasks });
  await worker.start();
  membership().generation({ elected: true });
  await time.pass(1499);
  assert.deepEqual(resolved, []);
  await time.pass(1);
  assert.deepEqual(resolved, ["everywhere", "master"]);
  await worker.stopped;
});

test("a step of stopping that fails keeps none of the others from happening", async () => {
  for (const step of ["flush", "leave", "close"] as const) {
    const { worker, driver, lines } = made();
    await worker.start();
    driver.errors.set(step, new Error("broken"));
    await worker.stop();
    const steps = driver.calls.slice(-3).map((call) => call.split(" ")[0]);
    assert.deepEqual(steps, ["flush", "leave", "close"], step);
    assert.equal(worker.status().state, "stopped");
    assert.equal(lines.of(/^error: .*broken/).length, 1);
  }
});

test("stopping before start is at once", async () => {
  const { worker, driver } = made();
  await worker.stop();
  await worker.start();
  assert.ok(!driver.calls.includes("connect"), "and a start afterwards starts nothing");
});

test("only the master runs the master's timers, all run the others", async () => {
  const ticks: string[] = [];
  const { worker, time, membership } = made({
    tick: ({ epoch }) => void ticks.push(`local ${epoch}`),
    onMaster: ({ epoch }) => void ticks.push(`master ${epoch}`),
  });
  await worker.start();
  membership().generation({ generation: 2 });
  await time.pass(1000);
  membership().generation({ generation: 3, elected: true });
  await time.pass(1000);
  membership().generation({ generation: 4 });
  await time.pass(1000);
  assert.deepEqual(ticks, ["local 0", "local 0", "master 1", "local 0"]);
  await ended(worker, time);
});

test("it tells the group its claim, and drops it when removed", async () => {
  const { worker, time, membership, lines } = made();
  await worker.start();
  const { listener } = membership();
  assert.equal(listener.claim(), 0);
  membership().generation({ generation: 3, elected: true });
  assert.equal(listener.claim(), 3);
  listener.removed();
  assert.equal(listener.claim(), 0);
  assert.equal(lines.of(/^warn: The group has removed this worker/).length, 1);
  assert.equal(worker.status().group.generation, 0);
  await ended(worker, time);
});

test("partitions come and go with a line each", async () => {
  const { worker, time, membership, lines, zero } = made();
  await worker.start();
  const { listener } = membership();
  const one = { ...zero, partition: 1 };
  listener.assigned([zero, one]);
  assert.deepEqual(worker.status().actors[0]?.partitions, [0, 1]);
  await listener.revoked([zero]);
  listener.handedOver([zero]);
  listener.lost([one]);
  assert.deepEqual(worker.status().actors[0]?.partitions, []);
  assert.deepEqual(lines.of(/shop-orders/).map((line) => line.slice(0, 34)), [
    "info: Assigned shop-orders[0-1].",
    "info: Revoked shop-orders[0].",
    "warn: Lost shop-orders[1]: what wa",
  ]);
  const stranger = new FakePartition(0, "another-topic");
  listener.deliver(stranger.delivery("a"));
  assert.equal(stranger.closed, 1);
  await ended(worker, time);
});

test("a worker that goes without partitions says so once", async () => {
  const { worker, time, membership, lines, zero } = made();
  await worker.start();
  const idle = () => lines.of(/No partition for this worker/);
  membership().generation({ members: 3 });
  await time.pass(2000);
  membership().generation({ members: 3 }); // a second round hands the partitions over
  await time.pass(2999);
  assert.deepEqual(idle(), []);
  await time.pass(1);
  assert.deepEqual(idle(), ["info: No partition for this worker: shop-orders has 2, for 3 workers. It stands by."]);
  membership().listener.assigned([zero]);
  await membership().listener.revoked([zero]);
  membership().generation({ members: 3 });
  await time.pass(10_000);
  assert.equal(idle().length, 1);
  await ended(worker, time);
});

test("a fault of ours while it says so ends the worker", async () => {
  const { worker, time, membership, lines } = made();
  await worker.start();
  lines.breakAt = /No partition for this worker/;
  membership().generation({ members: 3 });
  await time.pass(3000);
  assert.match((await worker.failed).message, /^The look for partitions has failed, which is a fault of Mephisto/);
  await ended(worker, time);
});

test("while an actor's topic is gone the worker is not ready, says why, and not that it has no partition", async () => {
  const { worker, time, driver, membership, lines } = made();
  await worker.start();
  membership().generation({ members: 3 });
  driver.missingTopics = [
    { topic: "shop-orders.dead", why: "Topic shop-orders.dead has been deleted." },
    { topic: "shop-orders", why: "Topic shop-orders has been deleted." },
  ];
  assert.deepEqual([worker.ready(), worker.status().reason], [false, "Topic shop-orders has been deleted."]);
  await time.pass(10_000);
  assert.deepEqual(lines.of(/No partition for this worker/), []);
  driver.missingTopics = driver.missingTopics.slice(0, 1);
  membership().lastContact = time.monotonic();
  assert.equal(worker.ready(), true, "what is dead-lettered needs no topic before there is something");
  await ended(worker, time);
});

test("a worker that gets its partitions in time does not", async () => {
  const { worker, time, membership, lines, zero } = made();
  await worker.start();
  membership().generation({ members: 3 });
  await time.pass(2000);
  membership().listener.assigned([zero]);
  await time.pass(10_000);
  assert.deepEqual(lines.of(/No partition/), []);
  await ended(worker, time);
});

test("what the group says it cannot go on from is told", async () => {
  const { worker, time, membership } = made();
  await worker.start();
  const error = new MephistoError("PROTOCOL", "Somebody else has its instance id.");
  membership().listener.failed(error);
  assert.equal(await worker.failed, error);
  await ended(worker, time);
});

test("a master that is asked to goes when its tick is done, once, and stands again afterwards", async () => {
  const tick = Promise.withResolvers<void>();
  const { worker, time, driver, membership, lines } = made({ onMaster: () => tick.promise });
  await worker.start();
  membership().generation({ elected: true });
  await time.pass(1000);
  const asked = { elected: true, successor: "another", resignAsked: true };
  membership().generation({ generation: 2, ...asked });
  membership().generation({ generation: 3, ...asked });
  await settle();
  assert.ok(!driver.calls.includes("yield"), "the tick is not done");
  assert.ok(worker.status().mastership.master);
  tick.resolve();
  await settle();
  assert.deepEqual(driver.calls.filter((call) => call === "yield"), ["yield"]);
  const resigned = driver.master.history("master").filter(({ resigned }) => resigned);
  assert.deepEqual(resigned.map(({ epoch }) => epoch), [1], "nobody has to wait for its lease");
  assert.ok(lines.all.includes("info: This worker is no longer master: another worker is asked for."));
  membership().generation({ generation: 4, master: "another" });
  membership().generation({ generation: 5, elected: true });
  await settle();
  assert.ok(worker.status().mastership.master);
  await ended(worker, time);
});

test("an app with nothing on the master asks for no journal, and is master in name", async () => {
  const { worker, time, driver, lines, membership } = made({ local: true });
  await worker.start();
  assert.deepEqual(driver.master.calls, []);
  membership().generation({ elected: true });
  await time.pass(2000);
  assert.deepEqual(driver.master.calls, []);
  const { master, epoch, stage } = worker.status().mastership;
  assert.deepEqual([master, epoch, stage, worker.status().reason], [true, 0, "active", null]);
  assert.deepEqual(lines.of(/master \(epoch/), []);
  await ended(worker, time);
});

test("the journal is made sure of at start, and what is new or odd about it is told", async () => {
  const { worker, time, driver, lines } = made();
  driver.master.journal = { id: "1", created: true, warnings: ["The journal has one replica."] };
  await worker.start();
  assert.deepEqual(driver.master.calls, ["ensureJournal"]);
  assert.deepEqual(lines.of(/ournal/), [
    "info: New journal shop-master: the schedule begins anew.",
    "warn: The journal has one replica.",
  ]);
  await ended(worker, time);
});

test("a topic that cannot be the journal rejects start; one that cannot be reached yet is waited for", async () => {
  const { worker, time, driver } = made();
  driver.master.fail("ensureJournal", "JOURNAL_UNUSABLE");
  await assert.rejects(worker.start(), coded("JOURNAL_UNUSABLE"));
  await ended(worker, time);
  const { worker: other, time: clock, driver: log } = made();
  log.master.fail("ensureJournal", "UNREACHABLE", 3);
  const started = other.start();
  await clock.pass(3000);
  assert.equal(await isDone(started), true);
  await ended(other, clock);
});

test("the master resigns in the journal before it stops, after its last tick, and waits no longer than it takes", async () => {
  const { worker, time, driver, membership } = made({ onMaster: () => time.sleep(200) });
  await worker.start();
  membership().generation({ elected: true });
  await time.pass(1000);
  const stopped = worker.stop();
  await time.pass(199);
  assert.equal(driver.master.entry("master")?.resigned, false);
  await time.pass(1);
  await stopped;
  assert.deepEqual([driver.master.entry("master")?.resigned, driver.master.entry("timer:master")?.ran], [true, 1]);

  const { worker: other, time: clock, driver: log, membership: joined } = made();
  await other.start();
  joined().generation({ elected: true });
  await clock.pass(500);
  log.master.waits.set("publish", new Promise(() => {}));
  const from = clock.monotonic();
  const ends = other.stop();
  await clock.pass(200);
  await ends;
  assert.equal(clock.monotonic() - from, 200);
});

test("a master that is fenced stands down, and may be master again only when the group lets it stand", async () => {
  const { worker, time, driver, membership, lines } = made();
  await worker.start();
  membership().generation({ generation: 3, elected: true });
  await time.pass(500);
  const again = Promise.withResolvers<void>();
  driver.waits.set("yield", again.promise);
  driver.master.latest++;
  await time.pass(1000);
  assert.ok(driver.calls.includes("yield"));
  assert.deepEqual([membership().listener.claim(), worker.status().mastership.master, worker.ready()], [
    0,
    false,
    true,
  ]);
  assert.equal(lines.of(/^info: This worker is no longer master: Another has been opened since\.$/).length, 1);
  membership().generation({ generation: 4, elected: true });
  await time.pass(100);
  assert.equal(worker.status().mastership.master, false);
  again.resolve();
  await time.pass(100);
  assert.deepEqual([worker.status().mastership.master, worker.status().mastership.epoch], [true, 2]);
  await ended(worker, time);
});

test("a worker that cannot tick as the elected one is not ready, and says why, until another is master", async () => {
  const { worker, time, driver, membership } = made();
  driver.master.entries.push({ key: "master", value: new TextEncoder().encode("rubbish") });
  await worker.start();
  membership().generation({ generation: 1, elected: true });
  await time.pass(100);
  assert.equal(worker.ready(), false);
  assert.match(worker.status().reason ?? "", /^The entry "master" of the journal shop-master cannot be read/);
  assert.deepEqual([worker.status().mastership.master, worker.status().mastership.epoch], [false, 0]);
  membership().generation({ generation: 2, elected: false });
  assert.deepEqual([worker.ready(), worker.status().reason], [true, null]);
  await ended(worker, time);
});

test("a timer that only the journal knows is listed", async () => {
  const { worker, time, driver, membership } = made();
  const counts = { ran: 4, failed: 3, skipped: 2, caughtUp: 1 };
  const slot = Date.UTC(2025, 0, 1);
  driver.master.entries.push(
    timerEntry("gone", { slot, outcome: "failed", epoch: 9, worker: "old", error: "no", ...counts }),
  );
  await worker.start();
  membership().generation({ elected: true });
  await time.pass(100);
  assert.deepEqual(worker.status().timers.at(-1), {
    name: "gone",
    rule: null,
    every: null,
    onMaster: true,
    lastSlot: "2025-01-01T00:00:00.000Z",
    outcome: "failed",
    epoch: 9,
    worker: "old",
    error: "no",
    runningSince: null,
    runningSlot: null,
    notRunning: null,
    next: null,
    coming: [],
    ...counts,
  });
  await ended(worker, time);
});

test("the latest generation stands in the journal", async () => {
  const { worker, time, driver, membership } = made();
  await worker.start();
  membership().generation({ generation: 3, elected: true });
  await time.pass(100);
  membership().generation({ generation: 8, elected: true });
  await settle();
  assert.deepEqual([driver.master.entry("master")?.generation, driver.master.entry("master")?.epoch], [8, 1]);
  await ended(worker, time);
});

test("tasks run: everywhere with the worker, on the master with its term", async () => {
  const runs: string[] = [];
  const run = (name: string): TaskFunction => async ({ epoch, signal }) => {
    runs.push(`${name} ${epoch}`);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    runs.push(`${name} ends`);
  };
  const { worker, time, membership } = made({ tasks: { everywhere: run("everywhere"), master: run("master") } });
  await worker.start();
  await settle();
  assert.deepEqual(runs, ["everywhere 0"]);
  assert.deepEqual(membership().options.profile.timers.map(({ name }) => name), ["master", "task-master"]);
  membership().generation({ generation: 3, elected: true });
  await settle();
  membership().generation({ generation: 4, elected: false });
  await settle();
  membership().generation({ generation: 5, elected: true });
  await settle();
  assert.deepEqual(runs.slice(1), ["master 1", "master ends", "master 2"]);
  assert.deepEqual(worker.status().tasks, [
    { name: "task-everywhere", onMaster: false, running: true, failed: 0 },
    { name: "task-master", onMaster: true, running: true, failed: 0 },
  ]);
  await ended(worker, time);
  assert.deepEqual(runs.slice(-2), ["everywhere ends", "master ends"]);
});

test("what runs reads that its lease is over before any event of that comes: the process was frozen", async () => {
  for (const options of [{}, { timeout: "1m" }]) {
    const thawed = Promise.withResolvers<void>();
    const read: [string, boolean, string][] = [];
    const reads = (name: string, signal: AbortSignal) =>
      thawed.promise.then(() => {
        read.push([name, signal.aborted, signal.reason?.code]);
        assert.throws(() => signal.throwIfAborted(), coded("NOT_MASTER"));
      });
    const { worker, time, membership } = made({
      onMaster: ({ signal }) => reads("timer", signal),
      options,
      tasks: { everywhere: () => {}, master: ({ signal }) => reads("task", signal) },
    });
    await worker.start();
    membership().generation({ elected: true });
    await time.pass(1000);
    time.jump(9000); // and no timer fires
    thawed.resolve();
    await settle();
    assert.deepEqual(read.sort(), [["task", true, "NOT_MASTER"], ["timer", true, "NOT_MASTER"]]);
    await ended(worker, time);
  }
});

test("a status says when timers come next only to who reads that", async () => {
  const { worker, time, definition } = made();
  await worker.start();
  let asked = 0, takes = 0;
  for (const { name, rule } of definition.timers.values()) {
    const next = rule.next;
    rule.next = (after) => {
      if (name === "local") asked++;
      time.jump(takes);
      return next(after);
    };
  }
  const status = worker.status();
  assert.deepEqual([status.ready, asked], [false, 0]);
  assert.equal(status.timers.find(({ name }) => name === "local")?.coming.length, 3);
  assert.equal(asked, 3);
  assert.equal(status.timers, status.timers);
  time.jump(600_000);
  await settle();
  const before = asked;
  takes = 15;
  let turned = false;
  setImmediate(() => turned = true);
  await worker.prepareStatus();
  assert.ok(turned, "the event loop had its turn among them");
  assert.equal(asked, before + 3);
  takes = 0;
  assert.equal(worker.status().timers.length, 2);
  assert.equal(asked, before + 3);
  await ended(worker, time);
});

test("that nobody is master is told by a worker with work for one, until it stops", async () => {
  const nobody = { generation: 1, master: undefined };
  const { worker, time, lines, membership } = made();
  await worker.start();
  membership().generation(nobody);
  assert.equal(lines.of(/^warn: Nobody is master/).length, 1);
  membership().generation({ generation: 2 });
  const stopped = worker.stop();
  membership().generation({ ...nobody, generation: 3 });
  await time.pass(30_000);
  await stopped;
  assert.equal(lines.of(/^warn: Nobody is master/).length, 1);
  const local = made({ local: true });
  await local.worker.start();
  local.membership().generation(nobody);
  assert.deepEqual(local.lines.of(/Nobody is master/), []);
  await ended(local.worker, local.time);
});

test("a loop that fails by a fault of ours makes the worker unready, with the reason, until it runs again", async () => {
  let calls = 0;
  const { worker, time, lines, membership, zero } = made({
    handler: async (stream) => {
      for await (const _ of stream) if (++calls === 1) throw new Error("no");
    },
  });
  await worker.start();
  membership().generation();
  membership().listener.assigned([zero]);
  lines.breakAt = /at offset 0 failed/;
  const partition = new FakePartition(0);
  membership().listener.deliver(partition.delivery("a"));
  await settle();
  assert.equal(worker.ready(), false);
  assert.match(worker.status().reason ?? "", /^The loop of actor orders has failed, which is a fault of Mephisto: /);
  for (let second = 0; second < 12; second++) {
    await time.pass(1000);
    membership().heartbeat();
  }
  assert.deepEqual([worker.ready(), calls, partition.acknowledged], [true, 2, 1]);
  await ended(worker, time);
});

test("one that fails again and again ends the worker", async () => {
  const { worker, time, lines, membership } = made({
    tick: () => {
      lines.breakAt = /Timer local failed/;
      throw new Error("no");
    },
  });
  await worker.start();
  membership().generation();
  await time.pass(60_000);
  assert.match((await worker.failed).message, /^The loop of timer local has failed.* The worker ends: /);
  await ended(worker, time);
});

test("a message that no topic takes is in the folder that is set, or in the log", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mephisto-worker-"));
  for (const deadLetterDir of [folder, "off"]) {
    const { worker, time, driver, lines, membership } = made({ deadLetterDir, local: true });
    await worker.start();
    driver.errors.set("send", new MephistoError("NOT_AUTHORIZED", "You may not write there."));
    const partition = new FakePartition(0);
    membership().listener.assigned([partition]);
    membership().listener.deliver(partition.delivery(UNREADABLE, "a"));
    await until(() => partition.acknowledged === 2); // the file is a real one
    const said = lines.all.filter((line) =>
      /offset 0 cannot be decoded: .*shop-orders\.dead does not take it/.test(line)
    );
    assert.deepEqual([partition.acknowledged, said.length], [2, 1]);
    const kept = lines.all.filter((line) => line.includes('"value":"/w=="')).length;
    if (deadLetterDir === "off") assert.equal(kept, 1);
    else {
      const [line = ""] = readFileSync(join(folder, "shop-orders.dead.jsonl"), "utf8").split("\n");
      assert.deepEqual([JSON.parse(line).value, kept], ["/w==", 0]);
      assert.ok(said[0]?.includes(join(folder, "shop-orders.dead.jsonl")), said[0]);
    }
    const like = { partitions: 1, replicationFactor: 3, limitsOf: "shop-orders" };
    assert.deepEqual(driver.ensured.at(-1), { topic: "shop-orders.dead", ...like });
    await ended(worker, time);
  }
  rmSync(folder, { recursive: true });
});
