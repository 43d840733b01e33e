import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { uptime, uptimeOf } from "../../src/runtime/uptime.ts";
import { until } from "../support/until.ts";

test("where Linux runs, the time since its start goes on", { skip: process.platform !== "linux" }, async () => {
  const first = uptime() ?? assert.fail("it is not known");
  assert.ok(first > 0);
  const before = performance.now();
  const later = await until(() => {
    const now = uptime() ?? 0;
    return now > first && now;
  }, { within: 5000, every: 5 });
  // Its hundredths of a second, and the turn of the event loop.
  assert.ok(later - first <= performance.now() - before + 20, `${later - first} ms`);
});

test("the file is read again after a millisecond", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mephisto-uptime-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "uptime");
  let now = 100;
  const read = uptimeOf(file, () => now);
  writeFileSync(file, "12.50 3.00\n");
  assert.equal(read(), 12_500);
  writeFileSync(file, "99.75 3.00\n");
  now += 0.9;
  assert.equal(read(), 12_500);
  now += 0.1;
  assert.equal(read(), 99_750, "the machine was suspended");
  writeFileSync(file, "");
  now += 1;
  assert.equal(read(), undefined, "whoever makes the file has ended");
});

test("where there is no such file nothing is known", () => {
  assert.equal(uptimeOf(join(tmpdir(), "mephisto-no-such-file"), () => 1)(), undefined);
});
