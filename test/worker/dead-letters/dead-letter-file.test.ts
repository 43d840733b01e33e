import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { keepInFile } from "../../../src/worker/dead-letters/file.ts";
import { executable, root } from "../../support/runtimes.ts";

const folder = mkdtempSync(join(tmpdir(), "mephisto-dead-"));
test.after(() => rmSync(folder, { recursive: true }));

test("lines are appended to the topic's file, in a folder that is made, for this user alone", async () => {
  const into = join(folder, "made", "here");
  const path = await keepInFile(into)("jobs", "1");
  await Promise.all(["2", "3"].map((line) => keepInFile(into)("jobs", line.repeat(2_000_000))));
  assert.equal(path, join(into, "jobs.dead.jsonl"));
  const lines = readFileSync(path, "utf8").split("\n").map((line) => new Set(line).size * line.length).sort((a, b) =>
    a - b
  );
  assert.deepEqual(lines, [0, 1, 2_000_000, 2_000_000], "each in one piece");
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("the longest name of a topic has a file too", async () => {
  const path = await keepInFile(folder)("x".repeat(249), "1");
  assert.match(path, /x{200}.*\.dead\.jsonl$/);
});

test("what a full disk has torn does not spoil the next line", { skip: !existsSync("/dev/full") }, async () => {
  const path = join(folder, "torn.dead.jsonl");
  symlinkSync("/dev/full", path);
  const keep = keepInFile(folder);
  await assert.rejects(keep("torn", "1"), /ENOSPC|No space/i);
  rmSync(path);
  writeFileSync(path, "part of 1"); // as much as there was room for
  for (const line of ["2", "3"]) await keep("torn", line);
  assert.equal(readFileSync(path, "utf8"), "part of 1\n2\n3\n");
});

test("where nothing can be written it says so", async () => {
  writeFileSync(join(folder, "file"), "");
  await assert.rejects(keepInFile(join(folder, "file", "inside"))("jobs", "1"), /ENOTDIR|Not a directory|EEXIST/);
});

test("Deno without the permission to write asks nobody, and refuses", () => {
  const code = `import { keepInFile } from ${JSON.stringify(join(root, "src/worker/dead-letters/file.ts"))};
    await keepInFile(${JSON.stringify(folder)})("denied", "1").catch((error) => console.log(error.message));`;
  const script = join(folder, "denied.ts");
  writeFileSync(script, code);
  const { stdout, stderr } = spawnSync(executable("deno"), ["run", "--no-check", "--allow-read", script], {
    encoding: "utf8",
  });
  assert.match(stdout, /denied\.dead\.jsonl is not allowed \(--allow-write\)/, stderr);
  assert.ok(!readdirSync(folder).includes("denied.dead.jsonl"));
});
