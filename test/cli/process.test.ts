/** The command line of a whole process, with a worker that does nothing: how it stops, and with which exit code. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runtime } from "../../src/runtime/info.ts";
import { type Program, run } from "../support/process.ts";

const folder = mkdtempSync(join(tmpdir(), "mephisto-cli-"));
after(() => rmSync(folder, { recursive: true }));

const start = (words: readonly string[], env: Record<string, string> = {}): Program =>
  run(runtime().name, "test/cli/process.ts", words, { env });
const worker = async (env: Record<string, string> = {}): Promise<Program> => {
  const program = start(["worker", "-p", "0"], env);
  await program.waitFor(/Web port at/);
  return program;
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`a worker ends by itself after ${signal}, with exit code 0`, async () => {
    const program = await worker();
    program.kill(signal);
    assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
    assert.deepEqual(program.stdout, ["main has settled"]);
    assert.ok(program.stderr.some((line) => line.includes(`Stopping after ${signal}`)));
  });
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  test(`a second signal ends a worker at once: ${signal} with exit code ${code}`, async () => {
    const program = await worker({ SLOW_STOP: "1" });
    program.kill("SIGTERM");
    await program.waitFor(/Stopping after SIGTERM/);
    await pause(320); // within 300 ms it would be the same one
    program.kill(signal);
    assert.deepEqual(await program.exit, { code, signal: null }, program.output());
    assert.deepEqual(program.stdout, []);
  });
}

test("a program that keeps something open is ended all the same", async () => {
  const program = await worker({ KEEP_OPEN: "1" });
  program.kill();
  await program.waitFor(/main has settled/);
  assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
});

test("a worker that cannot go on ends with exit code 1 and one line, whatever the level", async () => {
  const program = start(["-p", "0", "-l", "silent"], { FAILS: "mephisto" });
  assert.deepEqual(await program.exit, { code: 1, signal: null }, program.output());
  assert.equal(program.stderr.length, 1);
  assert.match(program.stderr.join(), / error The group is gone\.$/);
});

test("a mistake ends with exit code 2, what only prints with 0", async () => {
  for (const [words, code] of [["wroker", 2], ["worker --web-port x", 2], ["--version", 0], ["list", 0]] as const) {
    const program = start(words.split(" "));
    assert.deepEqual(await program.exit, { code, signal: null }, program.output());
  }
});

test("the environment is read, and the log goes to a file; what ends the worker is told in both", async () => {
  const file = join(folder, "worker.log");
  const env = { MEPHISTO_LOGFILE: file, MEPHISTO_LOG_FORMAT: "json", MEPHISTO_WEB_PORT: "0", FAILS: "mephisto" };
  const program = start([], env);
  assert.deepEqual(await program.exit, { code: 1, signal: null }, program.output());
  assert.deepEqual(program.stderr, ["The group is gone."]);
  const messages = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line).message);
  assert.match(messages[0], /^Worker /);
  assert.ok(messages.includes("The group is gone."));
});
