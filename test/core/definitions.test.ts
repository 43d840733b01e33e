import assert from "node:assert/strict";
import { test } from "node:test";
import { actor } from "../../src/core/define-actor.ts";
import { type App, definitionOf } from "../../src/core/definition.ts";
import { app } from "../../src/core/app.ts";
import { topicWith } from "../../src/core/name.ts";
import { task } from "../../src/core/define-task.ts";
import { timer } from "../../src/core/define-timer.ts";
import type { TimerOptions } from "../../src/core/timer.ts";
import { describeSlot, upcoming } from "../../src/core/upcoming.ts";
import { coded, fakeApp, numbers } from "./fakes.ts";
import { DEFAULT_POLICY } from "../support/timer-policy.ts";

const nothing = async () => {};
/** For what the types refuse, and a program without types may still give. */
const anything = <T>(value: unknown) => value as T;

test("an app is what it was given, and starts nothing", () => {
  const { shop, definition, asked } = fakeApp({ url: "kafka://b:9092" }, "a.shop_of-2");
  assert.equal(shop.id, "a.shop_of-2");
  assert.equal(shop.options.url, "kafka://b:9092");
  assert.equal(definition.app, shop);
  assert.deepEqual(asked, []);
});

test("an app's life is its runtime's", async () => {
  const { shop, asked } = fakeApp();
  await shop.start();
  await shop.main(import.meta);
  await shop.stop();
  await shop[Symbol.asyncDispose]();
  assert.deepEqual(asked, ["start", "main", "stop", "stop"]);
});

test("a bad id is told at definition", () => {
  for (const id of ["", "a b", "ä", "-a", ".a", "_a", "a/b", "a\n", "x".repeat(101), anything<string>(7)]) {
    assert.throws(() => fakeApp({}, id), coded("INVALID_NAME", /id of this app/), String(id));
  }
  fakeApp({}, "x".repeat(100));
});

test("bad options of an app are told at definition", () => {
  for (const partitions of [0, -1, 1.5, NaN, Infinity, anything<number>("8")]) {
    assert.throws(() => fakeApp({ partitions }), coded("INVALID_OPTION", /partitions of app/));
    assert.throws(
      () => fakeApp({ replicationFactor: partitions }),
      coded("INVALID_OPTION", /replicationFactor of app/),
    );
  }
  assert.throws(() => fakeApp({ instanceId: "a b" }), coded("INVALID_NAME", /instanceId/));
  assert.throws(() => fakeApp({ sessionTimeout: 0 }), coded("INVALID_DURATION", /sessionTimeout/));
  assert.throws(() => fakeApp({ heartbeatInterval: "soon" }), coded("INVALID_DURATION", /heartbeatInterval/));
  // Whether they go together is known when all of them are: a flag or a variable may come before either.
  fakeApp({ heartbeatInterval: "3s" });
  fakeApp({ sessionTimeout: 6, heartbeatInterval: "3s" });
});

test("a bad serializer is told at definition", () => {
  const { shop } = fakeApp();
  for (const spec of ["yaml", 3, {}, { encode() {} }, { encode() {}, decode: 1 }, null]) {
    const bad = anything<"text">(spec);
    const refused = (what: RegExp) => coded("INVALID_OPTION", what);
    if (spec !== null) assert.throws(() => app("shop", { valueSerializer: bad }), refused(/^valueSerializer/));
    if (spec !== null) assert.throws(() => app("shop", { keySerializer: bad }), refused(/^keySerializer/));
    const options = { name: "orders" };
    assert.throws(() => actor(shop, { ...options, valueSerializer: bad }, nothing), refused(/actor orders/));
    assert.throws(() => actor(shop, { ...options, keySerializer: bad }, nothing), refused(/actor orders/));
  }
});

test("an actor has its function's name, its topic from it, and what the app says", async () => {
  const { shop, definition, asked } = fakeApp({ partitions: 3, valueSerializer: "text", keySerializer: numbers });
  const orders = actor(shop, async function orders() {});
  assert.equal(orders.name, "orders");
  assert.equal(orders.topic, "shop-orders");
  const defined = definition.actors.get("orders");
  assert.equal(defined?.partitions, 3);
  assert.equal(defined?.valueSerializer, definition.valueSerializer);
  assert.equal(defined?.keySerializer, numbers);
  await orders.send({ value: "a book" });
  assert.deepEqual(asked, ['send orders "a book"']);
});

test("an actor's options come before the app's", () => {
  const { shop, definition } = fakeApp({ partitions: 3 });
  const options = { name: "o", topic: "old.topic", partitions: 1, valueSerializer: numbers, keySerializer: "raw" };
  const orders = actor(shop, { ...options, keySerializer: "raw" as const }, async function anything() {});
  assert.deepEqual([orders.name, orders.topic], ["o", "old.topic"]);
  const defined = definition.actors.get("o");
  assert.equal(defined?.partitions, 1);
  assert.equal(defined?.valueSerializer, numbers);
  assert.deepEqual(defined?.keySerializer.encode("é"), new TextEncoder().encode("é"));
});

