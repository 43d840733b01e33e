import { systemTime } from "../../../src/core/delay.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { AnswerSize } from "../../../src/kafka/consumer/fetch/answer-size.ts";
import type { Connection } from "../../../src/kafka/connection/kafkajs.ts";
import { LineRate } from "../../../src/kafka/connection/line-rate.ts";
import { BrokerConnection } from "../../../src/kafka/connection/broker-connection.ts";
import { writerTo } from "../../../src/kafka/connection/piece-writer.ts";
import { progressOf, watchProgress } from "../../../src/kafka/connection/progress.ts";
import { SendWindow } from "../../../src/kafka/producer/send-window.ts";
import { SlowCoordinator } from "../../../src/kafka/group/slow-coordinator.ts";
import { metadata } from "../../../src/wire/requests/03-metadata.ts";
import { Lines, StillClock } from "../../core/fakes.ts";
import { until } from "../../support/until.ts";

test("after each answer that did not come the next may take twice as long, up to a limit, and less again when it comes", () => {
  const line = new LineRate();
  const patience = { first: 1000, most: 4500 };
  const limits = Array.from({ length: 4 }, () => {
    line.lost("EndTxn");
    return line.silenceMs("EndTxn", patience);
  });
  assert.deepEqual(limits, [2000, 4000, 4500, 4500]);
  assert.equal(line.silenceMs("Fetch", 5500), 5500); // others are waited for as ever
  for (let n = 0; n < 5; n++) line.answered("EndTxn", 10, true);
  assert.equal(line.silenceMs("EndTxn", patience), 1000);
});

test("a broker whose answers take long is given three times as long", () => {
  const line = new LineRate();
  line.answered("Metadata", 5000, true);
  assert.equal(line.silenceMs("Heartbeat", { first: 3000, most: 7500 }), 7500);
  assert.equal(line.silenceMs("Fetch", 5500), 15_000);
  assert.equal(line.answerMs, 5000);
  line.answered("Heartbeat", 20, true); // one that is late says little
  assert.equal(line.answerMs, 20);
  for (let n = 0; n < 4; n++) line.answered("Heartbeat", 20, true);
  assert.equal(line.silenceMs("Fetch", 5500), 5500);
});

test("what is asked for grows as far as the line lets it come in a second, and is halved when it did not come", () => {
  const size = new AnswerSize(1000, 8_000_000);
  const ask = (bytesPerSecond: number | undefined) => {
    size.came(size.bytes, bytesPerSecond);
    return size.bytes;
  };
  assert.deepEqual([ask(undefined), ask(undefined), ask(10_000_000)], [524_288, 1_048_576, 8_000_000]);
  assert.equal(ask(100_000), 100_000);
  size.lost();
  assert.equal(size.bytes, 50_000);
  size.came(10, undefined); // little came, since there was no more
  assert.equal(size.bytes, 50_000);
  for (let n = 0; n < 20; n++) size.lost();
  assert.equal(size.bytes, 1000);
  for (let n = 0; n < 20; n++) ask(undefined);
  assert.equal(size.bytes, 8_000_000);
});

test("what is on its way to a broker is halved when nothing was answered for too long, and grows again", () => {
  const window = new SendWindow();
  window.sent(4_000_000);
  window.sent(4_000_000);
  assert.equal(window.isFull, false);
  assert.equal(window.halve(), true);
  window.lost(4_000_000);
  window.lost(4_000_000);
  assert.equal(window.isFull, false); // one always goes
  window.sent(3_000_000);
  assert.equal(window.isFull, false);
  window.sent(3_000_000);
  assert.equal(window.isFull, true);
  window.answered(3_000_000);
  window.sent(3_000_000);
  assert.equal(window.isFull, false);
  window.answered(6_000_000);
  window.sent(10);
  assert.equal(window.halve(), false); // so little is not to blame
});

test("what is lost with one connection halves what may be on its way once, however many requests it was", () => {
  const window = new SendWindow();
  for (let n = 0; n < 4; n++) window.sent(1_000_000);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => {
      const isHalved = window.halve();
      window.lost(1_000_000);
      return isHalved;
    }),
    [true, false, false, false],
  );
  window.sent(1_900_000);
  assert.equal(window.isFull, false);
  window.sent(200_000);
  assert.equal(window.isFull, true);
  assert.equal(window.halve(), true); // the next connection's
});

