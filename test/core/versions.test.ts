import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareVersions } from "../../src/core/versions.ts";

test("versions are in the order that people read them in", () => {
  const ordered = ["", "beta", "0.9", "1", "1.2", "1.9", "1.10-rc1", "1.10-rc2", "1.10-rc10", "1.10", "1.10.1", "2.0"];
  for (const [index, older] of ordered.entries()) {
    for (const newer of ordered.slice(index + 1)) {
      assert.ok(compareVersions(older, newer) < 0, `${older} is older than ${newer}`);
      assert.ok(compareVersions(newer, older) > 0, `${newer} is newer than ${older}`);
    }
  }
  for (const [a, b] of [["v1.2", "1.2"], ["1.02", "1.2"], ["1-2", "1.2"], ["1.0-RC1", "1.0-rc1"], ["", " "]]) {
    assert.equal(compareVersions(a ?? "", b ?? ""), 0);
  }
  assert.ok(compareVersions("20260101120000123456789", "20260101120000123456788") > 0, "of any length");
});

test("they have one order, whoever compares", () => {
  const word = fc.constantFrom("", "1", "2", "10", "07", "a", "rc1", ".", "-", "v");
  const version = fc.array(word, { maxLength: 6 }).map((words) => words.join(""));
  fc.assert(fc.property(version, version, version, (a, b, c) => {
    assert.equal(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)), 0);
    if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
  }));
});
