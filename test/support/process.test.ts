import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { run } from "./process.ts";
import { runtimes } from "./runtimes.ts";
import { until } from "./until.ts";

const folder = mkdtempSync(join(tmpdir(), "mephisto-process-"));
after(() => rmSync(folder, { recursive: true }));

/** A script in a file of its own. */
function script(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

const patient = script(
  "patient.ts",
  `import process from "node:process";
  const tick = setInterval(() => {}, 1000);
  process.once("SIGINT", () => { console.error("interrupted"); clearInterval(tick); process.exitCode = 3; });
  console.log("ready", process.env.NODE_ENV, process.env.GREETING, process.argv.slice(2).join("+"));`,
);

/** Whether a process with this pid runs; one that has ended and was not collected yet does not. */
const runs = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

for (const runtime of runtimes) {
  test(`a program on ${runtime} gets its words, its environment and its signals`, async () => {
    const program = run(runtime, patient, ["a", "b"], { env: { GREETING: "hello" } });
    await program.waitFor(/^ready undefined hello a\+b$/);
    program.kill("SIGINT");
    await program.waitFor((line) => line.stream === "stderr" && line.text === "interrupted");
    assert.deepEqual(await program.exit, { code: 3, signal: null });
    assert.equal(program.stdout.length, 1);
    await assert.rejects(program.waitFor(/never/), /the program has ended without \/never\/[\s\S]*interrupted/);
  });
}

test("waiting for a line ends with the whole output when its time is up", async () => {
  const program = run("node", patient);
  await program.waitFor(/^ready/);
  await assert.rejects(program.waitFor(/never/, 50), /50 ms have passed without \/never\/[\s\S]* {2}ready undefined/);
  program.kill("SIGKILL");
  assert.deepEqual(await program.exit, { code: null, signal: "SIGKILL" });
});

test("programs die with the process that has started them, even when it is killed", async () => {
  const parent = run(
    "node",
    script(
      "parent.ts",
      `import { run } from ${JSON.stringify(new URL("./process.ts", import.meta.url).href)};
      const child = run("node", ${JSON.stringify(patient)});
      await child.waitFor(/^ready/);
      console.log("child", child.pid);
      setInterval(() => {}, 1000);`,
    ),
  );
  const pid = Number((await parent.waitFor(/^child/)).text.split(" ")[1]);
  assert.ok(runs(pid));
  parent.kill("SIGKILL");
  await until(() => !runs(pid));
});

test("until says what was last seen", async () => {
  let calls = 0;
  assert.equal(await until(() => ++calls === 3 && "third", { every: 1 }), "third");
  await assert.rejects(until(() => ({ n: 1 }).n > 1, { within: 20, every: 1 }), /within 20 ms; last seen: false/);
  await assert.rejects(until(() => Promise.reject(new Error("no")), { within: 20, every: 1 }), /it threw Error: no/);
  await assert.rejects(until(() => new Promise(() => {}), { within: 20 }), /has not come back/);
});
