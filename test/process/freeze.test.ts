import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kafkaForTests } from "../support/kafka.ts";
import { describeGroup } from "../support/kafkajs-oracle.ts";
import { until } from "../support/until.ts";
import { greetedAll, nextMaster, onceASlot } from "./checks.ts";
import { clusterOf } from "./cluster.ts";

test("a frozen master", { timeout: 120_000 }, async (t) => {
  const kafka = await kafkaForTests();
  const cluster = clusterOf(kafka, "freeze", { fixture: "frozen" });
  t.after(() => cluster.end());
  for (const runtime of ["bun", "deno", "node"] as const) cluster.start(runtime);
  await cluster.settled("greet");
  const master = await cluster.master();

  await t.test("for less than a session: nothing moves", async () => {
    await until(() => master.events("begun").length > 0);
    const { group: { generation }, mastership: { epoch } } = await master.status();
    master.freeze();
    // What is tested is the passing of this time.
    await sleep(2500);
    const thawed = Date.now();
    master.thaw();
    await until(() => master.events("tick").some(({ slot }) => slot > thawed));
    const { group, mastership } = await master.status();
    assert.deepEqual([group.generation, mastership.master, mastership.epoch], [generation, true, epoch]);
    assert.deepEqual(master.events("aborted"), []);
    const ticks = await cluster.ticks();
    assert.deepEqual(new Set(ticks.map(({ pid }) => pid)), new Set([master.pid]));
    onceASlot(ticks, 500);
  });

  await t.test("for longer than a session: another is elected, and it notices before it acts", async () => {
    master.freeze();
    const frozen = Date.now();
    const first = await nextMaster(cluster, master);
    // The session decides, which is 6 s: not two of them.
    assert.ok(first.timestamp < frozen + 12_000, `the next one publishes ${first.timestamp - frozen} ms later`);
    // Partitions of the frozen one are the others' now.
    await until(async () => (await describeGroup(kafka.brokers, cluster.app)).members.length === 2);
    const thawed = Date.now();
    master.thaw();

    await until(() => master.events("aborted").length === 1);
    await until(() => master.events("refused").length === 1);
    assert.deepEqual(master.events("refused").map(({ id }) => id), ["NOT_MASTER"]);
    assert.deepEqual(master.events("sent"), []);
    const shares = await cluster.settled("greet");
    assert.ok((shares.get(master) ?? []).length >= 2, "it has partitions again");
    // The present master publishes on, also some time after the old one is back.
    const back = Date.now();
    const pids = await until(async () => {
      const later = (await cluster.ticks()).filter(({ slot }) => slot > back);
      return later.length >= 3 && new Set(later.map(({ pid }) => pid));
    });
    assert.deepEqual(pids, new Set([first.pid]));
    // Nothing of what runs on the master was begun by the old one after its thaw.
    const acts = [...master.events("tick"), ...master.events("begun")].filter(({ at }) => at >= thawed);
    assert.deepEqual(acts, [], `thawed at ${thawed}\n${master.output()}`);
    const ticks = await cluster.ticks();
    onceASlot(ticks, 500);
    const epochs = new Map(ticks.map(({ pid, epoch }) => [pid, epoch]));
    assert.ok((epochs.get(first.pid) ?? 0) > (epochs.get(master.pid) ?? 0), "the epoch has grown");
    // The tick that the freeze interrupted publishes nothing of its own.
    const late = (await cluster.stored("late")).map(({ value }) => JSON.parse(String(value)));
    assert.deepEqual(late.filter(({ pid }) => pid === master.pid), []);
    // What it had handled and not committed is handled again, by another.
    await greetedAll(cluster);
    assert.equal((await master.status()).mastership.master, false);
  });
});
