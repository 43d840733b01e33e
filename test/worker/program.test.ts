import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { Actor, Handler } from "../../src/core/actor.ts";
import { actor } from "../../src/core/define-actor.ts";
import type { App } from "../../src/core/definition.ts";
import { app, setRuntime } from "../../src/core/app.ts";
import type { AppOptions } from "../../src/core/app-options.ts";
import { MephistoError } from "../../src/core/errors.ts";
import { silent } from "../../src/core/logger.ts";
import { task } from "../../src/core/define-task.ts";
import { timer } from "../../src/core/define-timer.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Serializer } from "../../src/core/serializer.ts";
import type { JournalEntry } from "../../src/driver/master-log.ts";
import { timerEntry } from "../../src/worker/master/journal/journal.ts";
import { Program } from "../../src/worker/program.ts";
import { resolveSettings, type WorkerSettings } from "../../src/worker/settings.ts";
import { until } from "../support/until.ts";
import { coded, Lines } from "../core/fakes.ts";
import { FakeDriver, FakePartition, settle, shown } from "./fakes.ts";

type Shop = {
  shop: App<"text", "text">;
  drivers: FakeDriver[];
  settings: WorkerSettings[];
  program: Program;
  /** Used by the next driver that is made. */
  prepare: (driver: FakeDriver) => void;
};

/** An app that is run by a program over logs of ours. */
function made(options: AppOptions<"text", "text"> = {}): Shop {
  const drivers: FakeDriver[] = [];
  const settings: WorkerSettings[] = [];
  const programs: Program[] = [];
  const made = { prepare: (_: FakeDriver): void => {} };
  setRuntime((definition) => {
    const program = new Program(definition, (_, used) => {
      const driver = new FakeDriver(systemClock);
      made.prepare(driver);
      drivers.push(driver);
      settings.push(used);
      return driver;
    });
    programs.push(program);
    return {
      send: (actor, message) => program.send(actor, message),
      start: () => program.start(silent),
      stop: () => program.stop(),
      main: () => Promise.resolve(),
    };
  });
  const shop = app("shop", { valueSerializer: "text", ...options });
  return Object.assign(made, { shop, drivers, settings, program: programs[0] ?? assert.fail() });
}

const loops = async (stream: AsyncIterable<string>) => {
  for await (const _ of stream);
};

test("defining opens nothing, and the first send opens one log", async () => {
  const { shop, drivers } = made();
  const orders = actor(shop, { name: "orders" }, loops);
  assert.equal(drivers.length, 0);
  await orders.send({ value: "a", key: "k", headers: { text: "t", bytes: Uint8Array.of(104) }, timestamp: 5 });
  await Promise.all([orders.send({ value: "b" }), orders.send({ value: "c" })]);
  assert.equal(drivers.length, 1);
  const [first, second] = drivers[0]?.sent ?? [];
  assert.equal(first && shown(first), "shop-orders a text=t bytes=h");
  assert.deepEqual([first?.key, first?.timestamp], [new TextEncoder().encode("k"), 5]);
  assert.equal(second?.key, null);
  assert.ok(Math.abs((second?.timestamp ?? 0) - Date.now()) < 60_000);
  assert.deepEqual(drivers[0]?.calls, ["ensureTopics shop-orders"], "its topic is created, once, if no worker has");
  await shop.stop();
  assert.deepEqual(drivers[0]?.calls.slice(1), ["close 5000"]);
});

test("a send that cannot be made rejects, and throws nothing", async () => {
  const { shop, drivers } = made();
  const orders = actor(shop, { name: "orders" }, loops);
  const numbers: Serializer<number> = { encode: () => assert.fail("odd"), decode: () => 1 };
  const odd = actor(shop, { name: "odd", valueSerializer: numbers }, async () => {});
  const untyped = orders as Actor<unknown, unknown>;
  await assert.rejects(untyped.send({ value: 7 }), coded("ENCODE_FAILED", /^A message to orders cannot be sent/));
  await assert.rejects(untyped.send({ value: "a", key: 7 }), coded("ENCODE_FAILED", /^The key of a message to orders/));
  await assert.rejects(odd.send({ value: 1 }), coded("ENCODE_FAILED", /odd/));
  assert.equal(drivers.length, 0, "nothing was opened for it");
  const { shop: bad } = made({ url: "http://b" });
  await assert.rejects(actor(bad, { name: "orders" }, loops).send({ value: "a" }), coded("INVALID_URL"));
});

