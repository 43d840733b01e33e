import assert from "node:assert/strict";
import { test } from "node:test";
import { Yielder } from "../../../src/core/yielder.ts";
import { BlockWatch } from "../../../src/worker/calls/block-watch.ts";
import { Lines } from "../../core/fakes.ts";
import { FakeTime, nextTurn, settle } from "../fakes.ts";

function made() {
  const time = new FakeTime();
  const lines = new Lines();
  const yielder = new Yielder(time, nextTurn, time.sleep);
  const stop = new AbortController();
  const watch = new BlockWatch({ yielder, clock: time, sleep: time.sleep, logger: lines, sessionTimeout: 6000 });
  void watch.run(stop.signal);
  return { time, lines, yielder, watch, stop: () => stop.abort() };
}

test("what blocks for longer than a session is named when it returns, once", async () => {
  const { time, lines, yielder, watch, stop } = made();
  const left = watch.enter(() => "timer restock at noon");
  yielder.due();
  time.jump(8100);
  left();
  watch.returned(() => "another");
  assert.deepEqual(lines.all, [
    "warn: Nothing else in this process could run for 8.1 s: timer restock at noon blocked it for longer than the session " +
    "of 6s, so the group may have removed this worker. Split that work up, move it to a thread, or raise --session-timeout.",
  ]);
  await time.pass(2000);
  assert.equal(lines.all.length, 1);
  stop();
});

test("what blocks and then waits for something is found by a timer that comes late", async () => {
  const { time, lines, watch, stop } = made();
  watch.enter(() => "actor orders with shop-orders[0] at offset 17");
  watch.enter(() => undefined);
  await time.pass(700);
  time.jump(9000);
  await time.pass(0);
  assert.equal(lines.all.length, 1);
  assert.match(
    lines.all[0] ?? "",
    /for 8\.\d s \(unless it was stopped\): actor orders with shop-orders\[0\] at offset 17 blocked/,
  );
  stop();
});

test("what takes less than a session, or waits all the time, or when nothing is in hand, is no reason for a line", async () => {
  const { time, lines, yielder, watch, stop } = made();
  yielder.due();
  time.jump(5900);
  watch.returned(() => "quick enough");
  await settle();
  time.jump(9000);
  watch.returned(() => "it waited for something, and the process was stopped");
  await time.pass(1000);
  const left = watch.enter(() => "it waits");
  yielder.due();
  await time.pass(60_000);
  left();
  time.jump(60_000);
  await time.pass(1000);
  assert.deepEqual(lines.all, []);
  stop();
});
