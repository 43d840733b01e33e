import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { needMain, planLaunch } from "../../../src/cli/launch/launch.ts";
import { readRequest } from "../../../src/cli/request.ts";
import { UsageError } from "../../../src/cli/args/parse.ts";
import { runScript } from "../../../src/cli/script.ts";
import { VERSION } from "../../../src/cli/version.ts";
import { runtime } from "../../../src/runtime/info.ts";
import { exampleDefinition, FakeHost, FakeTerminal } from "../fake.ts";

const words = (text: string) => text === "" ? [] : text.split(" ");

test("the version is that of both manifests", () => {
  for (const manifest of ["package.json", "deno.json"]) {
    const { version } = JSON.parse(readFileSync(new URL(`../../../${manifest}`, import.meta.url), "utf8"));
    assert.equal(VERSION, version, manifest);
  }
});

test("mephisto hands a script its command and flags", () => {
  const run = (text: string) => readRequest(words(text));
  const plain = { kind: "run", script: "a.ts", words: ["worker", "-l", "info"], runtime: undefined };
  assert.deepEqual(run("worker a.ts -l info"), plain);
  for (const text of ["worker a.ts -l info --runtime bun", "--runtime=bun worker a.ts -l info"]) {
    assert.deepEqual(run(text), { ...plain, runtime: "bun" });
  }
  const after = { kind: "run", script: "a.ts", words: ["send", "--", "say", "--runtime"], runtime: undefined };
  assert.deepEqual(run("send a.ts -- say --runtime"), after);
  for (const text of ["", "--help", "-h", "help", "worker --help"]) assert.deepEqual(run(text), { kind: "help" });
  for (const text of ["--version", "-V"]) assert.deepEqual(run(text), { kind: "version" });
});

const mistakes = {
  "wroker a.ts": 'Unknown command "wroker". Did you mean worker?',
  "--hlp": 'Unknown flag "--hlp".',
  "a.ts worker": "Say the command first: mephisto worker a.ts.",
  "worker": "Which script? The command is followed by its file: mephisto worker <script.ts> [flags].",
  "list -l a.ts": "Which script? The command is followed by its file: mephisto list <script.ts> [flags].",
  "worker a.ts --runtime": "--runtime needs a value: bun, deno, node.",
};
for (const [text, message] of Object.entries(mistakes)) {
  test(`mephisto ${text}: ${message}`, () => {
    assert.throws(() => readRequest(words(text)), (error) => error instanceof UsageError && error.message === message);
  });
}

test("mephisto knows the commands that a script has", async () => {
  for (const command of Object.keys(COMMANDS)) {
    const terminal = new FakeTerminal([command, "--help"]);
    assert.equal(await runScript(exampleDefinition(), new FakeHost(), terminal), 0);
  }
});

test("the runtime that runs mephisto runs the script", () => {
  const script = "examples/master.ts";
  const launch = planLaunch(script, ["list"], undefined, "");
  assert.equal(launch.runtime, runtime().name);
  assert.equal(launch.program, process.execPath);
  const args = { bun: ["run", script, "list"], deno: ["run", "-A", script, "list"], node: [script, "list"] };
  assert.deepEqual(launch.args, args[runtime().name]);
});

test("a script that is not there and a runtime that nobody knows are clear errors", () => {
  assert.throws(() => planLaunch("no.ts", [], undefined, ""), { message: 'There is no file "no.ts".' });
  assert.throws(() => planLaunch("examples/master.ts", [], "dino", ""), {
    message: '--runtime: "dino" is none of bun, deno, node. Did you mean deno?',
  });
});

test("a file without main() is a clear error before it is run; whatever calls it with its import.meta is none", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mephisto-main-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "f.ts");
  const without = [
    "",
    "export default app('a');",
    "app('a');\n  // await a.main(import.meta);\n",
    "console.log(import.meta.url);",
  ];
  for (const code of without) {
    writeFileSync(file, code);
    assert.throws(
      () => needMain(file),
      (error) => error instanceof UsageError && error.message.startsWith(`${file} has no command line: `),
      code,
    );
  }
  const calls = [
    "await a.main(import.meta);",
    "if (import.meta.main) a.main(import . meta)",
    'const glob = "/*"; main(import.meta)',
  ];
  for (const code of calls) {
    writeFileSync(file, code);
    needMain(file);
  }
});
