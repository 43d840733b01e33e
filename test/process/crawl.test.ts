/** The larger example under `dev`: all kinds of work run, on all runtimes, and go on under another master. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { freePorts } from "../support/ports.ts";
import { run } from "../support/process.ts";
import { until } from "../support/until.ts";

test("the crawler fetches, keeps, hears news, and goes on when its master is killed", {
  timeout: 120_000,
}, async () => {
  const [broker = 0, web = 0] = await freePorts(2);
  const words = ["dev", "--port", `${broker}`, "-p", `${web}`, "--runtime", "bun,deno,node"];
  const dev = run("bun", "examples/crawl.ts", words);
  for (const said of [/FETCHED Bread$/, /KEPT .*Roses/, /FETCHED News 1 of master 1$/, /FETCHED Front page of 20/]) {
    await dev.waitFor(said, 40_000);
  }
  const { text } = await dev.waitFor(/is the master.* kill -9 \d+/);
  process.kill(Number(/-9 (\d+)/.exec(text)?.[1]), "SIGKILL");
  await dev.waitFor(/FETCHED News 1 of master 2$/, 20_000);
  // A round of the new master.
  await until(async () => {
    const listed = run("bun", "examples/crawl.ts", ["timers", "--url", `kafka://127.0.0.1:${broker}`]);
    assert.deepEqual(await listed.exit, { code: 0, signal: null }, listed.output());
    return listed.stdout.some((line) => /^round +every 3s +the master +untilConsumed +\S+ +ok +2 /.test(line));
  }, { within: 20_000, every: 500 });
  dev.kill("SIGINT");
  assert.deepEqual(await dev.exit, { code: 0, signal: null }, dev.output());
  assert.doesNotMatch(dev.output(), / (error|fatal) /);
});
