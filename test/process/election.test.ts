import assert from "node:assert/strict";
import { test } from "node:test";
import { kafkaForTests } from "../support/kafka.ts";
import { produce } from "../support/kafkajs-oracle.ts";
import { until } from "../support/until.ts";
import { allCommitted, greetedOnce, handledOnce, nextMaster, onceASlot } from "./checks.ts";
import { clusterOf } from "./cluster.ts";

const TICK = 500;

test("one master among workers of three runtimes, calm when one joins, replaced when it goes", {
  timeout: 120_000,
}, async (t) => {
  const kafka = await kafkaForTests();
  const cluster = clusterOf(kafka, "election", { env: { TICK: `${TICK}ms` } });
  t.after(() => cluster.end());

  await t.test("exactly one publishes, once a slot; each greeting is printed by one worker, and all have a share", async () => {
    for (const runtime of ["node", "bun", "deno"] as const) cluster.start(runtime);
    const shares = await cluster.settled();
    assert.deepEqual([...shares.values()].map((share) => share.length).sort(), [2, 3, 3]);
    const all = () => new Set(cluster.events("greeted").map(({ pid }) => pid)).size === 3;
    await until(all, { within: 20_000 });
    // A busy machine may be too late for some slots: not for all.
    const ticks = await until(async () => {
      const found = await cluster.ticks();
      const inTime = found.filter(({ slot, timestamp }, index) =>
        slot - (found[index - 1]?.slot ?? 0) === TICK && timestamp < slot + TICK
      );
      return inTime.length >= 5 && found;
    }, { within: 30_000, every: 100 });
    assert.equal(new Set(ticks.map(({ pid }) => pid)).size, 1, cluster.output());
    onceASlot(ticks, TICK);
    assert.deepEqual(ticks.filter(({ slot, timestamp }) => timestamp < slot), []);
    await greetedOnce(cluster);
  });

  await t.test("a fourth takes its share; mastership stays, the others go on, nothing is handled twice", async () => {
    const master = await cluster.master();
    const before = await cluster.settled();
    const stream = await cluster.steady("work", 20);
    await until(() => cluster.events("handled").length > 50);
    const seen = new Map(cluster.workers.map((worker) => [worker, worker.lines.length]));
    const joiner = cluster.start("node");
    const after = await cluster.settled();
    assert.ok((after.get(joiner) ?? []).length === 2);
    for (const [worker, share] of before) {
      const kept = (after.get(worker) ?? []).filter((partition) => share.includes(partition));
      assert.equal(kept.length, (after.get(worker) ?? []).length, "nobody but the new one has gained a partition");
      const gained = worker.lines.slice(seen.get(worker)).filter(({ text }) =>
        text.includes(`Assigned ${cluster.topic("work")}`)
      );
      assert.deepEqual(gained, [], "nor has anybody given one up and got it back");
    }
    const enough = stream.sent.size + 50;
    await until(() => stream.sent.size > enough);
    await stream.stop();
    await handledOnce(cluster, [...stream.sent.keys()]);
    // Partitions that move wait until all have heard of it: nobody waits for a session to end.
    const late = cluster.events("handled").filter(({ id, at, partition }) => {
      const moves = (after.get(joiner) ?? []).includes(partition);
      return at - (stream.sent.get(id) ?? 0) > (moves ? 6000 : 3000);
    });
    assert.deepEqual(late, [], cluster.output());
    assert.equal((await cluster.master()).pid, master.pid);
    assert.equal(new Set((await cluster.ticks()).map(({ pid }) => pid)).size, 1);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await t.test(`${signal} of the master in the middle of messages: handed over at once, nothing lost or repeated`, async () => {
      const master = await cluster.master();
      // One message for each partition, so that the master has some in hand.
      const ids = Array.from({ length: 8 }, (_, partition) => `${signal}-${partition}`);
      await produce(
        kafka.brokers,
        cluster.topic("work"),
        ids.map((id, partition) => ({
          partition,
          value: JSON.stringify({ id, takes: 3000 }),
        })),
      );
      await until(() => master.events("begun").some(({ id }) => id.startsWith(signal)));
      master.kill(signal);
      const first = await nextMaster(cluster, master);
      assert.deepEqual(await master.exit, { code: 0, signal: null }, master.output());
      await cluster.settled();
      await handledOnce(cluster, ids);
      const own = master.events("begun").filter(({ id }) => id.startsWith(signal)).map(({ id }) => id);
      const done = master.events("handled").filter(({ id }) => id.startsWith(signal)).map(({ id }) => id);
      assert.deepEqual(done, own, "what it had begun it has finished");
      const finished = master.events("handled").at(-1)?.at ?? 0;
      assert.ok(first.timestamp < finished, `the next one publishes ${first.timestamp - finished} ms after that`);
      await greetedOnce(cluster);
      const ticks = await cluster.ticks();
      onceASlot(ticks, TICK);
    });
  }

  await t.test("kill -9 of the master: another publishes within 8 s", async () => {
    cluster.start("deno");
    await cluster.settled();
    const master = await cluster.master();
    const at = Date.now();
    master.kill("SIGKILL");
    const first = await nextMaster(cluster, master);
    assert.ok(first.timestamp < at + 8000, `the next one publishes ${first.timestamp - at} ms later`);
    onceASlot(await cluster.ticks(), TICK);
    await cluster.settled();
    await allCommitted(cluster, kafka.brokers);
  });
});
