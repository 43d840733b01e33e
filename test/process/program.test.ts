import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kafkaForTests } from "../support/kafka.ts";
import { createTopic, describeGroup, produce, readTopic } from "../support/kafkajs-oracle.ts";
import { freePorts } from "../support/ports.ts";
import { type Program, run } from "../support/process.ts";
import type { Runtime } from "../support/runtimes.ts";
import { until } from "../support/until.ts";
import { handledOnce } from "./checks.ts";
import { clusterOf, uniqueApp } from "./cluster.ts";

const all = ["bun", "deno", "node"] as const;
const clean = { code: 0, signal: null };

test("the package in programs, and the script's own command line", {
  timeout: 120_000,
  concurrency: 3,
}, async (t) => {
  const kafka = await kafkaForTests();
  const programs: Program[] = [];
  t.after(() => {
    for (const program of programs) program.kill("SIGKILL");
  });
  const start = (runtime: Runtime, script: string, args: string[], env: Record<string, string>) => {
    const program = run(runtime, `test/process/fixtures/${script}.ts`, args, { env });
    programs.push(program);
    return program;
  };
  const [nobody = 0] = await freePorts(1);

  const send = t.test("a send connects on first use, and the program ends after stop()", async () => {
    const app = uniqueApp("sender");
    await createTopic(kafka.brokers, `${app}-greet`, { partitions: 2 });
    await Promise.all(all.map(async (runtime) => {
      const program = start(runtime, "sender", [], { MEPHISTO_URL: kafka.url, APP: app });
      assert.deepEqual(await program.exit, clean, program.output());
      assert.deepEqual(program.stdout, ["sent", "stopped"]);
      assert.deepEqual(program.stderr, []);
    }));
    const values = (await readTopic(kafka.brokers, `${app}-greet`)).map(({ value }) => String(value));
    assert.deepEqual(values, all.map(() => '"from a program"'));
  });

  const many = t.test("a dozen apps live in one process, and no runtime warns of anything", async () => {
    await Promise.all(all.map(async (runtime) => {
      const program = start(runtime, "many", [], { MEPHISTO_URL: kafka.url, APP: uniqueApp("many") });
      assert.deepEqual(await program.exit, clean, program.output());
      assert.deepEqual([program.stdout, program.stderr], [["12 started", "stopped"], []]);
    }));
  });

  const unreachable =
    t.test("a send with nobody at the address says so at once, and fails with UNREACHABLE", async () => {
      await Promise.all(all.map(async (runtime) => {
        const program = start(runtime, "sender", [], { MEPHISTO_URL: `kafka://127.0.0.1:${nobody}` });
        const said = await program.waitFor(
          /^mephisto .*: No broker answers at .* \(connection refused\)\. What is sent to/,
        );
        assert.equal(said.stream, "stderr");
        const { text, at } = await program.waitFor(/^failed/, 25_000);
        assert.equal(text, "failed UNREACHABLE");
        assert.ok(at - said.at > 9000, "it is tried for ten seconds, and said within the first of them");
        assert.deepEqual(await program.exit, clean, program.output());
      }));
    });

  const embedded = t.test("a worker inside another program starts, stops, and starts again", async () => {
    await Promise.all(all.map(async (runtime) => {
      const app = uniqueApp("embedded");
      const program = start(runtime, "embedded", [], { MEPHISTO_URL: kafka.url, APP: app });
      for (const round of [1, 2]) {
        await program.waitFor(new RegExp(`^started ${round}`), 20_000);
        await program.waitFor((line) => line.text.startsWith("greeted ") && line.text.includes(`round ${round}`));
        program.kill("SIGUSR2");
        await program.waitFor(new RegExp(`^stopped ${round}`));
      }
      assert.deepEqual(await program.exit, clean, program.output());
      // But for what a machine that is busy makes of a timer.
      const told = program.stderr.filter((line) => !/ Timer publish /.test(line));
      assert.deepEqual(told, [], "a library prints nothing");
      assert.deepEqual((await describeGroup(kafka.brokers, app)).members, []);
    }));
  });

  const again = t.test("a second Ctrl-C ends at once, a repetition within 300 ms does not", async (t) => {
    const clusters = all.map((runtime) => {
      const cluster = clusterOf(kafka, "twice");
      t.after(() => cluster.end());
      return { cluster, worker: cluster.start(runtime) };
    });
    await Promise.all(clusters.map(async ({ cluster, worker }) => {
      await cluster.settled();
      await produce(kafka.brokers, cluster.topic("work"), [{ value: JSON.stringify({ id: "long", takes: 30_000 }) }]);
      await worker.waitFor(/^begun/);
      // Both at once: a busy machine may take 300 ms to tell of the first.
      worker.kill("SIGINT");
      worker.kill("SIGINT");
      await worker.waitFor(/Stopping after SIGINT/);
      // What is tested is that this time makes two of one.
      await sleep(450);
      await worker.status();
      worker.kill("SIGINT");
      assert.deepEqual(await worker.exit, { code: 130, signal: null }, worker.output());
      assert.deepEqual(worker.events("handled"), []);
    }));
  });

  const fixed = t.test("a worker with an instance id that restarts quickly moves no partition", async (t) => {
    const cluster = clusterOf(kafka, "static");
    t.after(() => cluster.end());
    // A busy machine may take longer than the default session over a start.
    const begin = (runtime: Runtime, id: string) =>
      cluster.start(runtime, { args: ["--instance-id", id, "--session-timeout", "12s"] });
    for (const runtime of all) begin(runtime, `on-${runtime}`);
    const before = await cluster.settled();
    // The first master waits for a session: one of the same name might be frozen.
    await until(async () => (await cluster.ticks()).length > 0, { within: 30_000 });
    const master = await cluster.master();
    const leaver = cluster.workers.find(({ pid }) => pid !== master.pid);
    assert.ok(leaver);
    const { group: { generation } } = await master.status();
    const stream = await cluster.steady("work", 50);
    await until(() => stream.sent.size > 10);
    leaver.kill();
    assert.deepEqual(await leaver.exit, clean, leaver.output());
    const back = begin("node", `on-${leaver.runtime}`);
    const after = await cluster.settled();
    await stream.stop();
    assert.deepEqual(after.get(back), before.get(leaver));
    for (const [worker, share] of before) if (worker !== leaver) assert.deepEqual(after.get(worker), share);
    assert.equal((await master.status()).group.generation, generation, "nothing has been rebalanced");
    await handledOnce(cluster, [...stream.sent.keys()]);
    assert.equal((await cluster.master()).pid, master.pid);
  });

  const line =
    t.test("the command line: a taken port, send, log lines in JSON, passwords kept to itself", async (t) => {
      const taken = createServer().listen(0, "127.0.0.1");
      await once(taken, "listening");
      t.after(() => taken.close());
      const address = taken.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const cluster = clusterOf(kafka, "line");
      t.after(() => cluster.end());
      const worker = cluster.start("node", { args: ["--log-format", "json", "-l", "debug"] });
      await cluster.settled();
      const password = "very-s3cret";
      const secret = `kafka://someone:${password}@127.0.0.1`;
      await Promise.all(all.map(async (runtime) => {
        const refused = start(runtime, "crew", ["worker", "-p", String(port)], { MEPHISTO_URL: kafka.url });
        assert.deepEqual(await refused.exit, { code: 1, signal: null }, refused.output());
        assert.equal(refused.stderr.length, 1, refused.output());
        assert.match(refused.stderr[0] ?? "", new RegExp(`\\b${port}\\b.*--web-port`));

        const value = JSON.stringify(`sent by ${runtime}`);
        const sender = start(runtime, "crew", ["send", "greet", value], { MEPHISTO_URL: kafka.url, APP: cluster.app });
        assert.deepEqual(await sender.exit, clean, sender.output());
        await until(() => worker.events("greeted").some(({ id }) => id === value));

        const debug = ["worker", "-p", "0", "-l", "debug"];
        const urls = [`${secret}:${nobody}`, `${secret}:${kafka.url.split(":").at(-1)}`, `${secret}:nonsense`];
        await Promise.all(urls.map(async (url) => {
          const keeper = start(runtime, "crew", [...debug, "--url", url], { APP: uniqueApp("secret") });
          await keeper.waitFor(({ text }) =>
            /kafka:\/\/|127\.0\.0\.1:\d+ /.test(text) && /warn|error|address/.test(text)
          );
          keeper.kill("SIGKILL");
          await keeper.exit;
          assert.ok(!keeper.output().split("\n").slice(1).join("\n").includes(password), keeper.output());
        }));
      }));
      for (const text of worker.stderr) {
        const { time, level, message, worker: name } = JSON.parse(text);
        assert.ok(!Number.isNaN(Date.parse(time)) && /^(debug|info|warn|error)$/.test(level), text);
        assert.ok(typeof message === "string" && name.includes(String(worker.pid)), text);
      }
    });
  await Promise.all([send, many, unreachable, embedded, again, fixed, line]);
});
