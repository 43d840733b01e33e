import assert from "node:assert/strict";
import { test } from "node:test";
import { makeHandler } from "../../src/web/handler.ts";
import type { RunningWorker } from "../../src/worker/status.ts";
import { fakeWorker, STATUS } from "../cli/fake.ts";

function get(
  path: string,
  { worker = fakeWorker(), ...init }: RequestInit & { worker?: RunningWorker } = {},
): Response {
  return makeHandler(worker)(new Request(`http://localhost${path}`, init));
}
const unready = (part: Partial<typeof STATUS>) =>
  fakeWorker({ ready: () => false, status: () => ({ ...STATUS, ...part }) });

const body = async (response: Response) => JSON.parse(await response.text());

test("GET / is the worker's status", async () => {
  const response = get("/");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.deepEqual(await body(response), STATUS);
});

test("a browser gets it with line breaks, a program without", async () => {
  const browser = await get("/", { headers: { accept: "text/html,*/*" } }).text();
  const program = await get("/").text();
  assert.ok(browser.split("\n").length > 10);
  assert.equal(program.split("\n").length, 2);
});

test("GET /health is 200 also for a worker that is not ready", async () => {
  const response = get("/health", { worker: unready({ state: "starting" }) });
  assert.equal(response.status, 200);
  assert.deepEqual(await body(response), { healthy: true });
});

test("GET /ready is 200 when the worker is ready", async () => {
  const response = get("/ready");
  assert.equal(response.status, 200);
  assert.deepEqual(await body(response), { ready: true });
});

test("GET /ready is 503 with a reason when it is not", async () => {
  const reason = "The worker has not joined its group yet.";
  const response = get("/ready", { worker: unready({ state: "starting", ready: false, reason }) });
  assert.equal(response.status, 503);
  assert.deepEqual(await body(response), { ready: false, reason });
});

test("HEAD has the headers of GET and no body", async () => {
  for (const path of ["/", "/health", "/ready", "/nothing"]) {
    const [head, whole] = [get(path, { method: "HEAD" }), get(path)];
    assert.equal(head.status, whole.status);
    assert.equal(head.headers.get("content-length"), whole.headers.get("content-length"));
    assert.equal(await head.text(), "");
  }
});

test("other paths are 404, other methods 405, each with one sentence of JSON", async () => {
  for (const path of ["/nothing", "/health/", "/constructor", "/__proto__"]) {
    const response = get(path);
    assert.equal(response.status, 404);
    assert.equal(typeof (await body(response)).error, "string");
  }
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const response = get("/ready", { method });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get("allow"), "GET, HEAD");
    assert.equal((await body(response)).error, "/ready is only to be read: use GET.");
  }
});

test("a query changes nothing", () => assert.equal(get("/health?x=1").status, 200));
