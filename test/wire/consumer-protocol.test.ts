import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../src/wire/consumer-protocol.ts";
import { WireError } from "../../src/wire/errors.ts";
import { hex, vector, vectorBytes } from "./vectors.ts";

const subscription = {
  topics: ["a", "b"],
  userData: Uint8Array.of(1),
  ownedPartitions: [{ topic: "a", partitions: [0, 2] }],
  generationId: 6,
  rackId: "rack",
};
const assignment = { partitions: [{ topic: "a", partitions: [0, 2] }], userData: Uint8Array.of(1) };

test("consumer protocol: what is written is what the Java client writes", () => {
  assert.equal(hex(encodeSubscription(subscription)), vector("subscription/v3"));
  assert.equal(hex(encodeAssignment(assignment)), vector("assignment/v1"));
});

test("consumer protocol: every version is read", () => {
  const read = (version: number) => decodeSubscription(vectorBytes(`subscription/v${version}`));
  assert.deepEqual(read(3), subscription);
  assert.deepEqual(read(2), { ...subscription, rackId: null });
  assert.deepEqual(read(1), { ...subscription, rackId: null, generationId: -1 });
  assert.deepEqual(read(0), { ...subscription, rackId: null, generationId: -1, ownedPartitions: [] });
  assert.deepEqual(decodeAssignment(vectorBytes("assignment/v1")), assignment);
  assert.deepEqual(decodeAssignment(vectorBytes("assignment/v0-null")), { ...assignment, userData: null });
});

test("consumer protocol: garbage is a WireError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    for (const decode of [decodeSubscription, decodeAssignment]) {
      try {
        decode(bytes);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }
  }));
});