test("an actor has 8 partitions when nobody says more", () => {
  const { shop, definition } = fakeApp();
  actor(shop, { name: "orders" }, nothing);
  assert.equal(definition.actors.get("orders")?.partitions, 8);
});

test("two of one name, or of one topic, are told at definition", () => {
  const { shop } = fakeApp();
  actor(shop, async function orders() {});
  timer(shop, 1, function orders() {}); // an actor and a timer do not meet
  assert.throws(() => actor(shop, async function orders() {}), coded("DUPLICATE_NAME", /actor "orders"/));
  assert.throws(() => timer(shop, 2, function orders() {}), coded("DUPLICATE_NAME", /timer "orders"/));
  assert.throws(
    () => actor(shop, { name: "mails", topic: "shop-orders" }, nothing),
    coded("DUPLICATE_NAME", /orders and mails would share the topic shop-orders/),
  );
  assert.throws(() => actor(shop, async function master() {}), coded("DUPLICATE_NAME", /shop-master .* journal/));
  const { shop: other } = fakeApp({}, "other");
  actor(other, async function orders() {});
});

test("what was refused leaves nothing behind", () => {
  const { shop, definition } = fakeApp();
  assert.throws(() => actor(shop, { name: "orders", partitions: 0 }, nothing));
  assert.throws(() => timer(shop, -1, { name: "orders" }, nothing));
  assert.equal(definition.actors.size + definition.timers.size, 0);
  actor(shop, { name: "orders" }, nothing);
  timer(shop, 1, { name: "orders" }, nothing);
});

test("a name that a build may have changed is an error, unless it was given", () => {
  const { shop } = fakeApp();
  const unreliable = (what: string) => coded("INVALID_NAME", new RegExp(`This ${what} has no reliable name`));
  const called = (name: string) => Object.defineProperty(async () => {}, "name", { value: name });
  for (const name of ["", "u", "fn"]) {
    assert.throws(() => actor(shop, called(name)), unreliable("actor"));
    assert.throws(() => timer(shop, 1, called(name)), unreliable("timer"));
  }
  assert.equal(actor(shop, called("say")).topic, "shop-say");
  assert.equal(actor(shop, { name: "u" }, called("")).topic, "shop-u");
  timer(shop, 1, { name: "u" }, called(""));
});

test("a name that cannot be part of a topic is an error", () => {
  const { shop } = fakeApp();
  const bound = async function orders() {}.bind(undefined);
  assert.throws(() => actor(shop, bound), coded("INVALID_NAME", /bound orders/));
  for (const name of ["", "a b", "$orders", "_orders", "x".repeat(101)]) {
    assert.throws(() => actor(shop, { name }, nothing), coded("INVALID_NAME", /name of this actor/));
    assert.throws(() => timer(shop, 1, { name }, nothing), coded("INVALID_NAME", /name of this timer/));
  }
  for (const topic of ["", "a b", "$orders", ".", "..", "é", "x".repeat(250)]) {
    assert.throws(() => actor(shop, { name: "a", topic }, nothing), coded("INVALID_NAME", /topic of actor a/));
  }
});

test("a topic may have any name that Kafka takes", () => {
  const { shop } = fakeApp();
  for (const [index, topic] of ["_orders", "-", ".a", "...", "x".repeat(249)].entries()) {
    assert.equal(actor(shop, { name: `a${index}`, topic }, nothing).topic, topic);
  }
});

test("a topic's name with an ending has room, and no other topic has the same", () => {
  assert.equal(topicWith("shop-orders", ".dead"), "shop-orders.dead");
  assert.equal(topicWith("x".repeat(244), ".dead"), `${"x".repeat(244)}.dead`);
  const long = ["a", "b"].map((last) => topicWith("x".repeat(248) + last, ".dead"));
  for (const name of long) assert.match(name, /^x{235}-[0-9a-f]{8}\.dead$/);
  assert.notEqual(long[0], long[1]);
});

test("an actor's partitions are a whole number", () => {
  const { shop } = fakeApp();
  for (const partitions of [0, -8, 0.5, NaN]) {
    const define = () => actor(shop, { name: "orders", partitions }, nothing);
    assert.throws(define, coded("INVALID_OPTION", /partitions of actor orders/));
  }
});

