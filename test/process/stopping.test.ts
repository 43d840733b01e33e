import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { produce } from "../support/kafkajs-oracle.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { clusterOf } from "./cluster.ts";

const all = ["bun", "deno", "node"] as const;
const work = (id: string, takes: number) => [{ value: JSON.stringify({ id, takes }) }];

// Each of these waits most of the time, so they wait together.
test("stopping", { timeout: 120_000, concurrency: 3 }, async (t) => {
  const kafka = await kafkaForTests();
  const clustersOf = (name: string, env: Record<string, string>) =>
    all.map((runtime) => {
      const cluster = clusterOf(kafka, name, { fixture: "stopping", env });
      t.after(() => cluster.end());
      return { cluster, runtime };
    });

  const finishes = t.test("SIGTERM: what is in hand ends, is published and committed", async () => {
    await Promise.all(
      clustersOf("finishes", { TAKES: "1500" }).map(async ({ cluster, runtime }) => {
        const worker = cluster.start(runtime);
        await cluster.settled("work", 2);
        await until(() => worker.events("ran").length > 0);
        await produce(kafka.brokers, cluster.topic("work"), work("a", 2000));
        await until(() => worker.events("begun").length > 0);
        const ended = worker.events("ended").length;
        await until(() => worker.events("ran").length > ended);
        worker.kill("SIGTERM");
        assert.deepEqual(await worker.exit, { code: 0, signal: null }, worker.output());
        const runs = worker.events("ran").map(({ slot }) => slot);
        const published = (await cluster.stored("done")).map(({ value }) => JSON.parse(String(value)).slot);
        assert.deepEqual(published, runs, worker.output());
        assert.deepEqual(new Set(worker.events("ended").map(({ id }) => id)), new Set(["false"]));
        assert.deepEqual(worker.events("handled").map(({ id }) => id), ["a true"], worker.output());
        assert.doesNotMatch(worker.output(), /Cut off/);
        const next = cluster.start(runtime);
        await cluster.settled("work", 2);
        await produce(kafka.brokers, cluster.topic("work"), [{ value: JSON.stringify({ id: "b", takes: 0 }) }]);
        await until(() => next.events("handled").length > 0);
        assert.deepEqual(next.events("begun").map(({ id }) => id), ["b"], "nothing is handled twice");
      }),
    );
  });

  const cuts = t.test("what takes longer than the stop timeout is cut off, told, and handled again", async () => {
    await Promise.all(
      clustersOf("cuts", { TAKES: "60000" }).map(async ({ cluster, runtime }) => {
        const worker = cluster.start(runtime, { args: ["--stop-timeout", "2s"] });
        await cluster.settled("work", 2);
        await until(() => worker.events("ran").length > 0);
        await produce(kafka.brokers, cluster.topic("work"), work("long", 60_000));
        await until(() => worker.events("begun").length > 0);
        worker.kill("SIGTERM");
        const from = Date.now();
        assert.deepEqual(await worker.exit, { code: 0, signal: null }, worker.output());
        assert.ok(Date.now() - from < 30_000, worker.output());
        const cut = worker.stderr.filter((line) => /Cut off after 2s/.test(line)).join("\n");
        assert.match(cut, /The run of timer run at .*Z was in hand for .*: what it sent is not published/);
        assert.match(cut, /The handler of work had cuts-.*-work\[\d\] at offset 0 in hand for .*: it is handled again/);
        const next = cluster.start(runtime);
        await until(() => next.events("begun").some(({ id }) => id === "long"));
        assert.deepEqual(await cluster.stored("done"), []);
      }),
    );
  });

  const frozen = t.test("a run that was frozen for longer than its lease reads so at once", async () => {
    await Promise.all(
      clustersOf("thaws", { TAKES: "60000" }).map(async ({ cluster, runtime }) => {
        const worker = cluster.start(runtime);
        await until(() => worker.events("ran").length > 0, { within: 40_000 });
        worker.freeze();
        // What is tested is the passing of this time.
        await sleep(7500);
        worker.thaw();
        await until(() => worker.events("thawed").length > 0);
        assert.deepEqual(worker.events("thawed").map(({ id }) => id), ["true"], worker.output());
      }),
    );
  });
  await Promise.all([finishes, cuts, frozen]);
});
