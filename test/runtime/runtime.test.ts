import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { context } from "../../src/runtime/context.ts";
import { isEntry } from "../../src/runtime/entry.ts";
import { variable, variables } from "../../src/runtime/env.ts";
import { findRuntime, isOlder, stripsTypes } from "../../src/runtime/find.ts";
import { runtime, workerId } from "../../src/runtime/info.ts";

test("runtime is the one that runs this", () => {
  const { name, version } = runtime();
  const expected = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node";
  assert.equal(name, expected);
  assert.match(version, /^\d+\.\d+\.\d+/);
});

test("a worker's id has the process's number and stays the same", () => {
  assert.match(workerId(), new RegExp(`^.+-${process.pid}-[0-9a-f]{4}$`));
  assert.equal(workerId(), workerId());
});

test("an empty variable counts as not set", () => {
  process.env.MEPHISTO_TEST_A = "a";
  process.env.MEPHISTO_TEST_B = "";
  try {
    assert.equal(variable("MEPHISTO_TEST_A"), "a");
    const read = variables(["MEPHISTO_TEST_A", "MEPHISTO_TEST_B", "MEPHISTO_TEST_C"]);
    assert.deepEqual(read, { MEPHISTO_TEST_A: "a", MEPHISTO_TEST_B: undefined, MEPHISTO_TEST_C: undefined });
  } finally {
    delete process.env.MEPHISTO_TEST_A;
    delete process.env.MEPHISTO_TEST_B;
  }
});

test("a context goes along with what is awaited, and not beyond", async () => {
  const current = context<number>();
  assert.equal(current.get(), undefined);
  const seen = await Promise.all([1, 2].map((value) =>
    current.run(value, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return current.get();
    })
  ));
  assert.deepEqual(seen, [1, 2]);
  assert.equal(current.get(), undefined);
});

test("isEntry believes import.meta.main, and else compares with what was started", () => {
  const meta = (part: { url: string; main?: boolean }): ImportMeta => Object.assign(Object.create(null), part);
  assert.equal(isEntry(meta({ url: "file:///x.ts", main: true })), true);
  assert.equal(isEntry(meta({ url: "file:///x.ts", main: false })), false);
  assert.equal(isEntry(meta({ url: "file:///no/such/file.ts" })), false);
});

test("Node runs TypeScript since 22.18 and 23.6", () => {
  const versions = ["v20.20.2", "22.17.9", "22.18.0", "23.5.0", "23.6.0", "v24.0.0", "nonsense"];
  assert.deepEqual(versions.map(stripsTypes), [false, false, true, false, true, true, false]);
});

test("versions are compared by their parts; what is none is older", () => {
  const versions = ["1.1.99", "1.2.0", "1.10.0", "2.0.0", "0.9.9", "v1.2.3", "", "canary"];
  const older = [true, false, false, false, true, false, true, true];
  assert.deepEqual(versions.map((version) => isOlder(version, "1.2")), older);
});

const others = (["bun", "deno"] as const).filter((name) => name !== runtime().name);
test("a runtime is found in node_modules/.bin of a folder above, before PATH", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mephisto-find-")));
  const program = (...path: string[]) => {
    const file = join(folder, ...path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, "#!/bin/sh\n");
    chmodSync(file, 0o755);
    return file;
  };
  try {
    const from = join(folder, "a", "b");
    for (const name of others) {
      assert.equal(findRuntime(name, { from, path: join(folder, "path") }), undefined);
      const onPath = program("path", name);
      assert.equal(findRuntime(name, { from, path: join(folder, "path") }), onPath);
      const inProject = program("node_modules", ".bin", name);
      assert.equal(findRuntime(name, { from, path: join(folder, "path") }), inProject);
      writeFileSync(inProject, "#!/bin/sh\necho 1.1.9\n");
      writeFileSync(onPath, "#!/bin/sh\necho 1.2.0\n");
      assert.equal(findRuntime(name, { from, path: join(folder, "path"), since: "1.2" }), onPath);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