test("a handler that is no function, or a generator, is an error", () => {
  const { shop } = fakeApp();
  for (const handler of [undefined, {}, "orders"]) {
    assert.throws(
      () => actor(shop, { name: "orders" }, anything<typeof nothing>(handler)),
      coded("INVALID_OPTION", /not a function/),
    );
    assert.throws(
      () => timer(shop, 1, { name: "orders" }, anything<typeof nothing>(handler)),
      coded("INVALID_OPTION", /not a function/),
    );
  }
  assert.throws(() => actor(shop, anything<typeof nothing>(undefined)), coded("INVALID_OPTION", /not a function/));
  assert.throws(() => timer(shop, 1, anything<typeof nothing>(undefined)), coded("INVALID_OPTION", /not a function/));
  for (const handler of [async function* orders() {}, function* orders() {}]) {
    assert.throws(() => actor(shop, anything<typeof nothing>(handler)), coded("INVALID_OPTION", /generator/));
  }
});

test("a timer has a name, a rule, and is for every worker unless it says so", () => {
  const { shop, definition } = fakeApp();
  const restock = () => {};
  timer(shop, 2.5, restock);
  timer(shop, "1m30s", { onMaster: true, name: "daily" }, restock);
  const defined = [...definition.timers.values()].map(({ rule, ...timer }) => ({ ...timer, rule: rule.text }));
  assert.deepEqual(defined, [
    { name: "restock", rule: "every 2s500ms", onMaster: false, policy: DEFAULT_POLICY, fn: restock },
    { name: "daily", rule: "every 1m30s", onMaster: true, policy: DEFAULT_POLICY, fn: restock },
  ]);
  assert.deepEqual([...definition.timers.values()].map(({ rule }) => rule.every), [2500, 90_000]);
});

test("a timer's policy is what its options say, in ms", () => {
  const { shop, definition } = fakeApp();
  const options = {
    onMaster: true,
    overlap: "untilConsumed",
    catchUp: "all",
    catchUpWithin: "2d",
    retry: 3,
    timeout: "1m",
    spread: 30,
    immediately: true,
  } as const;
  timer(shop, "1h", options, function restock() {});
  assert.deepEqual(definition.timers.get("restock")?.policy, {
    overlap: "untilConsumed",
    catchUp: "all",
    catchUpWithin: 172_800_000,
    retry: 3,
    timeout: 60_000,
    spread: 30_000,
    immediately: true,
  });
  timer(shop, 1, { onMaster: true, catchUp: "skip", spread: "999ms" }, function other() {});
});

test("policies that make no sense, alone or together, are told at definition", () => {
  const { shop, definition } = fakeApp();
  const define = (options: object) => () => timer(shop, 1, anything(options), function restock() {});
  const refused = (options: object, what: RegExp) =>
    assert.throws(define(options), coded("INVALID_OPTION", what), JSON.stringify(options));
  refused({ overlap: "untilConsumed" }, /overlap of timer restock is "untilConsumed", which needs onMaster/);
  refused({ catchUp: "one" }, /catchUp of timer restock needs onMaster/);
  refused({ onMaster: false, catchUpWithin: 5 }, /catchUpWithin of timer restock needs onMaster/);
  refused({ onMaster: true, catchUp: "skip", catchUpWithin: 5 }, /leave one of them out/);
  refused({ overlap: "wait" }, /overlap of timer restock is not one of "skip", "queue", "allow", "untilConsumed"\.$/);
  refused({ overlap: "untilconsumed" }, /"untilConsumed"\. Did you mean untilConsumed\?$/);
  refused({ onMaster: true, catchUp: true }, /catchUp of timer restock is not one of "one", "skip", "all"/);
  refused({ retry: -1 }, /retry of timer restock is not a whole number of at least 0/);
  refused({ retry: 1.5 }, /retry/);
  refused({ immediately: 1 }, /immediately of timer restock is not true or false/);
  refused({ spread: 1 }, /spread of timer restock, 1s, must be shorter than the time between its slots, 1s/);
  refused({ spread: "1m" }, /spread of timer restock, 1m/);
  assert.throws(define({ timeout: 0 }), coded("INVALID_DURATION", /timeout of timer restock/));
  assert.throws(define({ spread: "soon" }), coded("INVALID_DURATION", /spread of timer restock/));
  assert.throws(
    define({ onMaster: true, catchUpWithin: -1 }),
    coded("INVALID_DURATION", /catchUpWithin of timer restock/),
  );
  assert.equal(definition.timers.size, 0);
});

test("a task has a name, and is for every worker unless it says so", () => {
  const { shop, definition } = fakeApp();
  const listen = async () => {};
  task(shop, listen);
  task(shop, { onMaster: true, name: "firehose" }, listen);
  assert.deepEqual([...definition.tasks.values()], [
    { name: "listen", onMaster: false, fn: listen },
    { name: "firehose", onMaster: true, fn: listen },
  ]);
  const define = (options: unknown) => () => task(shop, anything(options), async function drain() {});
  assert.throws(
    define({ onmaster: true }),
    coded("INVALID_OPTION", /Task drain has no option "onmaster"\. Did you mean/),
  );
  assert.throws(define({ spread: 1 }), coded("INVALID_OPTION", /Task drain has no option "spread"/));
  assert.throws(() => task(shop, anything(3)), coded("INVALID_OPTION", /last argument is not a function/));
  assert.throws(() => task(shop, async () => {}), coded("INVALID_NAME", /This task has no reliable name/));
});

