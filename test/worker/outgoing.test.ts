import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActorDefinition, Outgoing } from "../../src/core/actor.ts";
import { serializer } from "../../src/core/serializer.ts";
import { recordOf } from "../../src/worker/outgoing.ts";
import { BatchBuilder } from "../../src/wire/batch-builder.ts";
import { WireError } from "../../src/wire/errors.ts";
import { coded } from "../core/fakes.ts";

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
    [{ value: "a", headers: { trace: undefined } }, /header "trace" is neither text nor bytes/],
    [{ value: "a", headers: { trace: 3 } }, /header "trace"/],
    [{ value: "a", headers: "x" }, /headers are not an object/],
    [{ value: "a", timestamp: "now" }, /timestamp now/],
    [{ value: "a", timestamp: NaN }, /timestamp NaN/],
    [{ value: "a", timestamp: 1.5 }, /timestamp 1\.5/],
    [{ value: "a", timestamp: -5 }, /timestamp -5/],
  ];
  for (const [message, what] of wrong) {
    assert.throws(() => recordOf(orders, message as Outgoing<unknown, unknown>, 0), coded("ENCODE_FAILED", what));
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
