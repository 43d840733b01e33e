import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutgoingRecord } from "../../../src/driver/driver.ts";
import { Pacer } from "../../../src/core/delay.ts";
import { TickSends } from "../../../src/worker/calls/sends.ts";
import { coded } from "../../core/fakes.ts";
import { FakeTime, isDone, letsOthersHaveTheirTurn, settle } from "../fakes.ts";

const record = (value: Uint8Array | null = null): OutgoingRecord => ({
  topic: "t",
  key: null,
  value,
  headers: [],
  timestamp: 0,
});

test("a tick's sends are queued until its end", async () => {
  const sends = new TickSends("restock", () => true, () => {});
  const records = [record(), record(Uint8Array.of(1))];
  for (const each of records) await sends.send(each);
  assert.deepEqual(sends.end(), records);
  assert.deepEqual(sends.end(), []);
});

test("a tick that sends on and on lets others have their turn", async () => {
  const time = new FakeTime();
  const sends = new TickSends("restock", () => true, () => {}, new Pacer(time, time.sleep));
  for (let i = 0; i < 100; i++) await sends.send(record());
  time.jump(30);
  const late = [sends.send(record()), sends.send(record())];
  assert.deepEqual([await isDone(Promise.all(late)), time.sleepers], [false, 1]);
  await time.pass(0);
  await Promise.all(late);
  assert.equal(await isDone(sends.send(record())), true);
  assert.equal(sends.end().length, 103);
});

for (const code of ["TICK_ENDED", "TICK_TIMEOUT", "NOT_MASTER", "BUFFER_FULL"] as const) {
  test(`a loop over sends that are refused with ${code}, and that nobody minds, lets others have their turn`, async () => {
    const time = new FakeTime();
    const isMaster = code !== "NOT_MASTER";
    const sends = new TickSends("restock", () => isMaster, () => {}, new Pacer(time, time.sleep));
    const huge = { ...record(), value: new Uint8Array(code === "BUFFER_FULL" ? 257 << 20 : 0) };
    if (code === "TICK_ENDED") sends.end();
    if (code === "TICK_TIMEOUT") sends.abandon(true);
    await letsOthersHaveTheirTurn(time, () => assert.rejects(sends.send(huge), coded(code)));
  });
}

test("a refusal that comes after its tick's end is raised by that alone", async () => {
  const time = new FakeTime();
  const told: string[] = [];
  const sends = new TickSends("restock", () => false, (sentence) => told.push(sentence), new Pacer(time, time.sleep));
  time.jump(30);
  void sends.send(record());
  assert.throws(() => sends.end(), coded("NOT_MASTER"));
  await time.pass(0);
  assert.deepEqual(told, []);
});

test("after its end a tick's sends are refused", async () => {
  const sends = new TickSends("restock", () => false, () => {});
  sends.end();
  await assert.rejects(sends.send(record()), coded("TICK_ENDED", /timer restock is refused: its tick has ended/));
});

test("after mastership a tick's sends are refused", async () => {
  let master = true;
  const sends = new TickSends("restock", () => master, () => {});
  await sends.send(record());
  master = false;
  await assert.rejects(sends.send(record()), coded("NOT_MASTER", /no longer master/));
});

test("a tick may not queue without a bound", async () => {
  const large: [string, Uint8Array] = ["large", new Uint8Array(64 << 20)];
  const headed = new TickSends("restock", () => true, () => {});
  for (let i = 0; i < 3; i++) await headed.send({ ...record(), headers: [large] });
  await assert.rejects(headed.send({ ...record(), headers: [large] }), coded("BUFFER_FULL", /256 MiB/));
  const sends = new TickSends("restock", () => true, () => {});
  const big = record(new Uint8Array(64 << 20));
  for (let i = 0; i < 3; i++) await sends.send(big);
  await assert.rejects(sends.send(big), coded("BUFFER_FULL", /256 MiB/));
  await settle();
});

test("a refusal that nobody waited for fails the tick, one that was waited for does not", async () => {
  let master = true;
  const sends = new TickSends("restock", () => master, () => {});
  await sends.send(record());
  master = false;
  void sends.send(record());
  await settle();
  assert.throws(() => sends.end(), coded("NOT_MASTER", /no longer master/));

  const careful = new TickSends("restock", () => false, () => {});
  await careful.send(record()).catch(() => {});
  assert.deepEqual(careful.end(), []);
});

test("a refusal after the tick's end that nobody waited for is told, and ends no process", async () => {
  const told: string[] = [];
  const sends = new TickSends("restock", () => true, (sentence) => told.push(sentence));
  sends.end();
  void sends.send(record());
  await settle();
  assert.match(told.join(), /its tick has ended/);
});

test("what a tick starts that is no part of it is waited for, and fails it", async () => {
  const told: string[] = [];
  const sends = new TickSends("restock", () => true, (sentence) => told.push(sentence));
  const first = Promise.withResolvers<void>();
  void sends.adopt(first.promise);
  const settled = sends.settle();
  assert.equal(await isDone(settled), false);
  first.reject(new Error("no"));
  await assert.rejects(settled, /no/);
  sends.end();
  void sends.adopt(Promise.reject(new Error("late")));
  await settle();
  assert.deepEqual(told, ["A send of timer restock failed: late"]);
});
