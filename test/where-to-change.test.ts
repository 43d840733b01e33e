import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What may be changed, with the files that it takes, as a section of CONTRIBUTING.md has them. */
function placesIn(text: string): { what: string; paths: string[]; touched: number }[] {
  const [, section = ""] = /^## Where to change what\n(.*?)(?=^## |$(?![\s\S]))/ms.exec(text) ?? [];
  return [...section.matchAll(/^\| ([^|]+?) +\| (.+) \|$/gm)]
    .map(([, what = "", files = ""]) => {
      const paths = [...files.matchAll(/`(src\/[^`]*)`/g)].map(([, path = ""]) => path);
      return { what, paths, touched: paths.length - files.split("` or `").length + 1 };
    })
    .filter(({ paths }) => paths.length > 0);
}

/** What is wrong with such a section: a path that is not there, or more of them than one change may touch. */
function wrong(text: string): string[] {
  return placesIn(text).flatMap(({ what, paths, touched }) => [
    ...paths.filter((path) => !existsSync(join(root, path))).map((path) => `${what}: there is no ${path}`),
    ...(touched > 2 ? [`${what}: ${touched} files`] : []),
  ]);
}

const contributing = readFileSync(join(root, "CONTRIBUTING.md"), "utf8");

test("where to change what: each path is there", () => {
  assert.ok(placesIn(contributing).length >= 12, contributing);
  assert.deepEqual(wrong(contributing), []);
});

test("a path that is gone, and one too many, are seen", () => {
  assert.deepEqual(wrong(contributing.replace("src/core/election.ts", "src/core/vote.ts")), [
    "who is elected: there is no src/core/vote.ts",
  ]);
  assert.deepEqual(wrong(contributing.replace("`src/core/backoff.ts`", "`src/core`, `src/web`, `src/wire`")), [
    "the pauses between attempts: 3 files",
  ]);
});
