import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type Assign, plan } from "../../src/driver/group-plan.ts";
import type { Host } from "../../src/testing/host.ts";
import { Lines } from "../core/fakes.ts";
import { bytes } from "../kafka/support.ts";
import { memoryCluster } from "./memory-cluster.ts";
import { APP, PARTITIONS, type Script, SimWorker, TOPIC } from "./sim-worker.ts";

/** Heartbeats are sent as often as by default. */
const SESSION = 1800;
const EACH = 5;
/** How long what is in hand takes. */
const HANDLING_MS = 20_000;

type Handled = { by: string; at: number; partition: number; offset: number };

/** Two workers that share a topic, of which the first is master. */
async function two(t: TestContext, scriptOf: (host: Host) => Partial<Script>, assign: Assign = plan) {
  const { time, random, log, pump, process } = memoryCluster(7);
  t.after(() => pump.stop());
  const handled: Handled[] = [];
  const lines = new Lines();
  const worker = (name: string) => {
    const { host, driver } = process(name, assign);
    const { handle, tick = () => Promise.resolve() } = scriptOf(host);
    const handleAndNote = async (partition: number, offset: number, value: string) => {
      await handle?.(partition, offset, value);
      handled.push({ by: name, at: time.now, partition, offset });
    };
    return new SimWorker(host, driver, SESSION, { handle: handleAndNote, tick }, () => random.next(), lines);
  };
  const partitionsOf = ({ worker }: SimWorker) => worker.status().actors[0]?.partitions ?? [];
  const [first, second] = [worker("first"), worker("second")] as const;
  first.start();
  await pump.until(() => first.master && partitionsOf(first).length === PARTITIONS);
  second.start();
  const share = PARTITIONS / 2;
  await pump.until(() => partitionsOf(first).length === share && partitionsOf(second).length === share);
  const { driver: producer } = process("sender");
  const send = async (count: number) => {
    for (let sent = 0; sent < count; sent++) {
      await producer.publisher.send({ topic: TOPIC, key: null, value: bytes(`${sent}`), headers: [], timestamp: 0 });
    }
  };
  const ends = () => log.topics.get(TOPIC)?.partitions.map(({ end }) => end) ?? [];
  const stopped = async () => {
    const isStopped = ({ worker }: SimWorker) => worker.status().state === "stopped";
    await pump.until(() => [first, second].every(isStopped), { within: 2 * HANDLING_MS });
  };
  /** All is handled once, and committed. */
  const checkAll = () => {
    assert.equal(new Set(handled.map(({ partition, offset }) => `${partition}/${offset}`)).size, handled.length);
    const { offsets } = log.group(APP);
    assert.deepEqual(ends(), ends().map((_, partition) => offsets.get(`${TOPIC}/${partition}`)), lines.all.join("\n"));
  };
  return { time, pump, handled, lines, first, second, partitionsOf, send, stopped, checkAll };
}

test("while a stopping worker finishes one long message, another handles those of its other partitions", async (t) => {
  let begun = -1;
  const { time, pump, handled, first, second, partitionsOf, send, stopped, checkAll } = await two(t, (host) => ({
    handle: async (partition) => {
      if (host.name !== "first" || begun >= 0) return;
      begun = partition;
      await host.sleep(HANDLING_MS);
    },
  }));
  await send(PARTITIONS * EACH);
  await pump.until(() => begun >= 0);
  const since = time.now;
  first.stop();
  const elsewhere = () => handled.filter(({ partition }) => partition !== begun);
  await pump.until(() => elsewhere().length === (PARTITIONS - 1) * EACH);
  assert.ok(time.now - since < 1000, `it took ${Math.round(time.now - since)} ms`);
  assert.ok(elsewhere().every(({ by }) => by === "second"));
  assert.deepEqual([partitionsOf(first), second.master], [[begun], true]);
  await send(PARTITIONS);
  await pump.until(() => handled.length === PARTITIONS * (EACH + 1), { within: 2 * HANDLING_MS });
  const last = handled.filter(({ partition }) => partition === begun);
  assert.deepEqual(last.map(({ by }) => by), ["first", ...Array.from({ length: EACH }, () => "second")]);
  assert.ok((last.at(-1)?.at ?? Infinity) - since < HANDLING_MS + 1000, "it follows as soon as it is finished");
  second.stop();
  await stopped();
  checkAll();
});

test("a stopping master with a run in hand hands its partitions over, and mastership after the run", async (t) => {
  let begun = 0;
  let long = false;
  const { time, pump, handled, first, second, partitionsOf, send, stopped, checkAll } = await two(t, (host) => ({
    tick: async () => {
      if (host.name !== "first" || !long) return;
      begun ||= time.now;
      await host.sleep(HANDLING_MS);
    },
  }));
  long = true;
  await pump.until(() => begun > 0);
  const since = time.now;
  first.stop();
  await send(PARTITIONS * EACH);
  await pump.until(() => handled.length === PARTITIONS * EACH);
  assert.ok(time.now - since < 1000, `it took ${Math.round(time.now - since)} ms`);
  await pump.until(() => partitionsOf(first).length === 0 && partitionsOf(second).length === PARTITIONS);
  while (time.now < begun + HANDLING_MS - 1000) {
    assert.deepEqual([first.master, second.master], [true, false]);
    const until = time.now + 500;
    await pump.until(() => time.now >= until);
  }
  await pump.until(() => second.master);
  assert.ok(time.now - begun > HANDLING_MS);
  second.stop();
  await stopped();
  checkAll();
});

test("a worker alone, and two that stop together, stop as soon as what is in hand is finished", async (t) => {
  let begun = 0;
  const { time, pump, first, second, send, stopped } = await two(t, (host) => ({
    handle: async () => {
      if (++begun <= 2) await host.sleep(HANDLING_MS);
    },
  }));
  await send(PARTITIONS);
  await pump.until(() => begun === 2);
  const since = time.now;
  for (const each of [first, second]) each.stop();
  await stopped();
  assert.ok(time.now - since < HANDLING_MS + 1000, `it took ${Math.round(time.now - since)} ms`);
});

test("a leader that does not know of it gives a draining member what it gave it before: nothing is lost", async (t) => {
  let begun = -1;
  const old: Assign = (members, counts, leader) =>
    plan(members.map((each) => ({ ...each, data: { ...each.data, draining: false } })), counts, leader);
  const { time, pump, handled, first, second, send, stopped, checkAll } = await two(t, (host) => ({
    handle: async (partition) => {
      if (host.name !== "first" || begun >= 0) return;
      begun = partition;
      await host.sleep(HANDLING_MS);
    },
  }), old);
  await send(PARTITIONS * EACH);
  await pump.until(() => begun >= 0);
  const since = time.now;
  first.stop();
  await pump.until(() => handled.length === PARTITIONS * EACH, { within: 2 * HANDLING_MS });
  assert.ok(time.now - since < HANDLING_MS + 1000, `it took ${Math.round(time.now - since)} ms`);
  second.stop();
  await stopped();
  checkAll();
});
