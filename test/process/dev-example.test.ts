/** The example, with nothing but this package: `dev` with its own broker. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { freePorts } from "../support/ports.ts";
import { run } from "../support/process.ts";
import { until } from "../support/until.ts";

/** The command lines of the processes that have something in theirs. */
function programs(part: string): string {
  const { stdout } = spawnSync("ps", ["-eo", "args"], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line.includes(part) && !line.startsWith("/bin/sh")).join("\n");
}

for (const on of ["bun", "node"] as const) {
  test(`the example under dev on ${on}: ticks are published and handled, another master takes over, all ends`, {
    timeout: 120_000,
  }, async () => {
    const [broker = 0, web = 0] = await freePorts(2);
    const words = ["dev", "--port", `${broker}`, "-p", `${web}`, "--runtime", "bun,deno,node"];
    const dev = run(on, "examples/master.ts", words);
    await dev.waitFor(/^dev +\| The broker runs on Bun/);
    await dev.waitFor(/^broker +\| Speaks Kafka's protocol/);
    await dev.waitFor(/^broker +\| In other terminals: (bun run|node) examples\/master\.ts worker -p 0 --url kafka/);
    assert.match(
      programs(`broker --port ${broker} `),
      /^\S*bun\S* run \S+(cli\.mjs|bin\.ts) broker/,
      "it needs no script",
    );
    const { text, at } = await dev.waitFor(/is the master.* kill -9 \d+/, 30_000);
    await dev.waitFor(/\| PUBLISHING ON MASTER!/);
    await dev.waitFor(/\| 0\.\d+$/);
    const pid = Number(/-9 (\d+)/.exec(text)?.[1]);
    process.kill(pid, "SIGKILL");
    await dev.waitFor((line) => line.at > at && /was killed by SIGKILL/.test(line.text));
    const next = await dev.waitFor((line) => line.at > at && /is the master/.test(line.text), 30_000);
    await dev.waitFor((line) => line.at > next.at && /\| 0\.\d+$/.test(line.text));
    await until(() => dev.stderr.filter((line) => line.includes("Joined group")).length >= 4, { within: 30_000 });

    dev.kill("SIGINT");
    assert.deepEqual(await dev.exit, { code: 0, signal: null }, dev.output());
    // None of them had to be killed.
    assert.equal(dev.lines.filter(({ text }) => /^worker\.\d.* Stopped\b/.test(text)).length, 3, dev.output());
  });
}
