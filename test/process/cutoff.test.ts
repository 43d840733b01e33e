import assert from "node:assert/strict";
import { test } from "node:test";
import { startKafkaFor } from "../support/kafka.ts";
import { describeGroup } from "../support/kafkajs-oracle.ts";
import { until } from "../support/until.ts";
import { greetedAll, nextMaster, onceASlot } from "./checks.ts";
import { clusterOf } from "./cluster.ts";

test(
  "a master that is cut off from Kafka for longer than a session",
  { timeout: 120_000 },
  async (t) => {
    const kafka = await startKafkaFor(t, { proxies: 1 });
    const [proxy] = kafka.proxies;
    assert.ok(proxy);
    const cluster = clusterOf(kafka, "cutoff");
    t.after(() => cluster.end());
    const behind = cluster.start("node", { url: proxy.url });
    await cluster.settled();
    for (const runtime of ["bun", "deno"] as const) cluster.start(runtime);
    await cluster.settled();
    assert.equal((await cluster.master()).pid, behind.pid);

    proxy.freeze();
    const cut = Date.now();
    const first = await nextMaster(cluster, behind);
    // The session decides, which is 6 s: not two of them.
    assert.ok(first.timestamp < cut + 12_000, `the next one publishes ${first.timestamp - cut} ms later`);
    await until(async () => await behind.http("/ready") === 503);
    assert.equal(await behind.http("/health"), 200);
    assert.equal((await behind.status()).mastership.master, false);
    await until(async () => (await describeGroup(kafka.brokers, cluster.app)).members.length === 2);
    await proxy.heal();
    await cluster.settled();
    assert.equal(await behind.http("/ready"), 200);
    const back = Date.now();
    const pids = await until(async () => {
      const later = (await cluster.ticks()).filter(({ slot }) => slot > back);
      return later.length >= 3 && new Set(later.map(({ pid }) => pid));
    });
    assert.deepEqual(pids, new Set([first.pid]));
    // One at every moment: the old one has begun no tick after the new one's first, or in the new one's time.
    const overlapping = behind.events("tick").filter(({ at }) => at >= first.timestamp);
    assert.deepEqual(overlapping, [], behind.output());
    const ticks = await cluster.ticks();
    const late = ticks.filter(({ pid, timestamp }) => pid === behind.pid && timestamp > first.timestamp);
    assert.deepEqual(late, [], behind.output());
    onceASlot(ticks, 500);
    await greetedAll(cluster);
  },
);
