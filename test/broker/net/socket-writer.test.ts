import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { SocketWriter } from "../../../src/broker/net/socket-writer.ts";

/** A socket that has taken a write when it is told so. */
function makeSocket() {
  const writes: Uint8Array[] = [];
  let taken: ((error?: Error | null) => void) | undefined;
  let sent = 0;
  const write = (bytes: string | Uint8Array, done?: unknown) => {
    assert.equal(taken, undefined, "one write at a time");
    assert.ok(typeof bytes !== "string" && typeof done === "function");
    writes.push(bytes);
    taken = (error) => done(error);
    return false;
  };
  const outbox = new SocketWriter({ write }, () => sent++);
  const take = (error?: Error) => {
    const done = taken;
    taken = undefined;
    done?.(error);
  };
  return { outbox, writes, take, isWriting: () => taken !== undefined, sent: () => sent };
}

const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte);

test("what is added is sent in order, large pieces without being copied, small ones together", () => {
  const { outbox, writes, take, isWriting } = makeSocket();
  const large = filled(700_000, 2);
  const pieces = [filled(10, 1), large, filled(20, 3), filled(30, 4), filled(16_000, 5), filled(16_000, 6)];
  outbox.add(pieces);
  outbox.flush();
  while (isWriting()) take();
  assert.ok(Buffer.concat(writes).equals(Buffer.concat(pieces)));
  assert.deepEqual(writes.map(({ length }) => length), [10, 262_144, 262_144, 175_712, 16_050, 16_000]);
  assert.ok(writes.slice(1, 4).every(({ buffer }) => buffer === large.buffer));
});

test("its size is what the system has not taken, and each time that it takes some is told", () => {
  const { outbox, take, sent } = makeSocket();
  outbox.add([filled(300_000, 1)]);
  outbox.flush();
  outbox.add([filled(5, 2)]);
  outbox.flush();
  assert.deepEqual([outbox.size, sent()], [300_005, 0]);
  take();
  assert.deepEqual([outbox.size, sent()], [300_005 - 262_144, 1]);
  take();
  take();
  assert.deepEqual([outbox.size, sent()], [0, 3]);
  outbox.add([filled(7, 3)]);
  outbox.flush();
  assert.equal(outbox.size, 7);
});

test("nothing is written after an error, or after all was forgotten", () => {
  const failed = makeSocket();
  failed.outbox.add([filled(20_000, 1), filled(20_000, 2)]);
  failed.outbox.flush();
  failed.take(new Error("EPIPE"));
  assert.deepEqual([failed.writes.length, failed.sent()], [1, 0]);

  const closed = makeSocket();
  closed.outbox.add([filled(20_000, 1), filled(20_000, 2)]);
  closed.outbox.flush();
  closed.outbox.clear();
  closed.take();
  assert.deepEqual([closed.writes.length, closed.outbox.size], [1, 0]);
});
