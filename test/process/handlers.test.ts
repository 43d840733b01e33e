import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { kafkaForTests } from "../support/kafka.ts";
import { createTopic, produce, readTopic } from "../support/kafkajs-oracle.ts";
import { until } from "../support/until.ts";
import { handledOnce } from "./checks.ts";
import { clusterOf, inTurn, uniqueApp } from "./cluster.ts";

const all = ["bun", "deno", "node"] as const;
const json = (value: unknown) => JSON.stringify(value);

// Each of these waits most of the time, so they wait together.
test("handlers and timers", { timeout: 120_000, concurrency: 4 }, async (t) => {
  const kafka = await kafkaForTests();

  const slow =
    t.test("a handler that takes longer than two sessions keeps its membership and its partition", async (t) => {
      // Twelve seconds of a session of six stand for the five minutes of a crawl: heartbeats do not wait for either.
      const takes = 12_500;
      // No tick, since what it would bring is committed, and a commit is a sign of life too.
      const cluster = clusterOf(kafka, "slow", { env: { TICK: "1h" } });
      t.after(() => cluster.end());
      for (const runtime of all) cluster.start(runtime);
      const shares = await cluster.settled();
      const [[busy, [partition = 0]] = assert.fail()] = shares;
      const before = await busy.status();
      await produce(kafka.brokers, cluster.topic("work"), [{ partition, value: json({ id: "long", takes }) }]);
      await until(() => busy.events("begun").length === 1);
      const stream = await cluster.steady("work", 50);
      await until(() => cluster.events("handled").some(({ id }) => id === "long"), {
        within: takes + 20_000,
        every: 100,
      });
      await stream.stop();
      await handledOnce(cluster, ["long", ...stream.sent.keys()]);
      assert.equal(cluster.events("begun").length, 1, cluster.output());
      const after = await cluster.settled();
      assert.deepEqual([...after.values()], [...shares.values()]);
      assert.equal((await busy.status()).group.generation, before.group.generation, "nothing has been rebalanced");
      const late = cluster.events("handled").filter(({ id, pid, at }) =>
        pid !== busy.pid && at - (stream.sent.get(id) ?? at) > takes / 2
      );
      assert.deepEqual(late, [], "the others are not held up");
    });

  const memory = t.test("a worker takes in no more of a backlog than it has room for", async (t) => {
    const topic = uniqueApp("backlog");
    await createTopic(kafka.brokers, topic, { partitions: 8 });
    const value = Buffer.alloc(100_000, "fat ");
    const workers = all.map((runtime) => {
      const cluster = clusterOf(kafka, "backlog", { fixture: "backlog", env: { TOPIC: topic } });
      t.after(() => cluster.end());
      return cluster.start(runtime);
    });
    await Promise.all(workers.map((worker) => worker.waitFor(/Assigned/, 30_000)));
    const before = workers.map(({ pid }) => residentMegabytes(pid));
    for (let sent = 0; sent < 15; sent++) {
      await produce(kafka.brokers, topic, Array.from({ length: 80 }, () => ({ value })));
    }
    await until(() => workers.every((worker) => worker.events("begun").length === 1), { within: 20_000 });
    // It must not have grown by the backlog, nor be growing.
    const most = workers.map(() => 0);
    const end = Date.now() + 4000;
    await until(() => {
      for (const [index, { pid }] of workers.entries()) {
        most[index] = Math.max(most[index] ?? 0, residentMegabytes(pid) - (before[index] ?? 0));
      }
      return Date.now() > end;
    }, { every: 200 });
    for (const grown of most) assert.ok(grown < 70, `of 120 MB: ${most} MB on ${all}`);
  });

  const idle = t.test("a topic with fewer partitions than workers: the idle ones say so, once", async (t) => {
    const cluster = clusterOf(kafka, "idle", { env: { PARTITIONS: "1" } });
    t.after(() => cluster.end());
    for (const runtime of all) cluster.start(runtime);
    await cluster.settled("work", 1);
    const said = () =>
      cluster.workers.map(({ stderr }) => stderr.filter((line) => /No partition for/.test(line)).length);
    await until(() => said().includes(1));
    const late = cluster.start("node");
    await cluster.settled("work", 1);
    await late.waitFor(/No partition for/);
    assert.deepEqual(said().sort(), [0, 0, 1, 1], cluster.output());
  });

  const trouble = t.test("what cannot be handled is dead-lettered; timers keep their slots", async (t) => {
    const cluster = clusterOf(kafka, "trouble", { fixture: "trouble" });
    t.after(() => cluster.end());
    for (const runtime of all) cluster.start(runtime);
    await cluster.settled("parse", 4);
    const topic = cluster.topic("parse");
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x7b]);
    const sentAt = Date.now();
    await produce(kafka.brokers, topic, [
      { partition: 0, key: "the key", value: bytes, headers: { kept: "as it was" } },
      { partition: 0, value: "{oops" },
      { partition: 0, value: json({ id: "after the bytes" }) },
      { partition: 1, value: json({ id: "bad", fails: true }), headers: { kept: "too" } },
      { partition: 1, value: json({ id: "after the bad" }) },
      ...[2, 3].map((partition) => ({ partition, value: json({ id: `beside ${partition}` }) })),
    ]);
    await handledOnce(cluster, ["after the bytes", "after the bad", "beside 2", "beside 3"]);
    const times = new Map(cluster.events("handled").map(({ id, at }) => [id, at - sentAt]));
    // The retries take 8.7 s; what is only slow, because the machine is, is not held up by them.
    const held = times.get("after the bad") ?? 0;
    assert.ok(held > 8000, "it comes after what stands before it");
    for (const id of ["after the bytes", "beside 2", "beside 3"]) {
      assert.ok((times.get(id) ?? Infinity) < held - 3000, `${id} is not held up: ${times.get(id)} ms`);
    }

    const tries = cluster.events("tried").map(({ at }) => at);
    assert.equal(tries.length, 6, "once, and five times again");
    // A busy machine makes some of them longer.
    const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    const least = [200, 500, 1000, 2000, 5000].map((ms) => ms - 20);
    assert.ok(pauses.every((ms, index) => ms > (least[index] ?? 0)), `with growing pauses: ${pauses}`);

    const dead = await until(async () => {
      const found = await readTopic(kafka.brokers, `${topic}.dead`);
      return found.length === 3 && found;
    });
    const unread = dead.find(({ value }) => value?.equals(bytes));
    const failed = dead.find(({ value }) => String(value) === json({ id: "bad", fails: true }));
    const oops = dead.find(({ value }) => String(value) === "{oops");
    assert.ok(unread && oops && failed);
    const header = (message: typeof unread, name: string) => String(message.headers[name]);
    assert.equal(String(unread.key), "the key");
    assert.equal(header(unread, "kept"), "as it was");
    assert.match(header(oops, "mephisto-error"), /JSON/);
    assert.equal(header(oops, "mephisto-offset"), "1");
    assert.notEqual(header(unread, "mephisto-error"), "");
    assert.equal(header(unread, "mephisto-topic"), topic);
    assert.equal(header(unread, "mephisto-partition"), "0");
    assert.equal(header(unread, "mephisto-offset"), "0");
    assert.equal(header(failed, "kept"), "too");
    assert.equal(header(failed, "mephisto-error"), "no luck with bad");
    assert.equal(header(failed, "mephisto-partition"), "1");
    assert.equal(header(failed, "mephisto-attempts"), "6");

    // Slots for which the machine was too busy are left out; between them the period is kept.
    for (const worker of cluster.workers) {
      const steady = () => worker.events("steady");
      await until(() => inTurn(steady(), 1000) >= 5, { within: 20_000 });
      assert.deepEqual(steady().filter(({ slot }) => slot % 1000 !== 0), []);
      assert.deepEqual(steady().filter(({ at, slot }) => at < slot - 2), [], "none is early");
      // If each run pushed the next one on, all of the last would be late.
      const late = steady().slice(-5).map(({ at, slot }) => at - slot);
      assert.ok(Math.min(...late) < 500, `a run of 0.5 s leaves the period at 1 s: ${late}`);
      await until(() => worker.events("slow").length > 5);
      assert.ok(worker.events("slow").every(({ offset }) => offset === 0), "never twice at once");
      const throwing = () => worker.events("throwing");
      await until(() => inTurn(throwing(), 500) >= 5, { within: 20_000 });
      const { length } = throwing();
      const told = () =>
        worker.stderr.filter((line) => /Timer throwing failed at .*: the timer's own failure/.test(line));
      await until(() => told().length >= length);
    }
  });
  await Promise.all([slow, memory, idle, trouble]);
});

/** What a process has in memory. */
function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
