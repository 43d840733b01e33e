import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { Yielder } from "../../src/core/yielder.ts";
import { systemClock } from "../../src/core/clock.ts";
import { eventLoopTurn } from "../../src/runtime/turn.ts";

test("work that waits for nothing lets timers fire and sockets be read", { timeout: 20_000 }, async () => {
  const server = createServer((socket) => socket.on("data", (data) => void socket.write(data)).on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const client = connect(address.port, "127.0.0.1");
  await new Promise<void>((resolve) => client.once("connect", resolve));
  let trips = 0;
  let ticks = 0;
  client.on("data", () => void (++trips && client.write("x")));
  client.write("x");
  const timer = setInterval(() => ticks++, 20);
  const yielder = new Yielder(systemClock, eventLoopTurn);
  let stretches = 0;
  for (; stretches < 400 && (trips < 5 || ticks < 5); stretches++) {
    for (const end = performance.now() + 5; performance.now() < end;);
    await (yielder.due() ?? Promise.resolve());
  }
  clearInterval(timer);
  client.destroy();
  server.close();
  assert.ok(trips >= 5 && ticks >= 5, `${trips} round trips and ${ticks} ticks in ${stretches} stretches of 5 ms`);
});
