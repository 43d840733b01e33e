import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { startProxy } from "./proxy.ts";

test("a limited line has its bandwidth for all together, keeps the order, and lets small pieces through", async (t) => {
  const target = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (piece) => socket.write(piece));
  }).listen(0, "127.0.0.1");
  await once(target, "listening");
  const address = target.address();
  assert.ok(typeof address === "object" && address !== null);
  const proxy = await startProxy({ targetPort: address.port });
  t.after(async () => {
    await proxy.stop();
    target.close();
  });
  /** Sends bytes and says how long it takes until all are back, in ms, and whether they are the same. */
  const echo = async (sent: Uint8Array) => {
    const socket = connect(proxy.port, "127.0.0.1");
    const began = performance.now();
    socket.write(sent);
    const got: Uint8Array[] = [];
    for await (const piece of socket) {
      got.push(piece);
      if (got.reduce((sum, { length }) => sum + length, 0) >= sent.length) break;
    }
    const ms = performance.now() - began;
    return { ms, same: Buffer.concat(got).equals(sent) };
  };
  proxy.limit(1_000_000);
  const large = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
  const [first, second, small] = await Promise.all([echo(large), echo(large), echo(new Uint8Array(10))]);
  assert.ok(first.same && second.same && small.same);
  assert.ok(first.ms > 180 && second.ms > 180, `${first.ms} and ${second.ms} ms for 200 kB at 1 MB/s`);
  assert.ok(small.ms < first.ms / 2, `a small piece took ${small.ms} ms beside two large ones`);
  await proxy.heal();
  proxy.delay(100, "received");
  const late = await echo(new Uint8Array(10));
  assert.ok(late.ms >= 95, `${late.ms} ms with answers 100 ms late`);
});
