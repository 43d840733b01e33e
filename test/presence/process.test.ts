import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import type { ProcessIdentity } from "../../src/driver/driver.ts";
import { ownProcess, type ProcessTable, Witness } from "../../src/presence/process.ts";
import { until } from "../support/until.ts";

const OWN: ProcessIdentity = { bootId: "boot", pidNamespace: "pid:[1]", pid: 10, startTime: "500" };
const OTHER: ProcessIdentity = { ...OWN, pid: 42, startTime: "900" };

/** What the kernel writes of a process: 52 fields, of which these count. */
function stat(pid: number, { state = "S", threads = 7, startTime = "900", name = "node" } = {}): string {
  const rest = Array.from({ length: 50 }, () => "0");
  [rest[0], rest[17], rest[19]] = [state, String(threads), startTime];
  return `${pid} (${name}) ${rest.join(" ")}\n`;
}

/** Files under the test's hand; undefined for one that may not be read. */
function tableOf(files: Record<string, string | undefined>): ProcessTable {
  const read = (path: string) => path in files ? files[path] : null;
  return { read, readLink: read };
}

/** A witness of what was alive, and what it says when the table has changed to this. */
function afterwards(text: string | null | undefined): boolean {
  const files: Record<string, string | undefined> = { "/proc/42/stat": stat(42) };
  const witness = Witness.of(OTHER, OWN, tableOf(files)) ?? assert.fail("it was not seen");
  assert.equal(witness.isGone(), false);
  if (text === null) delete files["/proc/42/stat"];
  else files["/proc/42/stat"] = text;
  return witness.isGone();
}

test("who was seen alive and is not there any more is gone", () => {
  assert.equal(afterwards(null), true);
});

test("so is a zombie, unless other threads of it still run", () => {
  assert.equal(afterwards(stat(42, { state: "Z", threads: 1 })), true);
  assert.equal(afterwards(stat(42, { state: "X", threads: 1 })), true);
  assert.equal(afterwards(stat(42, { state: "Z", threads: 2 })), false);
});

test("and one whose pid is another process's now", () => {
  assert.equal(afterwards(stat(42, { startTime: "901" })), true);
});

test("one that is stopped, or busy, or of a strange name, is alive", () => {
  for (const state of ["T", "t", "D", "R", "I"]) assert.equal(afterwards(stat(42, { state })), false);
  assert.equal(afterwards(stat(42, { name: "a) Z 1 (b" })), false);
});

test("what cannot be read, or understood, proves nothing", () => {
  assert.equal(afterwards(undefined), false);
  for (const text of ["", "42", "42 (node) Z", "rubbish"]) assert.equal(afterwards(text), false);
});

test("nobody is seen on another machine, in another namespace, after another start, or where it is hidden", () => {
  const alive = tableOf({ "/proc/42/stat": stat(42) });
  assert.ok(Witness.of(OTHER, OWN, alive));
  assert.equal(Witness.of({ ...OTHER, bootId: "elsewhere" }, OWN, alive), undefined);
  assert.equal(Witness.of({ ...OTHER, pidNamespace: "pid:[2]" }, OWN, alive), undefined);
  assert.equal(Witness.of({ ...OTHER, startTime: "899" }, OWN, alive), undefined);
  assert.equal(Witness.of(OTHER, OWN, tableOf({})), undefined, "hidden: not to see it later would prove nothing");
  assert.equal(Witness.of(OTHER, OWN, tableOf({ "/proc/42/stat": undefined })), undefined);
  assert.equal(Witness.of(undefined, OWN, alive), undefined);
  assert.equal(Witness.of(OTHER, undefined, alive), undefined);
});

test("a process says what it is, or nothing where a part of that cannot be told", () => {
  const files = {
    "/proc/sys/kernel/random/boot_id": "boot\n",
    "/proc/self/ns/pid": "pid:[1]",
    "/proc/10/stat": stat(10, { startTime: "500" }),
  };
  assert.deepEqual(ownProcess(tableOf(files), 10), OWN);
  for (const path of Object.keys(files)) {
    assert.equal(ownProcess(tableOf({ ...files, [path]: undefined }), 10), undefined);
  }
});

const linux = process.platform === "linux";
test("a real one is seen until it is killed", { skip: !linux && "no /proc here" }, async () => {
  const own = ownProcess() ?? assert.fail("this process cannot be seen");
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const { pid = 0 } = child;
  const identity = await until(() => ownProcess(undefined, pid));
  const witness = Witness.of(identity, own) ?? assert.fail("it was not seen");
  process.kill(pid, "SIGSTOP");
  assert.equal(witness.isGone(), false);
  process.kill(pid, "SIGKILL");
  await until(() => witness.isGone(), { within: 5000, every: 1 });
  assert.ok(Witness.of(own, own), "this one is alive");
});
