import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { runtime } from "../../src/runtime/info.ts";
import { root } from "./runtimes.ts";
import { runJob } from "./test-job.ts";

const folder = mkdtempSync(join(tmpdir(), "mephisto-unit-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const begin = 'import { test } from "node:test";\n';
const codes = {
  good: `${begin}test("one", () => {});\ntest("two", { skip: true }, () => {});\nconsole.log(process.env.GIVEN);\n`,
  bad: `${begin}test("one", () => {});\ntest("two", () => { throw new Error("no"); });\n`,
  dead: `${begin}test("one", () => {});\nprocess.exit(3);\n`,
};
const run = (...names: (keyof typeof codes)[]) => {
  const files = names.map((name) => {
    const file = join(folder, `${name}.test.ts`);
    writeFileSync(file, codes[name]);
    return relative(root, file);
  });
  const report = join(folder, `${names.join("-")}.xml`);
  return runJob({ runtime: runtime().name, files, env: { GIVEN: "what was given" } }, { report, live: false });
};

test("tests are counted by outcome, and what they say is kept", async () => {
  const { counts, code, output } = await run("good");
  assert.deepEqual([counts, code], [{ passed: 1, failed: 0, skipped: 1 }, 0], output);
  assert.match(output, /what was given/);
  assert.deepEqual((await run("good", "bad")).counts, { passed: 2, failed: 1, skipped: 1 });
});

test("a program that dies counts as failed", async () => {
  const { counts, output } = await run("dead");
  assert.ok(counts.failed > 0, output);
});
