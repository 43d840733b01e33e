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
  const writer = new SocketWriter({ write }, () => sent++);
  const take = (error?: Error) => {
    const done = taken;
    taken = undefined;
    done?.(error);
  };
  return { writer, writes, take, isWriting: () => taken !== undefined, sent: () => sent };
}

const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte);

test("what is added is sent in order, large pieces without being copied, small ones together", () => {
  const { writer, writes, take, isWriting } = makeSocket();
  const large = filled(700_000, 2);
  const pieces = [filled(10, 1), large, filled(20, 3), filled(30, 4), filled(16_000, 5), filled(16_000, 6)];
  writer.add(pieces);
  writer.flush();
  while (isWriting()) take();
  assert.ok(Buffer.concat(writes).equals(Buffer.concat(pieces)));
  assert.deepEqual(writes.map(({ length }) => length), [10, 262_144, 262_144, 175_712, 16_050, 16_000]);
  assert.ok(writes.slice(1, 4).every(({ buffer }) => buffer === large.buffer));
});

test("its size is what the system has not taken, and each time that it takes some is told", () => {
  const { writer, take, sent } = makeSocket();
  writer.add([filled(300_000, 1)]);
  writer.flush();
  writer.add([filled(5, 2)]);
  writer.flush();
  assert.deepEqual([writer.size, sent()], [300_005, 0]);
  take();
  assert.deepEqual([writer.size, sent()], [300_005 - 262_144, 1]);
  take();
  take();
  assert.deepEqual([writer.size, sent()], [0, 3]);
  writer.add([filled(7, 3)]);
  writer.flush();
  assert.equal(writer.size, 7);
});

test("nothing is written after an error, or after all was forgotten", () => {
  const failed = makeSocket();
  failed.writer.add([filled(20_000, 1), filled(20_000, 2)]);
  failed.writer.flush();
  failed.take(new Error("EPIPE"));
  assert.deepEqual([failed.writes.length, failed.sent()], [1, 0]);

  const closed = makeSocket();
  closed.writer.add([filled(20_000, 1), filled(20_000, 2)]);
  closed.writer.flush();
  closed.writer.clear();
  closed.take();
  assert.deepEqual([closed.writes.length, closed.writer.size], [1, 0]);
});
