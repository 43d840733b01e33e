import assert from "node:assert/strict";
import { test } from "node:test";
import { Supervised, terminate } from "../../src/dev/supervised.ts";
import { until } from "../support/until.ts";
import { FakeTime } from "../worker/fakes.ts";
import { FakeChild, FakeClock } from "./fake.ts";

function supervised({ restart = true, stopTimeout = 10_000 } = {}) {
  const children: FakeChild[] = [];
  const told: string[] = [];
  const clock = new FakeClock();
  const it = new Supervised({
    name: "worker.1",
    start: () => {
      const child = new FakeChild();
      children.push(child);
      return child;
    },
    show: () => Promise.resolve(),
    report: (line) => void told.push(line),
    restarts: () => restart,
    stopTimeout,
    clock,
  });
  return { it, children, told, clock, count: (number: number) => until(() => children.length === number) };
}

const killed = { code: null, signal: "SIGKILL" };

test("what dies after a while is started again at once, and that is said", async () => {
  const { it, children, told, clock, count } = supervised();
  void it.run();
  await count(1);
  clock.now = 20_000;
  children[0]?.end(killed);
  await count(2);
  assert.deepEqual(told, ["worker.1 was killed by SIGKILL. It is started again."]);
  await it.stop();
  assert.deepEqual(children.map(({ signals }) => signals), [[], ["SIGTERM"]]);
});

test("what dies at once again and again is started after growing pauses", async () => {
  const { it, children, told, count } = supervised();
  void it.run();
  for (let number = 1; number <= 3; number++) {
    await count(number);
    children[number - 1]?.end({ code: 1, signal: null });
  }
  await until(() => told.length === 3);
  const pauses = told.map((line) =>
    Number(/has ended with exit code 1\. It is started again in (?:1s)?(\d+)ms/.exec(line)?.[1])
  );
  const [first = 0, second = 0] = pauses;
  assert.ok(first >= 200 && first <= 300, `${pauses}`);
  assert.ok(second >= 400 && second <= 600, `${pauses}`);
  assert.match(told[2] ?? "", /in (8\d\dms|9\d\dms|1s\d*)/);
  await it.stop(); // during the pause
  assert.equal(children.length, 3);
});

test("what is not to be started again is over when it dies", async () => {
  const { it, children, told, count } = supervised({ restart: false });
  const over = it.run();
  await count(1);
  children[0]?.end({ code: 3, signal: null });
  await over;
  assert.deepEqual(told, ["worker.1 has ended with exit code 3."]);
  assert.equal(await it.renew(), undefined);
});

test("renew stops what runs, starts it again without a word, and cuts a pause short", async () => {
  const { it, children, told, count } = supervised();
  void it.run();
  await count(1);
  assert.equal(await it.renew(), children[1]);
  assert.deepEqual(children[0]?.signals, ["SIGTERM"]);
  assert.deepEqual(told, []);
  for (let number = 2; number < 5; number++) {
    children[number - 1]?.end(killed);
    await until(() => it.child === undefined);
    assert.equal(await it.renew(), children[number]);
  }
  await it.stop();
});

test("what does not stop is killed, after the time that it may take", async () => {
  const time = new FakeTime();
  const child = new FakeChild();
  child.obeys = false;
  const ended = terminate(child, 27_000, time.sleep);
  await time.pass(25_000);
  assert.deepEqual(child.signals, ["SIGTERM"]);
  await time.pass(2000);
  await ended;
  assert.deepEqual(child.signals, ["SIGTERM", "SIGKILL"]);
});
