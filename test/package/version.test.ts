/** The version stands in several places: all agree, and one script sets them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { root } from "../support/runtimes.ts";

const FILES = ["package.json", "package-lock.json", "deno.json", "src/cli/version.ts", "CHANGELOG.md"];
const script = join(root, "scripts/version.mjs");
const node = process.versions.bun === undefined && !("Deno" in globalThis);

/** What the script prints in a folder. */
function versionsIn(folder: string, ...words: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...words], { cwd: folder, encoding: "utf8" });
  return { stderr, status, found: stdout.trim().split("\n").map((line) => line.split(": ")[1]) };
}

test("all places have one version, and the script sets them all", { skip: !node }, () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.deepEqual(versionsIn(root).found, Array(6).fill(version));
  const folder = mkdtempSync(join(tmpdir(), "mephisto-version-"));
  try {
    for (const file of FILES) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      cpSync(join(root, file), join(folder, file));
    }
    assert.equal(versionsIn(folder, "9.8.7").status, 0);
    assert.deepEqual(versionsIn(folder).found, Array(6).fill("9.8.7"));
    const refused = versionsIn(folder, "next");
    assert.deepEqual([refused.status, refused.stderr], [2, "next is not a version such as 0.2.0.\n"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
