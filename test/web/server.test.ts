import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { MephistoError } from "../../src/core/errors.ts";
import { isLocalHost } from "../../src/web/hosts.ts";
import { serve, type WebServer } from "../../src/web/server.ts";

const hello = () => Response.json({ hello: "world" });

async function withServer(
  body: (server: WebServer, port: number) => Promise<void>,
  handler: (request: Request) => Response = hello,
  bind = "127.0.0.1",
): Promise<void> {
  const server = await serve(handler, { port: 0, bind });
  try {
    await body(server, Number(new URL(server.address).port));
  } finally {
    await server.close();
  }
}

/** Sends bytes as they are and gives the answer's, until it is complete or the connection ends. */
async function exchange(port: number, text: string, enough: RegExp): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  let answer = "";
  try {
    socket.write(text);
    for await (const chunk of socket) {
      answer += String(chunk);
      if (enough.test(answer)) break;
    }
  } finally {
    socket.destroy();
  }
  return answer;
}

test("the server answers on the port that it names", () =>
  withServer(async ({ address }) => {
    assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
    const response = await fetch(address);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { hello: "world" });
  }));

test("path, query, method and accept reach the handler; status and headers come back", () =>
  withServer(async ({ address }) => {
    const response = await fetch(`${address}/a//b?c=d`, { method: "POST", body: "x".repeat(1000) });
    assert.equal(response.status, 418);
    assert.equal(response.headers.get("x-seen"), "POST /a//b?c=d");
    await response.text();
    const head = await fetch(address, { method: "HEAD" });
    assert.equal(head.headers.get("x-seen"), "HEAD /");
  }, (request) => {
    const { pathname, search } = new URL(request.url);
    const body = request.method === "HEAD" ? null : "tea";
    return new Response(body, { status: 418, headers: { "x-seen": `${request.method} ${pathname}${search}` } });
  }));

test("a handler that throws is a 500 with a sentence", () =>
  withServer(async ({ address }) => {
    const response = await fetch(address);
    assert.equal(response.status, 500);
    assert.match(JSON.parse(await response.text()).error, /no status/);
  }, () => {
    throw new Error("no status");
  }));

test("a taken port is a clear error that names it and the flag", async () => {
  const other = createServer();
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  try {
    const address = other.address();
    assert.ok(typeof address === "object" && address !== null);
    const { port } = address;
    await assert.rejects(serve(hello, { port, bind: "127.0.0.1" }), (error) => {
      assert.ok(error instanceof MephistoError);
      assert.equal(error.code, "PORT_IN_USE");
      assert.match(error.message, new RegExp(`port ${port} on 127.0.0.1 is taken.*--web-port`));
      return true;
    });
  } finally {
    other.close();
  }
});

test("two servers do not share a port", () =>
  withServer(async (_, port) => {
    await assert.rejects(serve(hello, { port, bind: "127.0.0.1" }), /is taken/);
  }));

test("an address of another machine, and a name that nobody knows, are clear errors", async () => {
  for (const bind of ["203.0.113.7", "no-such-name.invalid"]) {
    await assert.rejects(serve(hello, { port: 0, bind }), (error) => {
      assert.ok(error instanceof MephistoError);
      assert.equal(error.code, "INVALID_OPTION");
      assert.match(error.message, new RegExp(`${bind}.*--web-bind`));
      return true;
    });
  }
});

test("close ends quickly with connections that are kept alive, idle, or have asked for nothing yet", async () => {
  const server = await serve(hello, { port: 0, bind: "127.0.0.1" });
  const port = Number(new URL(server.address).port);
  const sockets: Socket[] = [];
  const ends: Promise<unknown>[] = [];
  for (const text of ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: loc", ""]) {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.on("data", () => {});
    await once(socket, "connect");
    ends.push(new Promise((resolve) => socket.once("close", resolve)));
    if (text !== "") socket.write(text);
    if (text.endsWith("\r\n\r\n")) await once(socket, "data");
    sockets.push(socket);
  }
  const before = performance.now();
  await server.close();
  assert.ok(performance.now() - before < 1500);
  for (const socket of sockets) socket.end();
  await Promise.all(ends);
  await assert.rejects(fetch(server.address));
});

test("on loopback only local names are answered: a page elsewhere may have its name point here", () =>
  withServer(async (_, port) => {
    const ask = (host: string) => exchange(port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, /\}/);
    assert.match(await ask(`localhost:${port}`), /^HTTP\/1\.1 200 /);
    assert.match(await ask("127.0.0.1"), /^HTTP\/1\.1 200 /);
    assert.match(await ask("evil.example:80"), /^HTTP\/1\.1 403 /);
  }));

test("on other addresses any name is answered", () =>
  withServer(
    async (_, port) => {
      const text = "GET / HTTP/1.1\r\nHost: worker-3.internal\r\nConnection: close\r\n\r\n";
      assert.match(await exchange(port, text, /\}/), /^HTTP\/1\.1 200 /);
    },
    hello,
    "0.0.0.0",
  ));

test("headers without end are refused", () =>
  withServer(async ({ address }, port) => {
    const text = `GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"x".repeat(100_000)}\r\n\r\n`;
    assert.doesNotMatch(await exchange(port, text, /\n/).catch(() => ""), /^HTTP\/1\.1 200 /);
    assert.equal((await fetch(address)).status, 200);
  }));

const noIPv6 = Object.values(networkInterfaces()).flat().every((address) => address?.address !== "::1");
test("IPv6 is listened on, with or without brackets", { skip: noIPv6 && "this machine has none" }, async () => {
  for (const bind of ["::1", "[::1]"]) {
    await withServer(
      async ({ address }) => {
        assert.match(address, /^http:\/\/\[::1\]:\d+$/);
        assert.equal((await fetch(address)).status, 200);
      },
      hello,
      bind,
    );
  }
});

test("isLocalHost knows this machine's names", () => {
  for (
    const host of ["localhost", "localhost:1", "127.0.0.1:6066", "[::1]:6066", "[::1]", "LOCALHOST", "a.localhost"]
  ) {
    assert.ok(isLocalHost(host), host);
  }
  for (const host of [undefined, "", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "::1.evil"]) {
    assert.ok(!isLocalHost(host), host);
  }
});