test("a coordinator that is too slow for the session is told once, then once a minute, and so is its end", () => {
  const clock = new StillClock(0, 0);
  const logger = new Lines();
  const options = { sessionTimeout: 6000, heartbeatInterval: 300, lookEveryMs: 1000 };
  const slow = new SlowCoordinator(options, logger, clock);
  const look = (answerMs: number, seconds: number, isKnown = true) => {
    for (let n = 0; n < seconds; n++) {
      clock.pass(1000);
      slow.look({ where: isKnown ? "b:9092" : undefined, answerMs });
    }
  };
  look(4000, 10);
  look(6000, 10, false);
  assert.deepEqual(logger.of(/./), []);
  look(5000, 70);
  const sentence =
    /^warn: The group's coordinator at b:9092 takes 5\.0 s to answer, too long for a session of 6s: .* \(--session-timeout\) of 15s or more\.$/;
  assert.equal(logger.of(sentence).length, 2, logger.of(/./).join("\n"));
  look(100, 1);
  assert.equal(logger.of(/^info: .* answers in time for the session again/).length, 1);
  // A process that was kept from reading measures itself.
  clock.pass(8000);
  look(8000, 3);
  assert.equal(logger.of(/./).length, 3, logger.of(/./).join("\n"));
});

/** A socket whose progress is watched, to a server that does this with its end of it. */
async function connected(t: TestContext, serve: (other: Socket) => void): Promise<Socket> {
  const server = createServer((other) => {
    other.on("error", () => {});
    serve(other);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const socket = connect(address.port, "127.0.0.1");
  t.after(() => {
    socket.destroy();
    server.close();
  });
  watchProgress(socket, systemTime);
  await once(socket, "connect");
  return socket;
}

test("a request that goes out slowly is one on which something moves, and others do not get into it", async (t) => {
  const got: number[] = [];
  let received = 0;
  const socket = await connected(t, (other) =>
    other.on("data", (piece) => {
      for (const byte of [piece[0], piece[piece.length - 1]]) got.push(byte ?? -1);
      received += piece.length;
      other.pause();
      setTimeout(() => other.resume(), 2);
    }));
  const size = 24 << 20;
  const writer = writerTo(socket);
  writer?.write(new Uint8Array(4).fill(1), new Uint8Array(size).fill(2));
  writer?.write(new Uint8Array(4).fill(3), new Uint8Array(4).fill(4));
  const moments = new Set<number>();
  await until(() => {
    moments.add(progressOf(socket)?.at ?? 0);
    return received === size + 12;
  }, { every: 1, within: 20_000 });
  assert.ok(moments.size > 10, `it moved ${moments.size} times`);
  assert.deepEqual(got.filter((byte, at) => byte !== got[at - 1]), [1, 2, 3, 4].filter((byte) => got.includes(byte)));
  assert.equal(got.at(-1), 4);
});

test("a byte now and then is no progress of an answer, though each answer's beginning is", async (t) => {
  const socket = await connected(t, (other) => {
    other.on("data", (piece) => void other.write(piece));
    other.setNoDelay(true);
  });
  const progress = progressOf(socket);
  assert.ok(progress);
  const send = async (bytes: number) => {
    const before = socket.bytesRead;
    socket.write(new Uint8Array(bytes));
    await until(() => socket.bytesRead === before + bytes, { every: 1 });
    return progress.on;
  };
  const begun = await send(1);
  for (let n = 0; n < 20; n++) assert.equal(await send(1), begun);
  assert.ok(progress.at > begun);
  const on = await send(1000);
  assert.ok(on > begun);
  progress.began = undefined; // it was answered
  assert.ok(await send(1) > on);
});

test("a request behind another on one connection is waited for as long as that one", async () => {
  type Entry = Parameters<Connection["requestQueue"]["push"]>[0]["entry"];
  const entries: Entry[] = [];
  const connection: Connection = {
    requestQueue: {
      push: ({ entry }) => void entries.push(entry),
      destroy: () => {},
      scheduleCheckPendingRequests: () => {},
    },
    versions: {},
    isConnected: () => true,
    isAuthenticated: () => false,
    nextCorrelationId: () => 1,
    rejectRequests: (error) => entries.forEach(({ reject }) => reject(error)),
    disconnect: () => Promise.resolve(),
  };
  const way = { address: { host: "nobody", port: 1 }, line: new LineRate(), time: systemTime };
  const broker = new BrokerConnection(way, () => Promise.resolve(connection), "test", false);
  const call = { ...metadata({ topics: [] }), decode: () => "answered" };
  await broker.open();
  const outcome = (ms: number) => broker.send(call, ms).catch(() => "lost");
  const both = [outcome(5000), outcome(20)];
  await until(() => entries.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (const { resolve } of entries) resolve({ payload: new Uint8Array() });
  assert.deepEqual(await Promise.all(both), ["answered", "answered"]);
  assert.equal(await outcome(20), "lost");
});
