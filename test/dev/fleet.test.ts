import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "../../src/dev/child.ts";
import { Fleet } from "../../src/dev/fleet.ts";
import { until } from "../support/until.ts";
import { FakeChild, FakeClock } from "./fake.ts";

/** Workers that are ready as soon as they are started, unless the script is said to be bad. */
function fleet(count: number) {
  const started: { name: string; child: FakeChild }[] = [];
  const told: string[] = [];
  const state = { bad: false, master: 0 };
  const alive = () => started.filter(({ child }) => child.signals.length === 0).map(({ name }) => name);
  const it = new Fleet({
    ports: Array.from({ length: count }, (_, index) => index + 1),
    command: (index, port): Command => ({ program: port > count ? "trial" : `worker.${index + 1}`, args: [] }),
    start: ({ program }) => {
      const child = new FakeChild();
      if (state.bad) child.end({ code: 1, signal: null });
      started.push({ name: program, child });
      return child;
    },
    show: () => Promise.resolve(),
    tell: (line) => void told.push(line),
    probe: (_, pid) => Promise.resolve({ ready: !state.bad, master: state.master === pid }),
    restart: true,
    clock: new FakeClock(),
  });
  return { it, started, told, state, alive };
}

test("a change is tried out first, then taken by one after the other", async () => {
  const { it, started, alive } = fleet(2);
  void it.run();
  await until(() => started.length === 2);
  assert.equal(await it.renew(() => false), true);
  assert.deepEqual(started.map(({ name }) => name), ["worker.1", "worker.2", "trial", "worker.1", "worker.2"]);
  assert.deepEqual(alive(), ["worker.1", "worker.2"]);
  await it.stop();
  assert.deepEqual(alive(), []);
});

test("a change that does not run is taken by none, and that is said", async () => {
  const { it, started, told, state, alive } = fleet(2);
  void it.run();
  await until(() => started.length === 2);
  state.bad = true;
  assert.equal(await it.renew(() => false), false);
  assert.deepEqual(alive(), ["worker.1", "worker.2"]);
  assert.match(told.join("\n"), /The change does not run: see above/);
  await it.stop();
});

test("a script that changes again meanwhile is tried out again before others take it", async () => {
  const { it, started } = fleet(2);
  void it.run();
  await until(() => started.length === 2);
  const changed = [false, true];
  assert.equal(await it.renew(() => changed.shift() ?? true), false);
  assert.deepEqual(started.map(({ name }) => name), ["worker.1", "worker.2", "trial", "worker.1"]);
  await it.stop();
});

test("who is master is said, and again when it is another", async () => {
  const { it, started, told, state } = fleet(2);
  void it.run();
  await until(() => started.length === 2);
  for (const { child } of started) {
    state.master = child.pid;
    const line = new RegExp(`worker\\.\\d is the master\\. .* kill -9 ${child.pid}$`);
    await until(() => told.some((text) => line.test(text)));
  }
  assert.equal(told.length, 2);
  await it.stop();
});
