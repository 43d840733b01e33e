import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeTime, isDone, settle } from "../worker/fakes.ts";
import { Lines, supervisorOf } from "./fakes.ts";

function made() {
  const time = new FakeTime();
  const lines = new Lines();
  return { time, lines, supervisor: supervisorOf({ logger: lines, clock: time, sleep: time.sleep }) };
}

test("a loop that fails is logged, makes the worker unready, and is started again", async () => {
  const { time, lines, supervisor } = made();
  let runs = 0;
  const running = supervisor.loop("The loop of actor orders", async () => {
    if (++runs === 1) throw Object.create(null);
    await new Promise(() => {});
  });
  await settle();
  assert.match(supervisor.trouble ?? "", /^The loop of actor orders has failed, which is a fault of Mephisto: \{\}\.$/);
  assert.equal(lines.of(/^error: The loop of actor orders has failed.* It is started again in 1s\.$/).length, 1);
  await time.pass(1000);
  assert.equal(runs, 2);
  assert.ok(supervisor.trouble, "it may fail again at once");
  await time.pass(10_000);
  assert.equal(supervisor.trouble, undefined);
  assert.equal(await isDone(running), false);
});

test("a loop that fails again and again ends the worker", async () => {
  const { time, lines, supervisor } = made();
  let runs = 0;
  const running = supervisor.loop("It", async () => {
    runs++;
    await time.sleep(1);
    throw new Error("broken");
  });
  await time.pass(100_000);
  assert.equal(runs, 6);
  assert.ok(await isDone(running));
  assert.deepEqual(supervisor.ended.map(({ code }) => code), ["INTERNAL"]);
  assert.match(supervisor.trouble ?? "", /The worker ends: it did not help to start it again\.$/);
  assert.equal(lines.of(/error: It has failed/).length, 6);
});

test("one that fails now and then goes on", async () => {
  const { time, supervisor } = made();
  let runs = 0;
  void supervisor.loop("It", async () => {
    runs++;
    await time.sleep(400_000);
    throw new Error("now and then");
  });
  await time.pass(4_500_000);
  assert.equal(runs, 12);
  assert.deepEqual(supervisor.ended, []);
});

test("to return is a fault of a loop that has no end, unless it is to end", async () => {
  const { time, lines, supervisor } = made();
  const over = new AbortController();
  const running = supervisor.loop("It", () => Promise.resolve(), { endless: true, signal: over.signal });
  await settle();
  assert.match(supervisor.trouble ?? "", /it has returned/);
  over.abort();
  await time.pass(1000);
  assert.ok(await isDone(running));
  assert.equal(lines.all.length, 1);
  await supervisor.loop("Another", () => Promise.resolve());
  await supervisor.loop("A third", () => Promise.resolve(), { endless: true, signal: over.signal });
  assert.equal(lines.all.length, 1);
});

test("what is thrown while it ends is logged and ends nothing", async () => {
  const { lines, supervisor } = made();
  await supervisor.loop("It", () => Promise.reject(new Error("late")), { signal: AbortSignal.abort() });
  assert.match(lines.all.join(), /error: It has failed.*late.* It was about to end\.$/);
  assert.deepEqual([supervisor.ended.length, supervisor.trouble], [0, undefined]);
});

test("something that happens once, and fails, ends the worker", async () => {
  const { supervisor } = made();
  await supervisor.once("The handover", () => Promise.reject(new Error("broken")));
  assert.match(supervisor.ended[0]?.message ?? "", /^The handover has failed.*broken.* The worker ends\.$/);
  assert.equal(supervisor.trouble, supervisor.ended[0]?.message);
});

test("a logger that throws ends nothing", async () => {
  const time = new FakeTime();
  const broken = () => {
    throw new Error("the disk is full");
  };
  const logger = { debug: broken, info: broken, warn: broken, error: broken };
  const supervisor = supervisorOf({ logger, clock: time, sleep: time.sleep });
  let runs = 0;
  void supervisor.loop("It", async () => {
    if (++runs === 1) throw new Error("broken");
    await new Promise(() => {});
  });
  await time.pass(1000);
  assert.equal(runs, 2);
});
