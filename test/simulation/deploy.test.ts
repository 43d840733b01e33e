import assert from "node:assert/strict";
import { test } from "node:test";
import { Lines } from "../core/fakes.ts";
import { memoryCluster } from "./memory-cluster.ts";
import { SimWorker } from "./sim-worker.ts";

const SESSION = 1800;

test("in a mixed deploy who has all timers is elected next; what the master lacks is told, and shown as not running", async (t) => {
  const { random, pump, process } = memoryCluster(7);
  t.after(() => pump.stop());
  const ran: string[] = [];
  const start = (name: string, version: string, ...timers: readonly string[]) => {
    const { host, driver } = process(name);
    const lines = new Lines();
    const more = new Map(timers.map((timer) => [timer, () => void ran.push(`${timer} on ${name}`)]));
    const script = { handle: () => undefined, tick: () => Promise.resolve(), version, more };
    const worker = new SimWorker(host, driver, SESSION, script, () => random.next(), lines);
    worker.start();
    const idle = () =>
      worker.worker.status().timers.flatMap(({ name, notRunning: why }) => why === null ? [] : [[name, why]]);
    return { worker, lines, idle };
  };
  const known = (count: number, ...all: readonly ReturnType<typeof start>[]) =>
    pump.until(() => all.every(({ worker }) => worker.worker.status().group.members === count));

  const first = start("first", "1", "kept");
  await pump.until(() => first.worker.master && ran.includes("kept on first"));
  const newer = start("newer", "2", "kept", "added");
  const other = start("other", "1", "kept");
  await known(3, first, newer, other);
  assert.ok(first.worker.master, "a running lease is not ended by electing another");
  assert.deepEqual(newer.idle(), [["added", "The master first (version 1) has no such timer."]]);
  assert.deepEqual([first.idle(), other.idle()], [[], []]);
  const told = (lines: Lines, what: RegExp) => lines.all.filter((line) => what.test(line)).length;
  const lacks = /The master, first \(version 1\), lacks the timer added of this worker\. .* runs nowhere/;
  assert.deepEqual([newer, other].map(({ lines }) => told(lines, lacks)), [1, 0]);
  first.worker.stop();
  await pump.until(() => newer.worker.master && ran.includes("added on newer"));
  assert.deepEqual(newer.idle(), []);
  // One of before is master no more while the new one is there, and the new one says why.
  const late = start("late", "1", "kept");
  await known(3, newer, other, late);
  assert.deepEqual([newer, other, late].map(({ worker }) => worker.master), [true, false, false]);
  assert.equal(told(newer.lines, /Worker (?:other|late) \(version 1\) lacks the timer added of this master\./), 1);
  assert.deepEqual([told(newer.lines, lacks), other.idle(), late.idle()], [1, [], []]);
  for (const { worker } of [newer, other, late]) worker.stop();
  const isStopped = ({ worker }: SimWorker) => worker.status().state === "stopped";
  await pump.until(() => [first, newer, other, late].every(({ worker }) => isStopped(worker)), { within: 60_000 });
});
