/** The example, with nothing but this package: `dev` with its own broker. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { freePorts } from "../support/ports.ts";
import { run } from "../support/process.ts";
import { until } from "../support/until.ts";

/** The processes that have something in their command lines. */
function programs(part: string): { pid: number; args: string }[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid,args"], { encoding: "utf8" });
  return stdout.split("\n").map((line) => /^ *(\d+) (.*)$/.exec(line)).filter((line) => line !== null)
    .map(([, pid, args = ""]) => ({ pid: Number(pid), args }))
    .filter(({ args }) => args.includes(part) && !args.startsWith("/bin/sh"));
}

for (const on of ["bun", "node"] as const) {
  test(`the example under dev on ${on}: ticks are published and handled, another master takes over, all ends`, {
    timeout: 120_000,
  }, async () => {
    const [broker = 0, web = 0] = await freePorts(2);
    const words = ["dev", "--port", `${broker}`, "-p", `${web}`, "--runtime", "bun,deno,node"];
    const dev = run(on, "examples/master.ts", words);
    await dev.waitFor(/^dev +\| A broker on bun at 127\.0\.0\.1:\d+, for development; everything is kept in memory\./);
    await dev.waitFor(/^dev +\| In other terminals: npx (bun run|node) examples\/master\.ts worker -p 0 --url kafka/);
    const brokers = () => programs(`broker --port ${broker} `);
    const own = await until(() => brokers()[0]);
    assert.match(own.args, /^\S*bun\S* run \S+(cli\.mjs|bin\.ts) broker/, "it needs no script");
    const { text, at } = await dev.waitFor(/is the master.* kill -9 \d+/, 30_000);
    await dev.waitFor(/\| PUBLISHING ON MASTER!/);
    await dev.waitFor(/\| 0\.\d+$/);
    const pid = Number(/-9 (\d+)/.exec(text)?.[1]);
    process.kill(pid, "SIGKILL");
    await dev.waitFor((line) => line.at > at && /was killed by SIGKILL/.test(line.text));
    const next = await dev.waitFor((line) => line.at > at && /is the master/.test(line.text), 30_000);
    await dev.waitFor((line) => line.at > next.at && /\| 0\.\d+$/.test(line.text));
    const shared = /^dev +\| 3 workers share 8 partitions: worker\.1 has \d, worker\.2 \d, worker\.3 \d\.$/;
    const settled = await dev.waitFor((line) => line.at > at && shared.test(line.text), 30_000);
    assert.ok(dev.lines.filter((line) => line.at < at && !/\| (PUBL|0\.)/.test(line.text)).length <= 10, dev.output());

    // All that it knew was in its memory: the journal too, without which no worker of before would tick again.
    for (const { pid } of brokers()) process.kill(pid, "SIGKILL");
    const anew = await dev.waitFor(/the workers begin anew/);
    assert.ok(anew.at > settled.at);
    const ticked = await dev.waitFor((line) => line.at > anew.at && /PUBLISHING ON MASTER/.test(line.text), 30_000);
    await dev.waitFor((line) => line.at > ticked.at && /\| 0\.\d+$/.test(line.text));

    dev.kill("SIGINT");
    assert.deepEqual(await dev.exit, { code: 0, signal: null }, dev.output());
    const ended = programs(`worker -l info --url kafka://127.0.0.1:${broker}`);
    assert.deepEqual(ended, []);
  });
}
