import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "../../src/dev/child.ts";
import { Fleet } from "../../src/dev/fleet.ts";
import { until } from "../support/until.ts";
import { FakeChild, FakeClock } from "./fake.ts";

/** Workers that are ready as soon as they are started, unless the script is said to be bad for what runs them. */
function fleet(count: number, programs = ["bun"]) {
  const started: { name: string; program: string; child: FakeChild }[] = [];
  const told: string[] = [];
  const state = { bad: "", master: 0, ready: true, generation: 1, partitions: {} as Record<string, number> };
  const alive = () =>
    started.filter(({ name, child }) => name !== "trial" && child.signals.length === 0).map(({ name }) => name);
  const it = new Fleet({
    stopTimeout: 10_000,
    ports: Array.from({ length: count }, (_, index) => index + 1),
    command: (index): Command => ({ program: programs[index % programs.length] ?? "", args: [`worker.${index + 1}`] }),
    trial: (index): Command => ({ program: programs[index % programs.length] ?? "", args: ["trial"] }),
    start: ({ program, args: [name = ""] }) => {
      const child = new FakeChild();
      if (state.bad === program) child.end({ code: 1, signal: null });
      else if (name === "trial") child.end({ code: 0, signal: null });
      started.push({ name, program, child });
      return child;
    },
    show: () => Promise.resolve(),
    report: (line) => void told.push(line),
    probe: (_, name) => {
      const pid = started.findLast((one) => one.name === name)?.child.pid;
      const { generation, ready } = state;
      return Promise.resolve({
        ready,
        master: state.master === pid,
        generation,
        partitions: state.partitions[name] ?? 0,
      });
    },
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
  state.bad = "bun";
  assert.equal(await it.renew(() => false), false);
  assert.deepEqual(alive(), ["worker.1", "worker.2"]);
  assert.match(told.join("\n"), /The change does not run: see above/);
  await it.stop();
});

test("each runtime tries a change out before any worker takes it", async () => {
  const { it, started, state, alive } = fleet(3, ["bun", "node"]);
  void it.run();
  await until(() => started.length === 3);
  state.bad = "node";
  assert.equal(await it.renew(() => false), false);
  assert.deepEqual(alive(), ["worker.1", "worker.2", "worker.3"]);
  state.bad = "";
  assert.equal(await it.renew(() => false), true);
  assert.deepEqual(
    started.slice(-5).map(({ name, program }) => `${name} ${program}`).sort(),
    ["trial bun", "trial node", "worker.1 bun", "worker.2 node", "worker.3 bun"],
  );
  assert.deepEqual(alive().sort(), ["worker.1", "worker.2", "worker.3"]);
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

test("when all that they worked on is gone they begin anew, all at once, and nobody waits for one that does not stop", async () => {
  const { it, started } = fleet(3);
  void it.run();
  await until(() => started.length === 3);
  const [first] = started;
  if (first) first.child.obeys = false;
  await it.beginAnew();
  assert.deepEqual(started.map(({ name }) => name).slice(3).sort(), ["worker.1", "worker.2", "worker.3"]);
  assert.deepEqual(first?.child.signals, ["SIGTERM", "SIGKILL"]);
  await it.stop();
});

test("who has what is said in one line, when all agree and it has come to rest, and not while all are started anew", async () => {
  const { it, started, told, state } = fleet(3);
  state.partitions = { "worker.1": 3, "worker.2": 3, "worker.3": 2 };
  void it.run();
  await until(() => told.length === 1);
  assert.equal(told[0], "3 workers share 8 partitions: worker.1 has 3, worker.2 3, worker.3 2.");
  state.ready = false;
  state.partitions = { "worker.1": 8 };
  const renewed = it.renew(() => false);
  await until(() => started.length === 5);
  state.ready = true;
  assert.equal(await renewed, true);
  await until(() => told.length === 2);
  assert.equal(told[1], "3 workers share 8 partitions: worker.1 has 8, worker.2 0, worker.3 0.");
  await it.stop();
});
