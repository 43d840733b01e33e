/** `broker --data` and plain workers, of whose outputs nothing is lost when the broker is killed. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readTopic } from "../support/kafkajs-oracle.ts";
import { freePorts } from "../support/ports.ts";
import { run } from "../support/process.ts";
import { type Runtime, runtimes } from "../support/runtimes.ts";
import { until } from "../support/until.ts";

test("without a folder a worker begins anew with the next broker, which says that it keeps nothing", {
  timeout: 60_000,
}, async (t) => {
  const [port = 0] = await freePorts(1);
  const begin = async () => {
    const broker = run("bun", "examples/master.ts", [
      "broker",
      "--port",
      `${port}`,
      "--set",
      "group.min.session.timeout.ms=1000",
    ]);
    await broker.waitFor(/Speaks Kafka's protocol/, 20_000);
    return broker;
  };
  let broker = await begin();
  const words = ["worker", "-p", "0", "--url", `kafka://127.0.0.1:${port}`, "--session-timeout", "2s"];
  const worker = run("node", "examples/master.ts", words);
  t.after(() => {
    for (const program of [worker, broker]) program.kill("SIGKILL");
  });
  await worker.waitFor(/^0\.\d+$/, 20_000);
  broker.kill("SIGKILL");
  await broker.exit;
  broker = await begin();
  const { at } = await worker.waitFor(/The broker keeps everything in memory and has been started again/, 20_000);
  await worker.waitFor((line) => line.at > at && /^0\.\d+$/.test(line.text), 20_000);
});

test("workers go on over kill -9 of a broker with a folder, whatever runtime it comes back on", {
  timeout: 120_000,
}, async (t) => {
  const data = mkdtempSync(join(tmpdir(), "mephisto-data-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const [port = 0] = await freePorts(1);
  const begin = async (on: Runtime) => {
    const broker = run(on, "examples/master.ts", ["broker", "--port", `${port}`, "--data", data]);
    await broker.waitFor(/Speaks Kafka's protocol/, 20_000);
    return broker;
  };
  let broker = await begin("bun");
  const worker = ["worker", "-p", "0", "--url", `kafka://127.0.0.1:${port}`];
  const workers = runtimes.map((runtime) => run(runtime, "examples/master.ts", worker));
  t.after(() => {
    for (const program of [...workers, broker]) program.kill("SIGKILL");
  });
  const printed = () => workers.flatMap(({ stdout }) => stdout.filter((line) => /^0\.\d+$/.test(line)));
  await until(() => printed().length >= 1, { within: 30_000 });
  for (const runtime of runtimes) {
    const before = printed().length;
    broker.kill("SIGKILL");
    await broker.exit;
    broker = await begin(runtime);
    await until(() => printed().length >= before + 1, { within: 30_000 });
  }
  const masters = workers.filter(({ stdout }) => stdout.includes("PUBLISHING ON MASTER!"));
  for (const program of workers) program.kill("SIGINT");
  for (const program of workers) assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
  assert.equal(masters.length, 1, "mastership stays");
  const stored = (await readTopic([`127.0.0.1:${port}`], "master-example-say")).map(({ value }) => String(value));
  assert.deepEqual(printed().sort(), stored.sort());
  broker.kill("SIGINT");
  assert.deepEqual(await broker.exit, { code: 0, signal: null }, broker.output());
});
