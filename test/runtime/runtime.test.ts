import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { context } from "../../src/runtime/context.ts";
import { isEntry } from "../../src/runtime/entry.ts";
import { variable, variables } from "../../src/runtime/env.ts";
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
