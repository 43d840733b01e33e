import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, test } from "node:test";
import type { Presence, ProcessIdentity } from "../../src/driver/driver.ts";
import { Listener } from "../../src/presence/listener.ts";
import { PeerLink } from "../../src/presence/peer-link.ts";
import { Witness } from "../../src/presence/process.ts";
import { until } from "../support/until.ts";

const HOST = "127.0.0.1";
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listening(): Promise<Listener> {
  const listener = new Listener(HOST);
  await listener.listen();
  closers.push(() => listener.close());
  return listener;
}

/** What a link to a peer reports, in order. */
function watched(presence: Presence, witness?: Witness): { said: string[]; link: PeerLink } {
  const said: string[] = [];
  const link = new PeerLink(presence, {
    gone: () => said.push("gone"),
    changed: () => said.push("changed"),
    refused: () => said.push("refused"),
    report: () => said.push("watches"),
  }, () => witness);
  closers.push(() => link.close());
  return { said, link };
}

const at = ({ port, id }: { port: number; id: string }): Presence => ({ host: HOST, port, id, process: undefined });

/** A process that is alive until the test says otherwise. */
function mortal(): { witness: Witness; die(): void } {
  const identity: ProcessIdentity = { bootId: "b", pidNamespace: "n", pid: 1, startTime: "9" };
  let text: string | null = `1 (x) S ${Array.from({ length: 16 }, () => 0).join(" ")} 1 0 9 0`;
  const table = { read: () => text, readLink: () => null };
  const witness = Witness.of(identity, identity, table) ?? assert.fail("it was not seen");
  return { witness, die: () => void (text = null) };
}

/** A peer that speaks as the test says. */
async function impostor(speak: (socket: Socket) => void): Promise<{ port: number; server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    speak(socket);
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: HOST }, resolve));
  const address = server.address();
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: typeof address === "object" && address ? address.port : 0, server, sockets };
}

function raw(port: number): { socket: Socket; heard(): string; ended(): boolean } {
  const socket = connect({ port, host: HOST });
  let [heard, ended] = ["", false];
  socket.setEncoding("latin1").on("error", () => {}).on("close", () => void (ended = true));
  socket.on("data", (text) => void (heard += text));
  closers.push(() => socket.destroy());
  return { socket, heard: () => heard, ended: () => ended };
}

test("a worker greets with its id, and says when the group changes and when it goes", async () => {
  const listener = await listening();
  const { said } = watched(at(listener));
  await until(() => said.length === 1);
  await until(() => {
    listener.changed();
    return said.length > 1;
  });
  const before = said.length;
  listener.close();
  await until(() => said.length > before);
  assert.deepEqual(new Set(said), new Set(["watches", "changed"]));
});

test("garbage, silence and haste cost only those who send them", async () => {
  const listener = await listening();
  const { said } = watched(at(listener));
  await until(() => said.length === 1);
  const bad = ["GET / HTTP/1.1\r\n\r\n", "watching?", "\0\xff", "x".repeat(1_000_000)].map((text) => {
    const one = raw(listener.port);
    one.socket.write(text, "latin1");
    return one;
  });
  await until(() => bad.every((one) => one.ended()), { within: 4500 }); // long before silence is over
  const slow = raw(listener.port);
  await until(() => slow.heard() === `${listener.id}\n`);
  listener.changed();
  await until(() => said.includes("changed"));
  assert.equal(slow.heard(), `${listener.id}\n`, "who does not say that it watches is told nothing more");
});

test("a broken connection is a reason to look; only who is seen to be gone is said to be", async () => {
  const { port, sockets, server } = await impostor((socket) => socket.write("peer\n"));
  const { witness, die } = mortal();
  const { said } = watched(at({ port, id: "peer" }), witness);
  await until(() => said.length === 1);
  sockets[0]?.destroy();
  await until(() => said.length === 2, { within: 20_000 });
  assert.deepEqual(said, ["watches", "watches"], "it lives, and is watched again");
  die();
  server.close();
  sockets[1]?.destroy();
  await until(() => said.includes("gone"));
  assert.deepEqual(said, ["watches", "watches", "gone"]);
});

test("it is looked for a while: a process closes its connections before it is gone", async () => {
  const { port, sockets } = await impostor((socket) => socket.write("peer\n"));
  const { witness, die } = mortal();
  const { said } = watched(at({ port, id: "peer" }), witness);
  await until(() => said.length === 1);
  sockets[0]?.destroy();
  const end = performance.now() + 100;
  await until(() => performance.now() > end);
  assert.deepEqual(said, ["watches"]);
  die();
  await until(() => said.includes("gone"));
  assert.deepEqual(said, ["watches", "gone"]);
});

test("at its address is another worker: nothing is concluded from its end", async () => {
  const { port, sockets, server } = await impostor((socket) => socket.write("another\n"));
  const { witness, die } = mortal();
  const { said } = watched(at({ port, id: "peer" }), witness);
  await until(() => sockets[0]?.destroyed || sockets.length > 1);
  die();
  for (const socket of sockets) socket.destroy();
  await until(() => sockets.length >= 2, { within: 20_000 });
  server.close();
  assert.deepEqual(said, []);
});

test("nor from an endless greeting, nor from one who says more than it should", async () => {
  const babbler = await impostor((socket) => socket.write("x".repeat(100_000)));
  const liar = await impostor((socket) => socket.write("peer\nand more\n"));
  const one = watched(at({ port: babbler.port, id: "peer" }), mortal().witness);
  const two = watched(at({ port: liar.port, id: "peer" }), mortal().witness);
  await until(() => babbler.sockets.length >= 2 && liar.sockets.length >= 2, { within: 20_000 });
  assert.deepEqual(one.said, []);
  assert.ok(two.said.every((word) => word === "watches"));
});

test("an address that refuses is told only of a peer that was there", async () => {
  const { port, server, sockets } = await impostor((socket) => socket.write("peer\n"));
  const { said } = watched(at({ port, id: "peer" }));
  await until(() => said.length === 1);
  server.close();
  sockets[0]?.destroy();
  await until(() => said.includes("refused"), { within: 20_000 });
  const never = watched(at({ port, id: "peer" }));
  const end = performance.now() + 500;
  await until(() => performance.now() > end);
  assert.deepEqual(never.said, []);
});

test("an address of another machine cannot be listened on", async () => {
  await assert.rejects(new Listener("192.0.2.1").listen(), {
    code: "INVALID_OPTION",
    message: /192\.0\.2\.1.*--presence-bind/,
  });
});

test("neither side keeps a process alive", async () => {
  const { run } = await import("../support/process.ts");
  const runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node";
  const program = run(runtime, "test/presence/fixtures/idle.ts");
  assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
  assert.ok(program.stdout.includes("watched"), program.output());
});
