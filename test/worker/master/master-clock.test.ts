import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MasterClock } from "../../../src/worker/master/master-clock.ts";
import { FakeTime } from "../fakes.ts";

/** An append whose request takes `there` ms, and its answer `back`, on a log whose clock is `skew` ahead of ours. */
function append(time: FakeTime, clock: MasterClock, skew: number, there = 1, back = 1) {
  const now = () => ({ monotonic: time.monotonic(), wall: time.wall() });
  const sent = now();
  time.jump(there);
  const wall = Math.floor(time.wall() + skew);
  time.jump(back);
  clock.sync({ wall, sent, answered: now() });
}

test("before the first append it is our own time", () => {
  const time = new FakeTime();
  assert.equal(new MasterClock(time).now(), time.wall());
});

test("it is the log's time, to within an answer's time, whatever becomes of our wall clock", () => {
  const time = new FakeTime();
  const clock = new MasterClock(time);
  append(time, clock, 5000, 3, 4);
  const before = time.wall();
  assert.ok(Math.abs(clock.now() - (before + 5000)) <= 8);
  const { skew } = clock;
  time.set(-3_600_000);
  time.jump(1000);
  assert.ok(Math.abs(clock.now() - (before + 6000)) <= 8);
  assert.equal(clock.skew, skew - 3_600_000);
});

test("jitter moves nothing while the clocks agree, and quick answers make it exact", () => {
  const time = new FakeTime();
  const clock = new MasterClock(time);
  append(time, clock, 0, 0.5, 0.5);
  const skew = clock.skew;
  for (const [there, back] of [[20, 1], [1, 30], [0, 0], [200, 200]] as const) {
    append(time, clock, 0, there, back);
    assert.equal(clock.skew, skew);
  }
  assert.ok(Math.abs(skew) <= 1);
});

test("after any appends the time lies within what the last one leaves open", () => {
  const delay = fc.double({ min: 0, max: 50, noNaN: true });
  const step = fc.record({ there: delay, back: delay, skew: fc.double({ min: -2000, max: 2000, noNaN: true }) });
  fc.assert(fc.property(fc.array(step, { minLength: 1 }), (steps) => {
    const time = new FakeTime();
    const clock = new MasterClock(time);
    for (const { there, back, skew } of steps) {
      append(time, clock, skew, there, back);
      const off = clock.now() - (time.wall() + skew);
      assert.ok(off >= -back - 1.01 && off <= there + 1.01, `${off}`);
      time.jump(10);
    }
  }));
});

test("a difference is told from a second on, and forbids to run from ten on", () => {
  const cases = [[0, undefined], [900, undefined], [1500, false], [-9000, false], [11_000, true], [-3_600_000, true]];
  for (const [skew = 0, refuses] of cases) {
    const time = new FakeTime();
    const clock = new MasterClock(time);
    append(time, clock, Number(skew));
    assert.equal(clock.skewWarning?.refuses, refuses, `${skew}`);
  }
  const time = new FakeTime();
  const clock = new MasterClock(time);
  append(time, clock, 0);
  time.set(2000);
  assert.match(clock.skewWarning?.sentence ?? "", /^This machine's clock is 2s ahead of Kafka's: /);
  time.set(-62_000);
  assert.match(clock.skewWarning?.sentence ?? "", /^This machine's clock is 1m behind Kafka's: one of them is wrong/);
});
