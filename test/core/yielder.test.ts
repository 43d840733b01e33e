import assert from "node:assert/strict";
import { test } from "node:test";
import { Yielder } from "../../src/core/yielder.ts";
import { FakeTime, isDone, settle } from "../worker/fakes.ts";

function made() {
  const time = new FakeTime();
  const turns: (() => void)[] = [];
  const turn = () => new Promise<void>((resolve) => turns.push(resolve));
  const next = async () => {
    for (const resolve of turns.splice(0)) resolve();
    await settle();
  };
  return { time, next, yielder: new Yielder(time, turn, time.sleep) };
}

test("the event loop has its turn after 10 ms of running, and not before", async () => {
  const { time, next, yielder } = made();
  assert.equal(yielder.due(), undefined);
  time.jump(9);
  assert.equal(yielder.due(), undefined);
  time.jump(1);
  const rest = yielder.due();
  assert.ok(rest);
  assert.equal(yielder.due(), rest, "all wait for the same turn");
  assert.equal(await isDone(rest), false);
  await next();
  assert.equal(await isDone(rest), true);
  time.jump(9);
  assert.equal(yielder.due(), undefined);
});

test("whoever waited for something has given the event loop its turn", async () => {
  const { time, next, yielder } = made();
  yielder.due();
  assert.deepEqual([yielder.turned, yielder.ran()], [false, 0]);
  time.jump(50);
  assert.equal(yielder.ran(), 50);
  await next();
  assert.deepEqual([yielder.turned, yielder.ran(), yielder.due()], [true, 0, undefined]);
});

test("after a long stretch others have a while, of a twentieth, at most 50 ms", async () => {
  for (const [ran, pause] of [[100, 5], [400, 20], [60_000, 50]] as const) {
    const { time, yielder } = made();
    yielder.due();
    time.jump(ran);
    const rest = yielder.due();
    assert.ok(rest);
    await time.pass(pause - 0.1);
    assert.equal(await isDone(rest), false, `${ran} ms`);
    await time.pass(0.1);
    assert.equal(await isDone(rest), true, `${ran} ms`);
  }
});

test("of many that are ready at once each goes on in its turn, and the event loop has its own among them", async () => {
  const { time, next, yielder } = made();
  const went: number[] = [];
  const work = async (n: number) => {
    const rest = yielder.inLine();
    if (rest) await rest;
    went.push(n);
    time.jump(4);
  };
  const all = Promise.all(Array.from({ length: 10 }, (_, n) => work(n)));
  await settle();
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
  assert.deepEqual(went, numbers(3), "12 ms of work");
  await next();
  assert.deepEqual(went, numbers(6));
  const late = work(10);
  await next();
  assert.deepEqual(went, numbers(9), "who comes later waits behind");
  await next();
  await Promise.all([all, late]);
  assert.deepEqual(went, numbers(11));
  await next();
  const again = work(11);
  await next();
  await again;
  assert.equal(went.length, 12);
});