test("in a handler a send goes with the message in hand, in a tick with the tick, else at once", async () => {
  const shopping = made();
  const { shop, drivers } = shopping;
  const mails = actor(shop, { name: "mails" }, loops);
  const handler: Handler<string> = async (stream) => {
    for await (const value of stream) {
      void Promise.resolve().then(() => mails.send({ value: `handled ${value}` }));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  actor(shop, { name: "orders" }, handler);
  timer(shop, 0.01, { name: "restock", onMaster: true }, async () => {
    await mails.send({ value: "tick 1" });
    await mails.send({ value: "tick 2" });
  });
  await shop.start();
  const [driver = assert.fail()] = drivers;
  const { membership = assert.fail() } = driver;
  const { listener } = membership;
  driver.hold = true;
  listener.assigned([{ topic: "shop-orders", partition: 0 }]);
  const partition = new FakePartition(0);
  listener.deliver(partition.delivery("a"));
  await until(() => driver.held.length === 1);
  await settle();
  assert.equal(partition.acknowledged, 0);
  driver.held[0]?.done();
  await until(() => partition.acknowledged === 1);
  assert.deepEqual(driver.sent.map(shown), ["shop-mails handled a"]);

  membership.generation({ elected: true });
  await until(() => driver.master.committed.some((records) => records.length > 0));
  const published = driver.master.committed.find((records) => records.length > 0) ?? [];
  assert.deepEqual(published.map((record) => shown(record).split(" mephisto-")[0]), [
    "shop-mails tick 1",
    "shop-mails tick 2",
  ]);
  assert.equal(driver.sent.length, 1, "a tick's messages do not go through the others' publisher");

  driver.hold = false;
  await mails.send({ value: "outside" });
  assert.equal(driver.sent.map(shown)[1], "shop-mails outside");
  await shop.stop();
});

test("what a timer, a task or a handler starts and does not await fails it: never the process, also to another app", async () => {
  const lines = new Lines();
  const shopping = made({ logger: lines });
  const { shop, drivers } = shopping;
  const orders = actor(shop, { name: "orders" }, async (stream) => {
    for await (const _ of stream) void prices.send({ value: "a" });
  });
  const market = made();
  market.prepare = (driver) => driver.errors.set("send", new MephistoError("MESSAGE_REFUSED", "No answer from there."));
  const prices = actor(market.shop, { name: "prices" }, loops);
  const broken = { value: undefined } as unknown as { value: string };
  timer(shop, 0.01, { name: "here" }, () => void orders.send({ value: "x" }));
  timer(shop, 0.01, { name: "there" }, () => void prices.send({ value: "x" }));
  timer(shop, 0.01, { name: "onMaster", onMaster: true }, () => void prices.send({ value: "x" }));
  task(shop, { name: "encoding" }, () => void orders.send(broken));
  await shop.start();
  const [driver = assert.fail()] = drivers;
  const { membership = assert.fail() } = driver;
  driver.errors.set("send", new MephistoError("MESSAGE_TOO_LARGE", "Too large."));
  membership.generation({ elected: true });
  membership.listener.assigned([{ topic: "shop-orders", partition: 0 }]);
  const partition = new FakePartition(0);
  membership.listener.deliver(partition.delivery("a"));
  const told = (pattern: RegExp) => lines.all.some((line) => pattern.test(line));
  const failures = [
    /^error: Timer here failed at .*: Too large\./,
    /^error: Timer there failed at .*: No answer from there\./,
    /^error: Timer onMaster failed at .*: No answer from there\./,
    /^error: Task encoding failed: A message to orders cannot be sent|^error: Task encoding failed: .*undefined/,
    /^error: shop-orders\[0\] at offset 0 failed: No answer from there\./,
  ];
  await until(() => failures.every(told));
  assert.equal(partition.acknowledged, 0);
  await Promise.all([shop.stop(), market.shop.stop()]);
});

test("behind what has ended nothing is sent any more once the worker has stopped, and the stop waits for none of it", async () => {
  const { shop, drivers } = made();
  const mails = actor(shop, { name: "mails" }, loops);
  let refused: unknown;
  task(shop, { name: "beat" }, () => {
    const beat = async () => {
      for (;;) await Promise.all([mails.send({ value: "a" }), new Promise((resolve) => setTimeout(resolve, 1))]);
    };
    beat().catch((error: unknown) => refused = error);
  });
  await shop.start();
  const [driver = assert.fail()] = drivers;
  await until(() => driver.sent.length > 3);
  await shop.stop();
  await until(() => refused !== undefined);
  assert.ok(refused instanceof MephistoError && refused.code === "STOPPED");
});

test("a worker uses the log that was opened for sending, and is stopped with it", async () => {
  const { shop, drivers } = made();
  const orders = actor(shop, { name: "orders" }, loops);
  await orders.send({ value: "a" });
  await shop.start();
  assert.equal(drivers.length, 1);
  await shop.stop();
  assert.deepEqual(drivers[0]?.calls.map((call) => call.split(" ")[0]), [
    "ensureTopics",
    "connect",
    "ensureTopics",
    "join",
    "flush",
    "leave",
    "close",
  ]);
});

test("an app is started, stopped and started again", async () => {
  const { shop, drivers } = made();
  const orders = actor(shop, { name: "orders" }, loops);
  for (let round = 1; round <= 3; round++) {
    await shop.start();
    assert.equal(drivers.length, round);
    await orders.send({ value: "running" });
    await shop.stop();
    await shop.stop();
    await assert.rejects(orders.send({ value: "afterwards" }), coded("STOPPED", /shop has been stopped/));
  }
  assert.equal(drivers.length, 3);
});

test("a start while it stops waits for the end of that", async () => {
  const { shop, drivers } = made();
  actor(shop, { name: "orders" }, loops);
  await shop.start();
  const stopped = shop.stop();
  await shop.start();
  assert.ok(drivers[0]?.calls.at(-1)?.startsWith("close"));
  assert.equal(drivers.length, 2);
  await stopped;
  await shop.stop();
});

test("a stop while it starts settles, and start says STOPPED: before it, while no broker answers, while one hangs", async () => {
  const refused = new MephistoError("UNREACHABLE", "Nobody.");
  const prepared: ((driver: FakeDriver) => void)[] = [
    () => {},
    (driver) => driver.errors.set("connect", refused),
    (driver) => driver.waits.set("connect", new Promise(() => {})),
    (driver) => driver.ready = new Promise(() => {}),
  ];
  for (const [index, prepare] of prepared.entries()) {
    const shopping = made();
    const { shop, drivers } = shopping;
    actor(shop, { name: "orders" }, loops);
    shopping.prepare = prepare;
    const started = shop.start();
    const rejected = assert.rejects(started, coded("STOPPED", /App shop was stopped while it started/));
    if (index > 0) await until(() => drivers[0]?.calls.includes("connect"));
    await shop.stop();
    await rejected;
    assert.equal(drivers[0]?.calls.at(-1)?.startsWith("close"), index > 0 ? true : undefined);
    shopping.prepare = () => {};
    await shop.start();
    await shop.stop();
  }
});

test("a stop in a handler resolves, and its message is done", async () => {
  const { shop, drivers } = made();
  const stopped: string[] = [];
  actor(shop, { name: "orders" }, async (stream) => {
    for await (const value of stream) {
      await shop.stop();
      stopped.push(value);
    }
  });
  await shop.start();
  const [driver = assert.fail()] = drivers;
  driver.membership?.listener.assigned([{ topic: "shop-orders", partition: 0 }]);
  const partition = new FakePartition(0);
  driver.membership?.listener.deliver(partition.delivery("a", "b"));
  await until(() => stopped.length > 0);
  await shop.stop();
  assert.deepEqual([stopped, partition.acknowledged, driver.calls.at(-1)?.split(" ")[0]], [["a"], 1, "close"]);
});

test("one worker a process", async () => {
  const { shop, drivers } = made();
  actor(shop, { name: "orders" }, loops);
  await shop.start();
  await assert.rejects(shop.start(), coded("INVALID_OPTION", /has a worker in this process already/));
  assert.ok(!drivers[0]?.calls.includes("flush"), "the one that runs goes on");
  await shop.stop();
});

test("a start that fails leaves nothing open, and can be tried again", async () => {
  const shopping = made();
  const { shop, drivers } = shopping;
  actor(shop, { name: "orders" }, loops);
  const refused = new MephistoError("AUTHENTICATION_FAILED", "No.");
  shopping.prepare = (driver) => driver.errors.set("connect", refused);
  await assert.rejects(shop.start(), refused);
  assert.ok(drivers[0]?.calls.at(-1)?.startsWith("close"));
  shopping.prepare = () => {};
  await shop.start();
  await shop.stop();
});

test("a send while it stops is refused", async () => {
  const { shop } = made();
  const orders = actor(shop, { name: "orders" }, loops);
  await orders.send({ value: "a" });
  const stopped = shop.stop();
  await assert.rejects(orders.send({ value: "b" }), coded("STOPPED", /App shop has been stopped/));
  await stopped;
});

test("a handler may still send while the worker stops", async () => {
  const { shop, drivers } = made();
  const mails = actor(shop, { name: "mails" }, loops);
  const { promise, resolve } = Promise.withResolvers<void>();
  const handler: Handler<string> = async (stream) => {
    for await (const value of stream) {
      await promise;
      await mails.send({ value });
    }
  };
  actor(shop, { name: "orders" }, handler);
  await shop.start();
  const [driver = assert.fail()] = drivers;
  driver.membership?.listener.assigned([{ topic: "shop-orders", partition: 0 }]);
  const partition = new FakePartition(0);
  driver.membership?.listener.deliver(partition.delivery("a"));
  await until(() => partition.opened === 1);
  const stopped = shop.stop();
  resolve();
  await stopped;
  assert.deepEqual([driver.sent.map(shown), partition.acknowledged], [["shop-mails a"], 1]);
});

test("stopping what was never used, or cannot be closed, throws nothing", async () => {
  const { shop, drivers } = made();
  const orders = actor(shop, { name: "orders" }, loops);
  await shop.stop();
  assert.equal(drivers.length, 0);
  const broken = made();
  await actor(broken.shop, { name: "orders" }, loops).send({ value: "a" });
  broken.drivers[0]?.errors.set("close", new Error("broken"));
  await broken.shop.stop();
  await assert.rejects(orders.send({ value: "b" }), coded("STOPPED"));
});

test("settings come from the environment before the code, and are read when they are needed", async () => {
  const { shop, settings } = made({ url: "kafka://code:9092", sessionTimeout: 10, version: "1" });
  const orders = actor(shop, { name: "orders" }, loops);
  process.env.MEPHISTO_URL = "kafka://env:9092";
  process.env.MEPHISTO_VERSION = "";
  try {
    await orders.send({ value: "a" });
  } finally {
    delete process.env.MEPHISTO_URL;
    delete process.env.MEPHISTO_VERSION;
  }
  await shop.stop();
  await shop.start();
  await shop.stop();
  assert.deepEqual(settings.map(({ url, sessionTimeout, version }) => [url, sessionTimeout.value, version]), [
    [{ value: "kafka://env:9092", from: "MEPHISTO_URL" }, 10_000, { value: "1", from: "the code" }],
    [{ value: "kafka://code:9092", from: "the code" }, 10_000, { value: "1", from: "the code" }],
  ]);
});

/** The settings of a command line. */
const given = (options: AppOptions = {}) => resolveSettings(options, { flags: {}, env: {} });

test("the journal is read by one that joins nothing, and closed by stop", async () => {
  const own = made();
  const record = {
    slot: 1000,
    outcome: "ok",
    epoch: 2,
    worker: "w",
    ran: 3,
    failed: 0,
    skipped: 0,
    caughtUp: 0,
  } as const;
  const asked: string[] = [];
  own.prepare = (driver) =>
    Object.assign(driver.master, {
      readJournal(topic: string) {
        asked.push(topic);
        return Promise.resolve([timerEntry("restock", record)]);
      },
    });
  const journal = await own.program.journal(given(), 1000);
  assert.deepEqual(journal?.timers.get("restock"), record);
  assert.deepEqual(asked, ["shop-master"]);
  await own.program.stop();
  assert.deepEqual(own.drivers[0]?.calls, ["close 5000"]);
});

test("a journal that is not there is none, one that cannot be read is an error, and the time limit ends", async () => {
  const own = made();
  let answer: () => Promise<readonly JournalEntry[]> = () =>
    Promise.reject(new MephistoError("UNKNOWN_TOPIC", "None."));
  own.prepare = (driver) => Object.assign(driver.master, { readJournal: () => answer() });
  assert.equal(await own.program.journal(given(), 1000), undefined);
  answer = () => Promise.reject(new MephistoError("UNREACHABLE", "Nobody."));
  await assert.rejects(own.program.journal(given(), 1000), coded("UNREACHABLE", /^Nobody/));
  answer = () => Promise.resolve([{ key: "master", value: new Uint8Array([1]) }]);
  await assert.rejects(
    own.program.journal(given(), 1000),
    coded("JOURNAL_UNUSABLE", /"master" of the journal shop-master/),
  );
  answer = () => new Promise(() => {});
  const url = "kafka+ssl://me:secret@b:9093";
  await assert.rejects(
    own.program.journal(given({ url }), 1),
    coded("UNREACHABLE", /^kafka\+ssl:\/\/b:9093 has not answered within 1ms\.$/),
  );
  await own.program.stop();
});

test("a worker inside a program that cannot go on says why, and stops", async () => {
  const lines = new Lines();
  const { shop, drivers } = made({ logger: lines });
  actor(shop, { name: "orders" }, loops);
  await shop.start();
  drivers[0]?.membership?.listener.failed(new MephistoError("PROTOCOL", "Somebody else has its place."));
  await until(() => drivers[0]?.calls.some((call) => call.startsWith("close")) ?? false);
  assert.deepEqual(lines.of(/^error/), ["error: The worker has ended: Somebody else has its place."]);
  assert.deepEqual(lines.fields.at(lines.all.indexOf(lines.of(/^error/)[0] ?? "")), { app: "shop", code: "PROTOCOL" });
});

test("a program's own logger that throws keeps no worker from its work", async () => {
  const handled: string[] = [];
  let threw = 0;
  const broken = () => {
    threw++;
    throw Object.create(null);
  };
  const { shop, drivers } = made({ logger: { debug: broken, info: broken, warn: broken, error: broken } });
  actor(shop, { name: "orders" }, async (stream) => {
    for await (const value of stream) {
      handled.push(value);
      if (handled.length === 1) throw new Proxy({}, { get: broken, getPrototypeOf: broken });
    }
  });
  await shop.start();
  const partition = new FakePartition(0);
  drivers[0]?.membership?.listener.assigned([{ topic: "shop-orders", partition: 0 }]);
  drivers[0]?.membership?.listener.deliver(partition.delivery("a", "b"));
  await until(() => handled.length === 3);
  assert.deepEqual(handled, ["a", "a", "b"]);
  assert.ok(threw > 3);
  await shop.stop();
});

test("a misspelt variable of ours is told when a worker starts, or something is sent", async () => {
  process.env.MEPHISTO_ULR = "kafka://env:9092";
  try {
    const { shop, drivers } = made();
    actor(shop, { name: "orders" }, loops);
    const told = coded("INVALID_OPTION", /MEPHISTO_ULR\. Did you mean MEPHISTO_URL\?/);
    await assert.rejects(shop.start(), told);
    const { shop: sender } = made();
    await assert.rejects(actor(sender, { name: "orders" }, loops).send({ value: "a" }), told);
    assert.equal(drivers.length, 0);
  } finally {
    delete process.env.MEPHISTO_ULR;
  }
});

test("a worker inside a program leaves to it what nobody catches or handles", async () => {
  const events = ["unhandledRejection", "uncaughtException"] as const;
  const counts = () => events.map((event) => process.listenerCount(event));
  const before = counts();
  const { shop } = made();
  actor(shop, { name: "orders" }, loops);
  await shop.start();
  assert.deepEqual(counts(), before);
  await shop.stop();
});

test("a loop over sends that are refused, and that nobody minds, keeps the event loop from nothing", async () => {
  const { shop } = made();
  const orders = actor(shop, { name: "orders" }, loops);
  await orders.send({ value: "1" });
  await shop.stop();
  let fired = false;
  setTimeout(() => fired = true, 0);
  for (const until = performance.now() + 2000; !fired && performance.now() < until;) {
    await assert.rejects(orders.send({ value: "2" }), coded("STOPPED"));
  }
  assert.ok(fired);
});
