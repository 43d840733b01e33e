import assert from "node:assert/strict";
import { test } from "node:test";
import { MephistoError } from "../../../src/core/errors.ts";
import { checkVersions, tooOld } from "../../../src/kafka/connection/requirements.ts";

const modern = Object.fromEntries(Array.from({ length: 90 }, (_, key) => [key, { minVersion: 0, maxVersion: 20 }]));

test("a broker that serves what we send is accepted", () => {
  checkVersions(modern, "here:9092");
});

test("one that is too old, or lacks a request, is named with what is missing", () => {
  for (const fetch of [{ minVersion: 0, maxVersion: 12 }, { minVersion: 14, maxVersion: 20 }, undefined]) {
    assert.throws(
      () => checkVersions({ ...modern, 1: fetch }, "here:9092"),
      (error: unknown) =>
        error instanceof MephistoError && error.code === "UNSUPPORTED_BROKER" &&
        /here:9092 does not serve Fetch in version 13/.test(error.message),
    );
  }
});

test("a broker before Kafka 3.6 is told by what 3.6 is the first to have", () => {
  // AddPartitionsToTxn, as 3.5.2, 3.6.2 and 4.1.0 say of themselves; and one that does not say.
  const told = [3, 4, 5, -1].map((version) => tooOld((apiKey) => apiKey === 24 ? version : 20, "here:9092"));
  assert.match(told[0] ?? "", /^The broker at here:9092 is older than Kafka 3\.6, which Mephisto needs: /);
  assert.deepEqual(told.slice(1), [undefined, undefined, undefined]);
});
