import assert from "node:assert/strict";
import { test } from "node:test";
import { actor, app } from "mephisto";
import { delay } from "../../src/core/delay.ts";
import { readTopic } from "../support/kafkajs-oracle.ts";
import { kafkaSkip } from "../support/kafka.ts";
import { startCluster } from "../support/kafka-cluster.ts";
import { run } from "../support/process.ts";
import { runtimes } from "../support/runtimes.ts";
import { until } from "../support/until.ts";

test("three brokers, of which two die in turn: leaders and the coordinator move, nothing is lost or sent twice", {
  skip: kafkaSkip,
  timeout: 120_000,
}, async () => {
  const cluster = await startCluster();
  const id = "cluster-test";
  const sender = app(id, { url: cluster.url, valueSerializer: "text" });
  const numbers = actor(sender, { name: "numbers" }, async (stream) => {
    for await (const _ of stream);
  });
  try {
    const workers = runtimes.map((runtime) =>
      run(runtime, "test/process/fixtures/counter.ts", ["worker", "--without-web"], {
        env: { APP_ID: id, MEPHISTO_URL: cluster.url },
      })
    );
    await Promise.all(workers.map((worker) => worker.waitFor(/Assigned/, 30_000)));

    let sent = 0;
    let over = false;
    const sending = (async () => {
      while (!over) {
        await Promise.all(
          Array.from({ length: 50 }, () => numbers.send({ value: String(sent), key: `k${sent++ % 100}` })),
        );
        // So many a second as are needed: all that is sent more only keeps the machine busy.
        await delay(20);
      }
    })();
    for (const [node, signal] of [[2, "SIGKILL"], [3, "SIGTERM"]] as const) {
      let mark = sent;
      await until(() => sent > mark + 1000, { within: 20_000 });
      await cluster.end(node, signal);
      mark = sent;
      await until(() => sent > mark + 1000, { within: 30_000 });
      await cluster.begin(node);
    }
    over = true;
    await sending;

    const stored = (await readTopic(cluster.brokers, numbers.topic)).map(({ value }) => String(value));
    assert.equal(stored.length, sent);
    assert.equal(new Set(stored).size, sent);
    const handled = () => new Set(workers.flatMap(({ stdout }) => stdout.filter((line) => /^\d+$/.test(line)))).size;
    await until(() => handled() === sent, { within: 30_000 });
    const inOrder = (await readTopic(cluster.brokers, numbers.topic)).reduce((last, { key, value, partition }) => {
      const id = `${partition}/${key}`;
      assert.ok(Number(value) > (last.get(id) ?? -1), `${id} goes back to ${value}`);
      return last.set(id, Number(value));
    }, new Map<string, number>());
    assert.ok(inOrder.size >= 100);
    for (const worker of workers) worker.kill();
    for (const worker of workers) assert.deepEqual(await worker.exit, { code: 0, signal: null }, worker.output());
  } finally {
    await sender.stop();
    await cluster.stop();
  }
});
