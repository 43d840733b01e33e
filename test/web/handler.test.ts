import type { TimerRecord } from "../../src/worker/timers/timer-record.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeHandler, makeInformedHandler } from "../../src/web/handler.ts";
import type { Journal } from "../../src/worker/master/journal/journal.ts";
import type { RunningWorker, TimerStatus } from "../../src/worker/status.ts";
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

const SLOT = Date.parse("2026-01-01T00:00:00Z");
const TIMER: TimerStatus = {
  name: "publish",
  rule: "every 2s",
  every: 2000,
  onMaster: true,
  lastSlot: null,
  outcome: null,
  epoch: 0,
  worker: null,
  error: null,
  runningSince: null,
  runningSlot: null,
  notRunning: null,
  next: null,
  coming: [],
  ran: 0,
  failed: 0,
  skipped: 0,
  caughtUp: 0,
};
const RECORD: TimerRecord = {
  slot: SLOT,
  outcome: "ok",
  epoch: 4,
  worker: "box-2",
  ran: 9,
  failed: 1,
  skipped: 2,
  caughtUp: 3,
};

/** Asks a worker for `/`; `read` counts how often the journal was asked. */
function informed(master: boolean, journal: () => Promise<Journal | undefined>) {
  const mastership = { ...STATUS.mastership, master };
  const timers = [TIMER, { ...TIMER, name: "everywhere", onMaster: false, ran: 5 }];
  const read = { times: 0 };
  const handler = makeInformedHandler(fakeWorker({ status: () => ({ ...STATUS, mastership, timers }) }), () => {
    read.times++;
    return journal();
  });
  return { read, ask: (path = "/") => handler(new Request(`http://localhost${path}`)) };
}

test("only a whole status is prepared for, before it is asked for", async () => {
  const asked: string[] = [];
  const worker = fakeWorker({
    prepareStatus: async () => {
      await Promise.resolve();
      asked.push("prepared");
    },
    status: () => {
      asked.push("status");
      return STATUS;
    },
  });
  const handler = makeInformedHandler(worker, () => Promise.resolve(undefined));
  for (const path of ["/ready", "/health", "/nothing"]) await handler(new Request(`http://localhost${path}`));
  assert.deepEqual(asked, ["status"]);
  await handler(new Request("http://localhost/"));
  assert.deepEqual(asked.slice(0, 3), ["status", "prepared", "status"]);
});

const written: Journal = {
  master: undefined,
  timers: new Map([["publish", RECORD], ["gone", RECORD]]),
  rules: new Map(),
  running: new Map(),
};

test("GET / of a worker that is not master says since when a run of the master's is under way", async () => {
  const running = new Map([["publish", { slot: 1000, since: 2000, epoch: 4, worker: "w" }]]);
  const { ask } = informed(false, () => Promise.resolve({ ...written, running }));
  const { timers } = await body(await ask());
  assert.deepEqual(timers.map(({ runningSince, runningSlot }: TimerStatus) => [runningSince, runningSlot]), [
    ["1970-01-01T00:00:02.000Z", "1970-01-01T00:00:01.000Z"],
    [null, null],
    [null, null],
  ]);
});

test("GET / of a worker that is not master has what the journal says, also of timers that are gone", async () => {
  const { ask } = informed(false, () => Promise.resolve(written));
  const { timers } = await body(await ask());
  const told = timers.map((
    { name, rule, onMaster, lastSlot, epoch, ran }: TimerStatus,
  ) => [name, rule, onMaster, lastSlot, epoch, ran]);
  const slot = "2026-01-01T00:00:00.000Z";
  assert.deepEqual(told, [
    ["publish", "every 2s", true, slot, 4, 9],
    ["everywhere", "every 2s", false, null, 0, 5],
    ["gone", null, true, slot, 4, 9],
  ]);
});

test("the journal is asked once by those who ask at once, and not by the master or for anything else", async () => {
  const follower = informed(false, () => Promise.resolve(written));
  await Promise.all([follower.ask(), follower.ask(), follower.ask("/ready"), follower.ask("/health")]);
  assert.equal(follower.read.times, 1);
  await follower.ask();
  assert.equal(follower.read.times, 2);
  const master = informed(true, () => Promise.resolve(written));
  assert.equal((await body(await master.ask())).timers[0].epoch, 0);
  assert.equal(master.read.times, 0);
});

test("GET / has what the worker knows where the journal cannot be read", async () => {
  for (const journal of [() => Promise.reject(new Error("away")), () => Promise.resolve(undefined)]) {
    const { timers } = await body(await informed(false, journal).ask());
    assert.equal(timers.length, 2);
  }
});
