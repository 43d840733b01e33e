import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { produce } from "../support/independent.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { crewOf } from "./crew.ts";

const all = ["bun", "deno", "node"] as const;
const work = (id: string, takes: number) => [{ value: JSON.stringify({ id, takes }) }];

// Each of these waits most of the time, so they wait together.
test("stopping", { timeout: 120_000, concurrency: 3 }, async (t) => {
  const kafka = await kafkaForTests();
  const crewsOf = (name: string, env: Record<string, string>) =>
    all.map((runtime) => {
      const crew = crewOf(kafka, name, { fixture: "stopping", env });
      t.after(() => crew.end());
      return { crew, runtime };
    });

  const finishes = t.test("SIGTERM: what is in hand ends, is published and committed", async () => {
    await Promise.all(
      crewsOf("finishes", { TAKES: "1500" }).map(async ({ crew, runtime }) => {
        const worker = crew.start(runtime);
        await crew.settled("work", 2);
        await until(() => worker.did("ran").length > 0);
        await produce(kafka.brokers, crew.topic("work"), work("a", 2000));
        await until(() => worker.did("begun").length > 0);
        const ended = worker.did("ended").length;
        await until(() => worker.did("ran").length > ended);
        worker.kill("SIGTERM");
        assert.deepEqual(await worker.exit, { code: 0, signal: null }, worker.output());
        const runs = worker.did("ran").map(({ slot }) => slot);
        const published = (await crew.stored("done")).map(({ value }) => JSON.parse(String(value)).slot);
        assert.deepEqual(published, runs, worker.output());
        assert.deepEqual(new Set(worker.did("ended").map(({ id }) => id)), new Set(["false"]));
        assert.deepEqual(worker.did("handled").map(({ id }) => id), ["a true"], worker.output());
        assert.doesNotMatch(worker.output(), /Cut off/);
        const next = crew.start(runtime);
        await crew.settled("work", 2);
        await produce(kafka.brokers, crew.topic("work"), [{ value: JSON.stringify({ id: "b", takes: 0 }) }]);
        await until(() => next.did("handled").length > 0);
        assert.deepEqual(next.did("begun").map(({ id }) => id), ["b"], "nothing is handled twice");
      }),
    );
  });

  const cuts = t.test("what takes longer than the stop timeout is cut off, told, and handled again", async () => {
    await Promise.all(
      crewsOf("cuts", { TAKES: "60000" }).map(async ({ crew, runtime }) => {
        const worker = crew.start(runtime, { args: ["--stop-timeout", "2s"] });
        await crew.settled("work", 2);
        await until(() => worker.did("ran").length > 0);
        await produce(kafka.brokers, crew.topic("work"), work("long", 60_000));
        await until(() => worker.did("begun").length > 0);
        worker.kill("SIGTERM");
        const from = Date.now();
        assert.deepEqual(await worker.exit, { code: 0, signal: null }, worker.output());
        assert.ok(Date.now() - from < 30_000, worker.output());
        const cut = worker.stderr.filter((line) => /Cut off after 2s/.test(line)).join("\n");
        assert.match(cut, /The run of timer run at .*Z was in hand for .*: what it sent is not published/);
        assert.match(cut, /The handler of work had cuts-.*-work\[\d\] at offset 0 in hand for .*: it is handled again/);
        const next = crew.start(runtime);
        await until(() => next.did("begun").some(({ id }) => id === "long"));
        assert.deepEqual(await crew.stored("done"), []);
      }),
    );
  });

  const frozen = t.test("a run that was frozen for longer than its lease reads so at once", async () => {
    await Promise.all(
      crewsOf("thaws", { TAKES: "60000" }).map(async ({ crew, runtime }) => {
        const worker = crew.start(runtime);
        await until(() => worker.did("ran").length > 0, { within: 40_000 });
        worker.freeze();
        // What is tested is the passing of this time.
        await sleep(7500);
        worker.thaw();
        await until(() => worker.did("thawed").length > 0);
        assert.deepEqual(worker.did("thawed").map(({ id }) => id), ["true"], worker.output());
      }),
    );
  });
  await Promise.all([finishes, cuts, frozen]);
});
