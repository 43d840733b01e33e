import assert from "node:assert/strict";
import { test } from "node:test";
import { onDevBroker, startKafkaFor } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { greetedAll, handledAll, onceASlot } from "./checks.ts";
import { clusterOf } from "./cluster.ts";

const warnings = /^\S+ (warn|error) /;

test("workers without a broker, with it, and while it restarts", { timeout: 120_000 }, async (t) => {
  const kafka = await startKafkaFor(t);
  await kafka.kill9();
  const cluster = clusterOf(kafka, "broker");
  t.after(() => cluster.end());

  await t.test("no broker: one clear line, not ready, healthy; Ctrl-C works; the others begin when it appears", async () => {
    const runtimes = ["bun", "deno", "node"] as const;
    const workers = runtimes.map((runtime) => cluster.start(runtime));
    const leavers = runtimes.map((runtime) => cluster.start(runtime));
    const flagged = cluster.start("node", { args: ["--url", kafka.url] });
    await Promise.all([...workers, ...leavers, flagged].map(async (worker) => {
      const { text } = await worker.waitFor(/ warn /, 30_000);
      assert.ok(text.includes(`127.0.0.1:${kafka.port}`), text);
      assert.match(text, worker === flagged ? /from --url\b/ : /from MEPHISTO_URL\b/);
      assert.match(text, /Start Kafka there, or give another/);
      assert.equal(await worker.http("/ready"), 503);
      assert.equal(await worker.http("/health"), 200);
    }));
    const at = performance.now();
    await Promise.all([...leavers, flagged].map(async (worker) => {
      worker.kill("SIGINT");
      assert.deepEqual(await worker.exit, { code: 0, signal: null }, worker.output());
    }));
    assert.ok(performance.now() - at < 10_000);
    await kafka.restart();
    await cluster.settled();
    await greetedAll(cluster);
    for (const worker of workers) {
      const lines = worker.stderr.filter((line) => warnings.test(line));
      assert.equal(lines.length, 1, `one line in the while without a broker\n${worker.output()}`);
    }
  });

  for (const hard of [false, true]) {
    await t.test(`the broker ${hard ? "is killed and started again" : "restarts"}: all carry on, no message is lost`, async () => {
      const before = cluster.workers.map(({ lines }) => lines.length);
      const stream = await cluster.steady("work", 20);
      await until(() => stream.sent.size > 20);
      await stream.stop();
      await kafka.restart({ hard });
      const back = Date.now();
      const more = await cluster.steady("work", 20);
      await until(() => more.sent.size > 100, { within: 30_000 });
      await more.stop();
      await handledAll(cluster, [...stream.sent.keys(), ...more.sent.keys()]);
      await cluster.settled();
      const later = await until(async () => {
        const found = (await cluster.ticks()).filter(({ slot }) => slot > back);
        return found.length > 3 && found;
      }, { within: 20_000 });
      onceASlot(await cluster.ticks(), 500);
      await greetedAll(cluster);
      assert.equal(new Set(later.slice(-3).map(({ pid }) => pid)).size, 1);
      for (const [index, worker] of cluster.workers.entries()) {
        const lines = worker.lines.slice(before[index]).filter(({ stream }) => stream === "stderr");
        const outage = lines.filter(({ text }) => /Cut off|answers again|answers after/.test(text));
        const restOf = lines.filter(({ text }) =>
          warnings.test(text) && !/Cut off|Lost|removed|[Tt]imer publish/.test(text)
        );
        if (worker.stderr.at(-1)?.includes("Stopped")) continue;
        // The dev broker is back before there is anything to tell.
        const isShort = onDevBroker && outage.length === 0;
        assert.ok(isShort || outage.length === 2, `one line when it goes, one when it is back\n${worker.output()}`);
        assert.deepEqual(restOf, [], worker.output());
      }
    });
  }
});
