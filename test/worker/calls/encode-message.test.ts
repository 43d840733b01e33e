import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActorDefinition, OutgoingMessage } from "../../../src/core/actor.ts";
import { serializer } from "../../../src/core/serializer.ts";
import { encodeMessage } from "../../../src/worker/calls/encode-message.ts";
import { BatchBuilder } from "../../../src/wire/batch-builder.ts";
import { WireError } from "../../../src/wire/errors.ts";
import { coded } from "../../core/fakes.ts";

const orders: ActorDefinition = {
  name: "orders",
  topic: "shop-orders",
  partitions: 1,
  valueSerializer: serializer("text", "test"),
  keySerializer: serializer("text", "test"),
  handler: () => Promise.resolve(),
};

test("what a program without type checks may send is refused before anything of it is on its way", () => {
  const wrong: [unknown, RegExp][] = [
    [undefined, /send\(\) takes/],
    ["hi", /send\(\) takes/],
    [{ key: "k" }, /send\(\) takes/],
    [{ value: "a", headers: { trace: undefined } }, /header "trace" is neither text nor bytes, nor null/],
    [{ value: "a", headers: { trace: 3 } }, /header "trace"/],
    [{ value: "a", headers: "x" }, /headers are neither an object nor a list of pairs/],
    [{ value: "a", headers: ["x"] }, /headers are not pairs/],
    [{ value: "a", headers: [[1, "x"]] }, /headers are not pairs/],
    [{ value: "a", headers: [["trace", 3]] }, /header "trace"/],
    [{ key: "k", value: undefined }, /not undefined/],
    [{ value: "a", timestamp: "now" }, /timestamp now/],
    [{ value: "a", timestamp: NaN }, /timestamp NaN/],
    [{ value: "a", timestamp: 1.5 }, /timestamp 1\.5/],
    [{ value: "a", timestamp: -5 }, /timestamp -5/],
  ];
  for (const [message, what] of wrong) {
    assert.throws(
      () => encodeMessage(orders, message as OutgoingMessage<unknown, unknown>, 0),
      coded("ENCODE_FAILED", what),
    );
  }
});

test("headers are sent as they are given: by name or as pairs, repeated, and without a value", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const headersOf = (headers: OutgoingMessage<string>["headers"]) =>
    encodeMessage(orders, { value: "a", ...(headers === undefined ? {} : { headers }) }, 0).headers;
  assert.deepEqual(headersOf(undefined), []);
  const inherited = ["__proto__", "toString", "constructor", "hasOwnProperty"];
  assert.deepEqual(headersOf({ a: "1", b: null, ...Object.fromEntries(inherited.map((name) => [name, "x"])) }), [
    ["a", bytes("1")],
    ["b", null],
    ...inherited.map((name) => [name, bytes("x")]),
  ]);
  const pairs: [string, string | Uint8Array | null][] = [["tag", "1"], ["none", null], ["tag", bytes("2")]];
  const sent = [["tag", bytes("1")], ["none", null], ["tag", bytes("2")]];
  assert.deepEqual(headersOf(pairs), sent);
  assert.deepEqual(headersOf(new Set(pairs)), sent, "any list");
  assert.deepEqual(headersOf(new Map([["a", "1"]])), [["a", bytes("1")]]);
});

test("null is a tombstone with any serializer", () => {
  for (const name of ["raw", "text", "json"] as const) {
    const actor = { ...orders, valueSerializer: serializer(name, "test") };
    assert.deepEqual(encodeMessage(actor, { value: null, key: "k" }, 5), {
      topic: "shop-orders",
      key: new TextEncoder().encode("k"),
      value: null,
      headers: [],
      timestamp: 5,
    });
  }
});

test("a batch is as it was after a record that cannot be written", () => {
  const good = new BatchBuilder();
  const tried = new BatchBuilder();
  const value = Uint8Array.of(1);
  for (let i = 0; i < 3; i++) {
    good.append(null, value, [], 1000);
    tried.append(null, value, [], 1000);
    assert.throws(() => tried.append(null, value, [], NaN), WireError);
    assert.throws(() => tried.append(null, value, [["trace", undefined as unknown as Uint8Array]], 1000));
  }
  assert.deepEqual(tried.build(), good.build());
});
