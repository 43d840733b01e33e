/** What a client that does not read costs. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Broker } from "../../../src/broker/broker.ts";
import { Connection } from "../../../src/broker/net/connection.ts";
import { Dispatcher } from "../../../src/broker/net/dispatch.ts";
import { bytes } from "../../../src/wire/protocol/fields.ts";
import { api } from "../../../src/broker/requests/api.ts";
import { apis } from "../../../src/broker/requests/index.ts";
import { silent } from "../../../src/core/logger.ts";
import { sampleRequest } from "../../support/sample-requests.ts";
import { encodeRequest } from "../../support/wire-client.ts";

/** A connection whose client takes what it is sent when it is told to, and whose requests are answered with 100 kB. */
function makeConnection() {
  const state = { begun: 0, now: 0, isDestroyed: false, isPaused: false };
  const large = api({
    key: 3,
    name: "Large",
    versions: [0, 0],
    flexibleFrom: 9,
    request: {},
    response: { content: bytes() },
  }, () => {
    state.begun++;
    return Promise.resolve({ content: new Uint8Array(100_000) });
  });
  const written: (() => void)[] = [];
  const socket = Object.assign(new EventEmitter(), {
    remoteAddress: "127.0.0.1",
    setNoDelay() {},
    setKeepAlive() {},
    write: (_: Uint8Array, done: () => void) => written.push(done) < 0,
    destroy: () => void (state.isDestroyed = true),
    pause: () => void (state.isPaused = true),
    resume: () => void (state.isPaused = false),
    isPaused: () => state.isPaused,
  });
  const limits = { produce: 1e6, other: 1e6, inFlight: 16, unsent: 250_000, stalled: 30_000 };
  const connection = new Connection({
    id: 1,
    socket: socket as unknown as Socket, // as much of one as is used
    broker: new Broker(),
    dispatcher: new Dispatcher([large]),
    limits,
    logger: silent,
    now: () => state.now,
  });
  const ask = () => void socket.emit("data", encodeRequest(large, 0, {}));
  /** The client reads on: gives how many writes it took. */
  const read = async () => {
    let count = 0;
    for (; written.length > 0; count++) {
      written.shift()?.();
      await new Promise(setImmediate);
    }
    return count;
  };
  return { connection, state, ask, read };
}

test("while answers wait for a client none of its requests is begun, and it is read from only so far", async () => {
  const { state, ask, read } = makeConnection();
  for (let i = 0; i < 50; i++) {
    ask();
    await new Promise(setImmediate);
  }
  assert.deepEqual([state.begun, state.isPaused], [3, true]);
  await read();
  assert.deepEqual([state.begun, state.isPaused], [50, false]);
});

test("one that reads nothing is ended in time, one that reads or has read all is not", async () => {
  const { connection, state, ask, read } = makeConnection();
  ask();
  await new Promise(setImmediate);
  state.now = 29_000;
  await read();
  ask();
  await new Promise(setImmediate);
  state.now += 29_000;
  connection.sweep(state.now, 600_000);
  assert.equal(state.isDestroyed, false);
  state.now += 2000;
  connection.sweep(state.now, 600_000);
  assert.equal(state.isDestroyed, true);

  const other = makeConnection();
  other.ask();
  await new Promise(setImmediate);
  await other.read();
  other.connection.sweep(other.state.now + 31_000, 600_000);
  assert.equal(other.state.isDestroyed, false);
});

test("bytes behind a request's body are ignored, whatever the request is, with a line for whoever looks for it", () => {
  const lines: string[] = [];
  const dispatcher = new Dispatcher(apis, { ...silent, debug: (line) => void lines.push(line) });
  const who = { clientHost: "here", connectionId: 1, signal: new AbortController().signal, release() {} };
  const subject = {
    ...{ topic: "t", topicId: "1".repeat(32), groupId: "g" },
    ...{ transactionalId: "x", producerId: 1, producerEpoch: 0 },
  };
  for (const api of apis) {
    for (let [version, last] = api.versions; version <= last; version++) {
      const request = sampleRequest(api.request, version, subject);
      const frame = encodeRequest(api, version, request as never, 1, new Uint8Array([0, 0, 1])).subarray(4);
      assert.ok(dispatcher.read(frame, who), `${api.name} version ${version}`);
      assert.match(lines.pop() ?? "", new RegExp(`^here.*3 bytes after ${api.name} version ${version} are ignored$`));
    }
  }
});