test("a timer and a task of one name are told at definition, whichever comes first", () => {
  const { shop } = fakeApp();
  timer(shop, 1, function restock() {});
  task(shop, async function listen() {});
  assert.throws(() => task(shop, async function restock() {}), coded("DUPLICATE_NAME", /"restock"/));
  assert.throws(() => timer(shop, 1, function listen() {}), coded("DUPLICATE_NAME", /a task "listen" already/));
  assert.throws(() => task(shop, async function listen() {}), coded("DUPLICATE_NAME", /"listen"/));
});

test("an interval beyond what a date holds is refused, and one that only just fits has its slot", () => {
  const { shop, definition } = fakeApp();
  for (const every of ["100000000d1ms", 8.64e12 + 1, "9999999999d"]) {
    const define = () => timer(shop, every, { name: "restock" }, nothing);
    assert.throws(
      define,
      coded("INVALID_DURATION", /interval of timer restock: .* is too long.*100000000d/),
      `${every}`,
    );
  }
  timer(shop, "100000000d", { name: "restock", timeout: "25d" }, nothing);
  const rule = definition.timers.get("restock")?.rule;
  assert.deepEqual([rule?.next(Date.now()), rule?.next(8.64e15)], [8.64e15, undefined]);
  assert.equal(upcoming(rule ?? assert.fail(), Date.now(), 3).map(describeSlot).length, 1);
});

test("the last missed slot is never too old; of all of them those of a day are caught up", () => {
  const { shop, definition } = fakeApp();
  const windowOf = (options: TimerOptions) => {
    definition.timers.clear();
    timer(shop, 1, { name: "restock", onMaster: true, ...options }, nothing);
    return definition.timers.get("restock")?.policy.catchUpWithin;
  };
  assert.equal(windowOf({}), Infinity);
  assert.equal(windowOf({ catchUp: "all" }), 86_400_000);
  assert.equal(windowOf({ catchUp: "all", catchUpWithin: "7d" }), 7 * 86_400_000);
  assert.equal(windowOf({ catchUp: "one", catchUpWithin: "2h" }), 7_200_000);
});

test("an interval that is none is an error that names the timer", () => {
  const { shop } = fakeApp();
  for (const every of [-1, 0, NaN, Infinity, 0.0004, "", "-1s", "0s", "2x", anything<string>(null)]) {
    const define = () => timer(shop, every, { name: "restock" }, nothing);
    assert.throws(define, coded("INVALID_DURATION", /interval of timer restock/), String(every));
  }
});

test("an app of another copy of the package, or none, is an error that says so", () => {
  const { shop } = fakeApp();
  for (const stranger of [{ ...shop }, {}, null, undefined, "shop"]) {
    const other = anything<App>(stranger);
    assert.throws(() => actor(other, async function orders() {}), coded("INVALID_OPTION", /two copies are installed/));
    assert.throws(() => timer(other, 1, function orders() {}), coded("INVALID_OPTION", /two copies are installed/));
    assert.throws(() => definitionOf(other), coded("INVALID_OPTION"));
  }
});

test("an option that is misspelt or of the wrong kind is told at definition, with the nearest one", () => {
  const { shop } = fakeApp();
  const refused = (what: RegExp) => coded("INVALID_OPTION", what);
  assert.throws(() => fakeApp(anything({ valueSerialiser: "raw" })), refused(/Did you mean valueSerializer\?/));
  assert.throws(() => fakeApp(anything({ compression: "brotli" })), refused(/compression of app .*"zstd"/));
  assert.throws(() => fakeApp(anything({ sasl: { mechanism: "md5" } })), refused(/mechanism of sasl/));
  assert.throws(() => fakeApp(anything(3)), refused(/not an object, but 3/));
  assert.throws(() => fakeApp({ linger: -1 }), coded("INVALID_DURATION", /linger/));
  assert.throws(
    () => timer(shop, 1, anything({ onmaster: true }), function restock() {}),
    refused(/^Timer restock has no option "onmaster"\. Did you mean onMaster\?$/),
  );
  assert.throws(
    () => timer(shop, 1, anything({ onMaster: "yes" }), function restock() {}),
    refused(/onMaster of timer restock is not true or false/),
  );
  assert.throws(
    () => actor(shop, anything<{ name: string }>({ name: "orders", partition: 3 }), nothing),
    refused(/^Actor orders has no option "partition"\. Did you mean partitions\?$/),
  );
});
