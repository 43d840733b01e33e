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
    const program = await worker({ SLOW_STOP: "60000" });
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

// Bun does not say in whose promise it was.
const inOrders = runtime().name === "bun" ? "( in actor orders)?" : " in actor orders";
const WAYS = {
  rejection: `A rejected promise was handled by nobody${inOrders}: boom`,
  exception: `An exception was not caught${
    runtime().name === "deno" ? "( in actor orders)?" : " in actor orders"
  }: boom`,
  listener: "An exception was not caught in actor orders: boom",
};
for (const [way, sentence] of Object.entries(WAYS)) {
  test(`what a program throws to nobody is told, and ends the worker with exit code 1: ${way}`, async () => {
    const program = start(["worker", "-p", "0"], { UNCAUGHT: way });
    assert.deepEqual(await program.exit, { code: 1, signal: null }, program.output());
    const told = program.stderr.filter((line) => new RegExp(` error ${sentence}`).test(line));
    assert.equal(told.length, 1, program.output());
    assert.match(told.join(), /The worker finishes what it can, commits, and ends with exit code 1\.$/);
    assert.ok(program.stderr.some((line) => line.includes("test/cli/process.ts")), "with the stack");
    assert.ok(program.stderr.some((line) => line.endsWith(" info  Stopped")), program.output());
    assert.deepEqual(program.stdout, ["main has settled"]);
  });
}

for (const thrown of ["proxy", "prototype"]) {
  test(`so does something that cannot be described: ${thrown}`, async () => {
    const program = start(["worker", "-p", "0"], { UNCAUGHT: "rejection", THROWN: thrown });
    assert.deepEqual(await program.exit, { code: 1, signal: null }, program.output());
    assert.equal(program.stderr.filter((line) => / error A rejected promise/.test(line)).length, 1, program.output());
  });
}

test("a second one while the worker stops is told too, and the stop goes on", async () => {
  const program = start(["worker", "-p", "0", "--log-format", "json"], { UNCAUGHT: "twice", SLOW_STOP: "500" });
  assert.deepEqual(await program.exit, { code: 1, signal: null }, program.output());
  const told = program.stderr.map((line) => JSON.parse(line)).filter(({ level }) => level === "error");
  assert.deepEqual(told.map(({ message }) => /: (boom|again) \(/.exec(message)?.[1]), ["boom", "again"]);
  assert.ok(told.every(({ app, stack }) => app === "shop" && stack.includes("process.ts")));
  if (runtime().name !== "bun") assert.deepEqual(told.map(({ actor }) => actor), ["orders", "orders"]);
  assert.deepEqual(program.stdout, ["main has settled"]);
});

test("a send outside of handlers, timers and tasks that fails, and that nobody waits for, is told and ends nothing", async () => {
  const program = start(["worker", "-p", "0"], { UNCAUGHT: "unsent" });
  await program.waitFor(/ error A send that nobody waits for failed: No answer\.$/);
  program.kill();
  assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
  assert.equal(program.stderr.filter((line) => / error /.test(line)).length, 1, program.output());
});

test("a program that listens for them itself decides itself", async () => {
  const program = start(["worker", "-p", "0"], { UNCAUGHT: "rejection", LISTENS: "1" });
  await program.waitFor(/heard/);
  await pause(100);
  program.kill();
  assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
});
