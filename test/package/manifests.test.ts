import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/runtimes.ts";

const read = (name: string) => JSON.parse(readFileSync(join(root, name), "utf8"));
const npm = read("package.json");
const jsr = read("deno.json");

test("the two manifests say the same", () => {
  for (const field of ["version", "license"]) assert.equal(jsr[field], npm[field], field);
  assert.equal(jsr.name.split("/").pop(), npm.name);
  assert.equal(jsr.exports, "./mod.ts");
  assert.ok(npm.unbuild.entries.includes("./mod"));
});

test("what the manifests name is there", () => {
  assert.ok(existsSync(join(root, jsr.exports)));
  for (const path of [npm.exports["."].types, npm.exports["."].default, npm.bin.mephisto]) {
    assert.ok(existsSync(join(root, path)), `${path}: npm run build makes it`);
  }
});

test("what the package needs to run is pinned to one major version", () => {
  for (const [name, range] of Object.entries(npm.dependencies)) assert.match(String(range), /^\^?\d+\.\d+\.\d+$/, name);
});
