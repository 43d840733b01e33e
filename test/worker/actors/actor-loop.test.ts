import { BAD_THENABLE, HOSTILE } from "../../core/hostile.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Handler } from "../../../src/core/actor.ts";
import { ByteBudget } from "../../../src/core/byte-budget.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import type { Stream } from "../../../src/core/stream.ts";
import { Yielder } from "../../../src/core/yielder.ts";
import { ActorLoop } from "../../../src/worker/actors/actor-loop.ts";
import { PartitionBuffer } from "../../../src/worker/actors/partition-buffer.ts";
import { BlockWatch } from "../../../src/worker/calls/block-watch.ts";
import { Lines, supervisorOf } from "../../core/fakes.ts";
import { loopParts } from "./actor-loop-parts.ts";
import { FakePartition, FakeTime, isDone, message, nextTurn, settle, shown, textActor, UNREADABLE } from "../fakes.ts";

/** A loop over a handler, on partitions that are assigned as they are named. `read` is called with each value's bytes. */
function made(handler: Handler<string>, count = 1, read: (bytes: Uint8Array) => void = () => {}) {
  const time = new FakeTime();
  const lines = new Lines();
  const { driver, ...rest } = loopParts(time, lines, time.sleep);
  const scopes = rest.context;
  const actor = textActor(handler);
  const { decode, ...serializer } = actor.valueSerializer;
  const valueSerializer = {
    ...serializer,
    decode: (bytes: Uint8Array) => {
      read(bytes);
      return decode(bytes);
    },
  };
  /** The loop's next reading of the clock throws, once. */
  const broken = { clock: false };
  const fault = () => {
    broken.clock = false;
    throw new TypeError("undefined is not a function");
  };
  const supervisor = supervisorOf({ logger: lines, clock: time, sleep: time.sleep });
  const loop = new ActorLoop({ ...actor, valueSerializer }, {
    ...rest,
    clock: { wall: time.wall, monotonic: () => broken.clock ? fault() : time.monotonic() },
    sleep: time.sleep,
    supervisor,
  });
  const partitions = Array.from({ length: count }, (_, partition) => new FakePartition(partition));
  for (const { partition } of partitions) loop.assigned(partition);
  const [first = new FakePartition(0), second = new FakePartition(1)] = partitions;
  /** As `send` of an actor does it. */
  const send = (value: string) => {
    const scope = scopes.get();
    assert.ok(scope);
    const bytes = new TextEncoder().encode(value);
    return scope.send({ topic: "out", key: null, value: bytes, headers: [], timestamp: 0 });
  };
  loop.start();
  return { time, driver, lines, loop, supervisor, broken, partitions, first, second, send };
}

/** A gate that a handler stands at. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: () => resolve() };
}

test("messages come to the handler, and their acknowledgements go back", async () => {
  const seen: string[] = [];
  const { loop, first } = made(async (stream) => {
    for await (const value of stream) seen.push(value);
  });
  loop.deliver(first.delivery("a", "b"));
  await settle();
  loop.deliver(first.delivery("c"));
  await settle();
  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.equal(first.acknowledged, 3);
  assert.deepEqual([first.opened, first.closed], [2, 2]);
  assert.deepEqual(loop.counts, { handled: 3, failed: 0, deadLettered: 0 });
  assert.deepEqual(loop.partitions, [0]);
  await loop.stop();
});

test("a delivery is opened only when it is its turn", async () => {
  const stand = gate();
  const { loop, first } = made(async (stream) => {
    for await (const _ of stream) await stand.promise;
  });
  loop.deliver(first.delivery("a"));
  loop.deliver(first.delivery("b"));
  await settle();
  assert.deepEqual([first.opened, first.closed], [1, 0]);
  stand.open();
  await settle();
  assert.deepEqual([first.opened, first.closed], [2, 2]);
  await loop.stop();
});

test("a delivery of a partition that is not ours is closed", () => {
  const { loop } = made(async () => {});
  const stranger = new FakePartition(7);
  loop.deliver(stranger.delivery("a"));
  assert.deepEqual([stranger.opened, stranger.closed], [0, 1]);
  void loop.stop();
});

test("a delivery that cannot be opened is passed over", async () => {
  const seen: string[] = [];
  const { loop, first } = made(async (stream) => {
    for await (const value of stream) seen.push(value);
  });
  const bad = first.delivery();
  loop.deliver({ ...bad, open: () => undefined });
  loop.deliver(first.delivery("a"));
  await settle();
  assert.deepEqual([seen, first.closed], [["a"], 2]);
  await loop.stop();
});

test("markers of transactions are read past", async () => {
  const { loop, first } = made(async (stream) => {
    for await (const _ of stream);
  });
  loop.deliver(first.delivery("a"));
  await settle();
  loop.deliver(first.markers(2));
  await settle();
  assert.deepEqual([first.acknowledged, first.closed], [3, 2]);
  loop.deliver(first.markers(1));
  loop.deliver(first.delivery("b"));
  await settle();
  assert.deepEqual(first.acknowledgements, [1, 3, 5]);
  await loop.stop();
});

test("markers behind a batch that is being gathered do not acknowledge it", async () => {
  const batches: string[][] = [];
  const { loop, first, time } = made(async (stream) => {
    for await (const batch of stream.take(10, { within: 1 })) batches.push(batch);
  });
  loop.deliver(first.delivery("a"));
  await settle();
  loop.deliver(first.markers(1));
  await settle();
  assert.deepEqual([batches, first.acknowledgements], [[], []]);
  await time.pass(1100);
  assert.deepEqual([batches, first.acknowledgements], [[["a"]], [1, 2]]);
  await loop.stop();
});

const many = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);

test("partitions have turns by time, and none waits for another's backlog", async () => {
  // [ms that a message takes, of which so many of the first partition go before the second has its turn]
  for (const [each, turn] of [[0.01, 2000], [1, 20], [5, 4], [250, 1], [30_000, 1]] as const) {
    const seen: number[] = [];
    const { loop, first, second, time } = made(async (stream) => {
      for await (const { partition } of stream.events()) {
        seen.push(partition);
        await time.sleep(each);
      }
    }, 2);
    loop.deliver(first.delivery(...many(turn + 50)));
    loop.deliver(second.delivery(...many(10)));
    for (let i = 0; i < turn + 60; i++) await time.pass(each);
    const length = seen.indexOf(1);
    assert.ok(length >= turn && length <= turn + 8, `${each} ms each: a turn of ${length}, and ${turn} is right`);
    if (turn === 1) assert.deepEqual(seen.slice(0, 6), [0, 1, 0, 1, 0, 1]);
    void loop.stop();
  }
});

test("messages that are slow of a sudden end the turn at once", async () => {
  const seen: number[] = [];
  let each = 0;
  const { loop, first, second, time } = made(async (stream) => {
    for await (const { partition, offset } of stream.events()) {
      if (offset === 100) each = 30_000;
      if (each > 0) seen.push(partition);
      if (each > 0) await time.sleep(each);
    }
  }, 2);
  loop.deliver(first.delivery(...many(200)));
  await settle();
  loop.deliver(second.delivery(...many(10)));
  for (let i = 0; i < 5; i++) await time.pass(each);
  assert.deepEqual(seen.slice(0, 5), [0, 1, 0, 1, 0]);
  void loop.stop();
});

test("batches have turns by time too", async () => {
  const seen: number[] = [];
  const { loop, first, second, time } = made(async (stream) => {
    for await (const batch of stream.take(2, { within: 0 })) {
      seen.push(Number(batch[0]?.slice(1)));
      await time.sleep(250);
    }
  }, 2);
  loop.deliver(first.delivery("m0", "m0", "m0", "m0", "m0", "m0"));
  loop.deliver(second.delivery("m1", "m1", "m1", "m1"));
  for (let i = 0; i < 6; i++) await time.pass(250);
  assert.deepEqual(seen, [0, 1, 0, 1, 0]);
  void loop.stop();
});

test("a retry that is due goes before other partitions' turns, also in batches", async () => {
  for (const how of ["events", "take"]) {
    const attempts: number[] = [];
    const { loop, partitions, time } = made(async (stream) => {
      const source = how === "take" ? stream.take(1, { within: 0 }) : stream;
      for await (const value of source) {
        if (String(value) !== "bad") await time.sleep(150);
        else {
          attempts.push(time.monotonic());
          if (attempts.length < 3) throw new Error("not yet");
        }
      }
    }, 9);
    for (const partition of partitions) {
      loop.deliver(partition.delivery(...partition.partition === 0 ? ["bad"] : many(30)));
    }
    for (let i = 0; i < 20; i++) await time.pass(150);
    const [one = 0, two = 0, three = 0] = attempts;
    assert.ok(two - one >= 200 && two - one <= 355, `${how}: the second attempt after ${two - one} ms`);
    assert.ok(three - two >= 500 && three - two <= 655, `${how}: the third attempt after ${three - two} ms`);
    void loop.stop();
  }
});

test("a retry that is due ends the turn of quick messages", async () => {
  const attempts: number[] = [];
  const { loop, first, second, time } = made(async (stream) => {
    for await (const value of stream) {
      if (value !== "bad") await time.sleep(3);
      else if (attempts.push(time.monotonic()) < 5) throw new Error("not yet");
    }
  }, 2);
  loop.deliver(first.delivery("bad"));
  await time.pass(1);
  loop.deliver(second.delivery(...many(2000)));
  for (let i = 0; i < 2000 && attempts.length < 5; i++) await time.pass(3);
  const late = [200, 500, 1000, 2000].map((pause, n) => (attempts[n + 1] ?? Infinity) - (attempts[n] ?? 0) - pause);
  assert.ok(late.every((ms) => ms >= 0 && ms <= 6), `late by ${late.join(", ")} ms`);
  void loop.stop();
});

test("of retries that are due together the one that has waited longest goes first", async () => {
  const attempts: number[] = [];
  const { loop, partitions, time } = made(async (stream) => {
    for await (const { partition, value } of stream.events()) {
      if (value === "slow") await time.sleep(30_000);
      else {
        attempts.push(partition);
        throw new Error("no");
      }
    }
  }, 3);
  const [once, twice, slow] = partitions;
  assert.ok(once && twice && slow);
  loop.deliver(twice.delivery("bad"));
  await time.pass(450); // tried again after 200 ms, and due after 500 ms more
  loop.deliver(once.delivery("bad"));
  await time.pass(1);
  loop.deliver(slow.delivery("slow"));
  await time.pass(30_100);
  assert.deepEqual(attempts.slice(0, 5), [1, 1, 0, 0, 1]);
  void loop.stop();
});

test("a moment that passes between two readings of the clock wakes", async () => {
  let due = Infinity;
  let now = 0;
  const coming: number[] = [];
  const clock = { monotonic: () => now = coming.shift() ?? now, wall: () => 0 };
  let attempts = 0;
  const lines = new Lines();
  const loop = new ActorLoop(
    textActor(async (stream) => {
      for await (const _ of stream) if (++attempts < 3) throw new Error("no");
    }),
    {
      ...loopParts(clock, lines),
      // The runtime's timer is a little early: what follows reads the clock just before the moment, and just after it.
      sleep: async () => {
        await nextTurn();
        const last = lines.all.findLast((line) => /follows in/.test(line));
        if (last === undefined) return;
        due = now + (/in (\d+)ms/.test(last) ? Number(RegExp.$1) : 500);
        coming.push(due - 0.001, due + 0.001);
      },
    },
  );
  const partition = new FakePartition(0);
  loop.assigned(0);
  loop.deliver(partition.delivery("a"));
  loop.start();
  for (let i = 0; i < 100 && partition.acknowledged === 0; i++) await nextTurn();
  assert.deepEqual([attempts, partition.acknowledged], [3, 1]);
  await loop.stop();
});

test("a handler that waits for nothing leaves the event loop its turns", async () => {
  for (const how of ["stream", "events", "take 1", "take 20", "undecodable"]) {
    const { loop, first, time } = made(
      async (stream) => {
        const source: AsyncIterable<unknown> = how === "stream" || how === "undecodable"
          ? stream
          : how === "events"
          ? stream.events()
          : stream.take(Number(how.slice(5)), { within: 0 });
        for await (const value of source) time.jump(Array.isArray(value) ? 10 * value.length : 10);
      },
      1,
      (bytes) => {
        if (how !== "undecodable") return;
        time.jump(10);
        throw new Error(`${bytes.length} bytes that cannot be decoded`);
      },
    );
    let turns = 0;
    const count = () => {
      turns++;
      if (first.acknowledged < 100) setImmediate(count);
    };
    setImmediate(count);
    loop.deliver(first.delivery(...many(100)));
    for (let i = 0; i < 300 && first.acknowledged < 100; i++) await time.pass(10);
    assert.equal(first.acknowledged, 100, how);
    assert.ok(turns >= (how === "take 20" ? 5 : 40), `${how}: ${turns} turns of the event loop in 1 s`);
    await loop.stop();
  }
});

test("without room one run is open at a time, every partition comes to its end, and batches do not wait", async () => {
  for (const how of ["stream", "take"]) {
    const time = new FakeTime();
    const { driver: _, ...rest } = loopParts(time, new Lines());
    const partitions = [0, 1, 2].map((partition) => new FakePartition(partition));
    let most = 0;
    const look = () => most = Math.max(most, partitions.reduce((sum, { opened, closed }) => sum + opened - closed, 0));
    const loop = new ActorLoop(
      textActor(async (stream) => {
        for await (const _ of how === "take" ? stream.take(10, { within: "1h" }) : stream) {
          look();
          await time.sleep(30);
        }
      }),
      { ...rest, sleep: time.sleep, budget: new ByteBudget(0) },
    );
    for (const partition of partitions) {
      loop.assigned(partition.partition);
      for (let i = 0; i < 3; i++) loop.deliver(partition.delivery("a", "b"));
    }
    loop.start();
    for (let i = 0; i < 30; i++) await time.pass(30);
    assert.deepEqual(partitions.map(({ acknowledged }) => acknowledged), [6, 6, 6], how);
    assert.ok(most <= 1, `${most} runs were open`);
    void loop.stop();
  }
});

/** A loop that takes batches, and a budget whose bytes the test reads. */
function batching(within: string, room: ByteBudget, hold: () => Promise<void>) {
  const time = new FakeTime();
  const { driver: _, ...rest } = loopParts(time, new Lines());
  const batches: string[][] = [];
  const loop = new ActorLoop(
    textActor(async (stream) => {
      for await (const batch of stream.take(10, { within })) {
        batches.push(batch);
        await hold();
        if (batch.includes("bad") && batches.length < 5) throw new Error("no");
      }
    }),
    { ...rest, sleep: time.sleep, budget: room },
  );
  const partitions = [new FakePartition(0), new FakePartition(1)] as const;
  for (const { partition } of partitions) loop.assigned(partition);
  loop.start();
  return { time, loop, batches, partitions };
}

test("without room, a batch whose messages are all lost while it is gathered does not wait for room", async () => {
  const room = new ByteBudget(100);
  const { time, loop, batches, partitions: [first, second] } = batching("1h", room, () => Promise.resolve());
  loop.deliver(first.delivery("a"));
  await settle();
  room.add(100);
  loop.lost(0);
  loop.deliver(second.delivery("x"));
  await time.pass(1000);
  assert.deepEqual([batches, second.acknowledged], [[["x"]], 1]);
  await loop.stop();
});

test("what is gathered, in hand or to be tried again takes room until it is done, lost or given up", async () => {
  for (const end of ["done", "lost", "revoked", "failed", "stop"] as const) {
    const room = new ByteBudget(1000);
    const stand = gate();
    const { time, loop, batches, partitions: [first, second] } = batching("1s", room, () => stand.promise);
    const sized = (partition: FakePartition, bytes: number, ...values: string[]) => {
      loop.deliver(partition.sized(room, bytes, ...values));
    };
    sized(first, 100, "a");
    sized(first, 100, end === "failed" ? "bad" : "b");
    sized(second, 100, "c");
    await settle();
    assert.deepEqual([first.closed, room.held], [2, 300], "each partition has room for more, the worker has not");
    await time.pass(1100);
    assert.deepEqual([batches.length, room.held], [1, 300]);
    if (end === "lost") {
      loop.lost(0);
      assert.equal(room.held, 100);
    }
    const revoked = end === "revoked" ? loop.revoked(0) : undefined;
    if (revoked) assert.equal(room.held, 100, "of the other");
    const stopped = end === "stop" ? loop.stop() : undefined;
    stand.open();
    await settle();
    if (end === "failed") assert.deepEqual([batches.length, room.held], [4, 100], "it waits for its next attempt");
    if (end === "failed") await time.pass(10_000);
    await revoked;
    await stopped;
    assert.equal(room.held, 0, end);
    await loop.stop();
  }
});

test("a message that is the last of its run, and fails, takes room until it is done", async () => {
  const room = new ByteBudget(1000);
  const time = new FakeTime();
  let fails = true;
  const loop = new ActorLoop(
    textActor(async (stream) => {
      for await (const _ of stream) if (fails) throw new Error("no");
    }),
    { ...loopParts(time, new Lines()), sleep: time.sleep, budget: room },
  );
  const partition = new FakePartition(0);
  loop.assigned(0);
  loop.start();
  loop.deliver(partition.sized(room, 100, "a"));
  await time.pass(300);
  assert.deepEqual([partition.acknowledged, room.held], [0, 100]);
  fails = false;
  await time.pass(1000);
  assert.deepEqual([partition.acknowledged, room.held], [1, 0]);
  await loop.stop();
});

test("a batch for which there is no more room is handed out as it is", async () => {
  const room = new ByteBudget(250);
  const { loop, batches, partitions: [first] } = batching("1h", room, () => Promise.resolve());
  for (const value of many(9)) loop.deliver(first.sized(room, 100, value));
  await settle();
  assert.deepEqual(batches.map(({ length }) => length), [3, 3, 3]);
  await loop.stop();
});

test("a message that came after a wait, and blocks, is named as soon as its handler comes back", async () => {
  const time = new FakeTime();
  const lines = new Lines();
  const { driver: _, ...rest } = loopParts(time, lines);
  const yielder = new Yielder(time, nextTurn, time.sleep);
  const blocks = new BlockWatch({ yielder, clock: time, sleep: time.sleep, logger: lines, sessionTimeout: 6000 });
  const loop = new ActorLoop(
    textActor(async (stream) => {
      for await (const _ of stream) time.jump(8000);
    }),
    { ...rest, sleep: time.sleep, yielder, blocks },
  );
  const partition = new FakePartition(0);
  loop.assigned(0);
  loop.start();
  await settle();
  loop.deliver(partition.delivery("a", "b"));
  await settle();
  assert.match(lines.all[0] ?? "", /8\.0 s: actor orders with shop-orders\[0\] at offset 0 blocked it/);
  assert.equal(partition.acknowledged, 1, "finished, and the event loop has its turn before the next");
  void loop.stop();
});

test("a handler that is made for one message is told of streams", async () => {
  for (const fails of [false, true]) {
    const { loop, first, lines } = made((message) => {
      if (fails) throw new Error(`no id in ${typeof message}`);
      return Promise.resolve();
    });
    loop.deliver(first.delivery("a"));
    await settle();
    assert.match(
      lines.all[0] ?? "",
      fails ? /no message in hand: no id in object/ : /returned without reading its stream/,
    );
    assert.match(
      lines.all[0] ?? "",
      /It is given a stream of messages, not one: for await \(const message of stream\)/,
    );
    await loop.stop();
  }
});

test("a message that fails is tried again, five times with growing pauses, then dead-lettered", async () => {
  const attempts: number[] = [];
  const seen: string[] = [];
  const { loop, first, time, driver, lines } = made(async (stream) => {
    for await (const value of stream) {
      if (value === "bad") {
        attempts.push(time.monotonic());
        throw new Error("no such order");
      }
      seen.push(value);
    }
  });
  const header: [string, Uint8Array] = ["kept", new TextEncoder().encode("yes")];
  const old: [string, Uint8Array] = ["mephisto-error", new TextEncoder().encode("an older one")];
  loop.deliver(first.delivery("a", message("bad", 1, { key: Uint8Array.of(1), headers: [header, old] }), "b"));
  await time.pass(8600);
  assert.equal(attempts.length, 5);
  assert.deepEqual([seen, first.acknowledged], [["a"], 1]);
  await time.pass(200);
  assert.deepEqual(attempts.slice(1).map((at, i) => Math.round(at - (attempts[i] ?? 0))), [201, 501, 1001, 2001, 5001]);
  assert.deepEqual([seen, first.acknowledged], [["a", "b"], 3]);
  assert.deepEqual(driver.sent.map(shown), [
    "shop-orders.dead bad kept=yes mephisto-error=no such order mephisto-topic=shop-orders mephisto-partition=0 " +
    "mephisto-offset=1 mephisto-attempts=6 mephisto-worker=me",
  ]);
  assert.deepEqual([driver.sent[0]?.key, driver.sent[0]?.timestamp], [Uint8Array.of(1), 1_700_000_000_001]);
  assert.deepEqual(driver.calls, ["ensureTopics shop-orders.dead"]);
  assert.deepEqual(loop.counts, { handled: 2, failed: 6, deadLettered: 1 });
  assert.match(
    lines.all[0] ?? "",
    /^error: shop-orders\[0\] at offset 1 failed: no such order \(at .*\)\. Attempt 2 follows in 200ms\.$/,
  );
  assert.match(lines.all.at(-1) ?? "", /failed 6 times: no such order .*\)\. Dead-lettered in shop-orders\.dead\.$/);
  await loop.stop();
});

test("a message that works again has its attempts back for the next", async () => {
  let failures = 3;
  const { loop, first, time, driver } = made(async (stream) => {
    for await (const _ of stream) if (failures-- > 0) throw new Error("busy");
  });
  loop.deliver(first.delivery("a"));
  await time.pass(2000);
  assert.equal(first.acknowledged, 1);
  failures = 5;
  loop.deliver(first.delivery("b"));
  await time.pass(9000);
  assert.deepEqual([first.acknowledged, driver.sent.length], [2, 0]);
  await loop.stop();
});

test("a message that waits does not hold up other partitions", async () => {
  const seen: string[] = [];
  const { loop, first, second, time } = made(async (stream) => {
    for await (const value of stream) {
      if (value === "bad") throw new Error("no");
      seen.push(value);
    }
  }, 2);
  loop.deliver(first.delivery("bad", "after"));
  loop.deliver(second.delivery("x", "y"));
  await settle();
  loop.deliver(second.delivery("z"));
  await settle();
  assert.deepEqual([seen, second.acknowledged, first.acknowledged], [["x", "y", "z"], 3, 0]);
  await time.pass(9000);
  assert.deepEqual([seen.at(-1), first.acknowledged], ["after", 2]);
  await loop.stop();
});

test("a batch that fails is tried one message at a time", async () => {
  const batches: string[][] = [];
  const { loop, first, second, time, driver, lines } = made(async (stream) => {
    for await (const batch of stream.take(4, { within: 0 })) {
      batches.push(batch);
      if (batch.includes("bad")) throw new Error("no");
    }
  }, 2);
  loop.deliver(first.delivery("a", "bad"));
  loop.deliver(second.delivery("x", "y", "z"));
  await settle();
  assert.deepEqual(batches[0], ["a", "bad", "x", "y"]);
  assert.match(lines.all[0] ?? "", /^error: A batch of 4 of shop-orders failed: no .*one at a time\.$/);
  await time.pass(20_000);
  const alone = (value: string) => batches.filter((batch) => batch.length === 1 && batch[0] === value).length;
  assert.deepEqual([alone("a"), alone("x"), alone("y"), alone("bad")], [1, 1, 1, 6]);
  assert.deepEqual([first.acknowledged, second.acknowledged], [2, 3]);
  assert.deepEqual(driver.sent.map(({ headers }) => headers.length), [6]);
  assert.deepEqual(loop.counts, { handled: 4, failed: 7, deadLettered: 1 });
  await loop.stop();
});

test("a batch that fails and holds runs twice, since turns ended while it was gathered, is tried from its first message", async () => {
  const batches: string[][] = [];
  const { loop, first, second, time } = made(
    async (stream) => {
      for await (const batch of stream.take(4, { within: "1s" })) {
        batches.push(batch);
        if (batches.length === 1) throw new Error("no");
      }
    },
    2,
    () => time.jump(25),
  );
  loop.deliver(first.delivery("a", "b", "c"));
  loop.deliver(second.delivery("x", "y"));
  for (let i = 0; i < 20; i++) await time.pass(100);
  assert.deepEqual(batches[0], ["a", "x", "b", "y"]);
  assert.deepEqual(batches.slice(1).flat().filter((value) => "abc".includes(value)), ["a", "b", "c"]);
  assert.deepEqual(batches.slice(1).flat().filter((value) => "xy".includes(value)), ["x", "y"]);
  assert.deepEqual([first.acknowledged, second.acknowledged], [3, 2]);
  await loop.stop();
});

test("what cannot be read is dead-lettered with its bytes, and the partition goes on", async () => {
  const seen: string[] = [];
  const { loop, first, driver, lines } = made(async (stream) => {
    for await (const value of stream) seen.push(value);
  });
  loop.deliver(first.delivery(UNREADABLE, "a", UNREADABLE));
  await settle();
  assert.deepEqual([seen, first.acknowledged, loop.counts.deadLettered], [["a"], 3, 2]);
  assert.deepEqual(driver.sent.map(({ value }) => value), [Uint8Array.of(0xff), Uint8Array.of(0xff)]);
  assert.match(shown(driver.sent[0] ?? assert.fail()), /mephisto-error=.+ mephisto-attempts=0/);
  assert.match(lines.all[0] ?? "", /offset 0 cannot be decoded: .+\. Dead-lettered in shop-orders\.dead\.$/);
  assert.deepEqual(lines.fields[0], {
    actor: "orders",
    topic: "shop-orders",
    partition: 0,
    offset: 0,
    code: "DECODE_FAILED",
  });
  assert.equal(driver.calls.length, 1, "the topic is made sure of once");
  await loop.stop();
});

test("while dead letters cannot be written the partition waits, and nothing is lost", async () => {
  for (const what of ["ensureTopics", "send"] as const) {
    const { loop, first, driver, time, lines } = made(async (stream) => {
      for await (const _ of stream);
    });
    driver.errors.set(what, new MephistoError("UNREACHABLE", "Nobody answers."));
    loop.deliver(first.delivery(UNREADABLE, "a"));
    await time.pass(60_000);
    assert.deepEqual([first.acknowledged, loop.counts.deadLettered], [0, 0]);
    assert.match(
      lines.all[0] ?? "",
      /cannot be decoded: .+\. It cannot be dead-lettered: Nobody answers\. Its partition waits\. Trying again/,
    );
    driver.errors.clear();
    await time.pass(5000);
    assert.deepEqual([first.acknowledged, loop.counts.deadLettered, driver.sent.length], [2, 1, 1]);
    await loop.stop();
  }
});

test("while dead letters cannot be written other partitions go on", async () => {
  for (const value of [UNREADABLE, "bad"]) {
    const seen: string[] = [];
    const { loop, first, second, driver, time } = made(async (stream) => {
      for await (const value of stream) {
        if (value === "bad") throw new Error("no");
        seen.push(String(value));
      }
    }, 2);
    driver.errors.set("send", new MephistoError("SEND_TIMEOUT", "Nobody answers."));
    loop.deliver(first.delivery(value, "a"));
    await time.pass(60_000);
    loop.deliver(second.delivery("b", "c"));
    await time.pass(100);
    assert.deepEqual(seen, ["b", "c"]);
    driver.errors.clear();
    await time.pass(10_000);
    assert.deepEqual(seen, ["b", "c", "a"]);
    assert.deepEqual([first.acknowledged, loop.counts.deadLettered], [2, 1]);
    await loop.stop();
  }
});

test("stopping while dead letters cannot be written loses nothing", async () => {
  for (const value of [UNREADABLE, "bad"]) {
    for (const end of ["stop", "revoked", "lost"] as const) {
      const { loop, first, driver, time } = made(async (stream) => {
        for await (const value of stream) if (value === "bad") throw new Error("no");
      });
      driver.errors.set("send", new MephistoError("SEND_TIMEOUT", "Nobody answers."));
      loop.deliver(first.delivery(value, "a"));
      await time.pass(30_000);
      if (end === "lost") loop.lost(0);
      else await (end === "stop" ? loop.stop() : loop.revoked(0));
      await time.pass(30_000);
      assert.deepEqual([first.acknowledgements, loop.counts.deadLettered], [[], 0], `${value} ${end}`);
      await loop.stop();
    }
  }
});

test("a handler that returns is called again, and what it had in hand is done", async () => {
  let calls = 0;
  const { loop, first, time, lines } = made(async (stream) => {
    calls++;
    for await (const _ of stream) return;
  });
  loop.deliver(first.delivery("a", "b"));
  await settle();
  assert.deepEqual([calls, first.acknowledged], [1, 1]);
  assert.match(lines.all[0] ?? "", /^warn: The handler of orders has returned although its stream goes on/);
  await time.pass(1000);
  assert.deepEqual([calls, first.acknowledged, loop.counts.failed], [2, 2, 0]);
  await loop.stop();
});

test("a handler that fails with nothing in hand is called again after a while", async () => {
  let calls = 0;
  const { loop, first, time, lines } = made(async (stream) => {
    if (++calls < 3) throw new Error("no database");
    for await (const _ of stream);
  });
  loop.deliver(first.delivery("a"));
  await settle();
  assert.equal(calls, 1);
  await time.pass(2500);
  assert.deepEqual([calls, first.acknowledged, loop.counts.failed], [3, 1, 0]);
  assert.match(lines.all[0] ?? "", /^error: The handler of orders failed with no message in hand: no database/);
  await loop.stop();
});

test("a handler that throws at once, and something that is no error, is a failure like others", async () => {
  const { loop, first, time, driver } = made((stream) => {
    return (async () => {
      for await (const _ of stream) throw "just text";
    })();
  });
  loop.deliver(first.delivery("a"));
  await time.pass(9000);
  assert.match(shown(driver.sent[0] ?? assert.fail()), /mephisto-error=just text/);
  await loop.stop();
});

test("a partition is given up when nothing of it is in hand", async () => {
  const stand = gate();
  const seen: string[] = [];
  const { loop, first, second } = made(async (stream) => {
    for await (const value of stream) {
      seen.push(value);
      await stand.promise;
    }
  }, 2);
  loop.deliver(first.delivery("a", "b"));
  await settle();
  loop.deliver(first.delivery("c"));
  loop.deliver(second.delivery("x"));
  const revoked = loop.revoked(0);
  assert.equal(await isDone(loop.revoked(1)), true, "the other is not in hand");
  assert.equal(await isDone(revoked), false);
  loop.deliver(first.delivery("d"));
  stand.open();
  await revoked;
  assert.equal(first.acknowledged, 1);
  await settle();
  assert.deepEqual(seen, ["a"]);
  assert.deepEqual([first.closed, second.closed], [3, 1], "room for others");
  assert.deepEqual(loop.partitions, []);
  await loop.stop();
});

test("giving up waits for the sends of what is in hand", async () => {
  const { loop, first, driver, send } = made(async (stream) => {
    for await (const value of stream) void send(value);
  });
  driver.hold = true;
  loop.deliver(first.delivery("a"));
  await settle();
  const revoked = loop.revoked(0);
  assert.equal(await isDone(revoked), false);
  driver.held[0]?.done();
  await revoked;
  assert.equal(first.acknowledged, 1);
  await loop.stop();
});

test("a lost partition is not waited for, and what is in hand of it is no failure", async () => {
  const stand = gate();
  const { loop, first, second, time, lines } = made(async (stream) => {
    for await (const value of stream) {
      if (value !== "a") continue;
      await stand.promise;
      throw new Error("too late");
    }
  }, 2);
  loop.deliver(first.delivery("a", "b"));
  await settle();
  loop.lost(0);
  assert.deepEqual(loop.partitions, [1]);
  stand.open();
  await settle();
  loop.deliver(second.delivery("x"));
  await time.pass(30_000);
  assert.deepEqual([first.acknowledgements, second.acknowledged, loop.counts.failed], [[], 1, 0]);
  assert.deepEqual(lines.of(/^error/), []);
  await loop.stop();
});

test("a partition that was lost and comes back begins anew", async () => {
  const stand = gate();
  const seen: string[] = [];
  const { loop, first, time } = made(async (stream) => {
    for await (const value of stream) {
      seen.push(value);
      if (value !== "old") continue;
      await stand.promise;
      throw new Error("too late");
    }
  });
  loop.deliver(first.delivery("old", "older"));
  await settle();
  loop.lost(0);
  loop.assigned(0);
  const again = new FakePartition(0);
  loop.deliver(again.delivery("new", "newer"));
  stand.open();
  await time.pass(30_000);
  assert.deepEqual([seen, again.acknowledged, first.acknowledgements], [["old", "new", "newer"], 2, []]);
  await loop.stop();
});

test("a batch being gathered loses what is given away, and keeps the rest", async () => {
  for (const end of ["revoked", "lost"] as const) {
    const batches: string[][] = [];
    const { loop, first, second, time } = made(async (stream) => {
      for await (const batch of stream.take(10, { within: 1 })) batches.push(batch);
    }, 2);
    loop.deliver(first.delivery("a", "b"));
    loop.deliver(second.delivery("x"));
    await time.pass(500);
    if (end === "lost") loop.lost(0);
    else assert.equal(await isDone(loop.revoked(0)), true);
    await time.pass(2000);
    assert.deepEqual([batches, first.acknowledgements, second.acknowledged], [[["x"]], [], 1], end);
    await loop.stop();
  }
});

test("a batch in hand is finished before its partition is given up", async () => {
  const stand = gate();
  const { loop, first, second } = made(async (stream) => {
    for await (const _ of stream.take(10, { within: 0 })) await stand.promise;
  }, 2);
  loop.deliver(first.delivery("a", "b"));
  loop.deliver(second.delivery("x"));
  await settle();
  const revoked = Promise.all([loop.revoked(0), loop.revoked(1)]);
  assert.equal(await isDone(revoked), false);
  stand.open();
  await revoked;
  assert.deepEqual([first.acknowledged, second.acknowledged], [2, 1]);
  await loop.stop();
});

test("a failure while a partition is given up is no failed attempt, and nothing of it is acknowledged", async () => {
  const stand = gate();
  const { loop, first, lines } = made(async (stream) => {
    for await (const _ of stream) {
      await stand.promise;
      throw new Error("no");
    }
  });
  loop.deliver(first.delivery("a"));
  await settle();
  const revoked = loop.revoked(0);
  stand.open();
  await revoked;
  await settle();
  assert.deepEqual([first.acknowledgements, loop.counts.failed, lines.of(/^error/)], [[], 0, []]);
  await loop.stop();
});

test("stopping ends the stream: idle, waiting after a failure, in the pause of a handler that returned", async () => {
  const handlers: [string, Handler<string>][] = [
    ["idle", async (stream) => {
      for await (const _ of stream);
    }],
    ["gathering", async (stream) => {
      for await (const _ of stream.take(10));
    }],
    ["failing", async (stream) => {
      for await (const _ of stream) throw new Error("no");
    }],
    ["returning", async () => {}],
    ["broken", () => Promise.reject(new Error("no"))],
  ];
  for (const [name, handler] of handlers) {
    const { loop, first, time } = made(handler);
    loop.deliver(first.delivery("a"));
    await settle();
    assert.equal(await isDone(loop.stop()), true, name);
    assert.equal(await isDone(loop.stop()), true, `${name}, twice`);
    assert.equal(time.sleepers, 0, name);
  }
});

test("stopping before the first message, and before start, is at once", async () => {
  const { loop } = made(async (stream) => {
    for await (const _ of stream);
  });
  assert.equal(await isDone(loop.stop()), true);
});

test("stopping lets the message in hand be finished and acknowledges it", async () => {
  const stand = gate();
  const seen: string[] = [];
  const { loop, first } = made(async (stream) => {
    for await (const value of stream) {
      seen.push(value);
      await stand.promise;
    }
  });
  loop.deliver(first.delivery("a", "b"));
  await settle();
  const stopped = loop.stop();
  assert.equal(await isDone(stopped), false);
  stand.open();
  await stopped;
  assert.deepEqual([seen, first.acknowledged], [["a"], 1]);
});

test("a failure at shutdown is no failed attempt, and acknowledges nothing", async () => {
  const stand = gate();
  const { loop, first, driver, lines } = made(async (stream) => {
    for await (const _ of stream) {
      await stand.promise;
      throw new Error("aborted");
    }
  });
  loop.deliver(first.delivery("a"));
  await settle();
  const stopped = loop.stop();
  stand.open();
  await stopped;
  assert.deepEqual([first.acknowledgements, loop.counts.failed, driver.sent], [[], 0, []]);
  assert.equal(lines.all.length, 1);
  assert.match(
    lines.all[0] ?? "",
    /^info: The handler of orders ended as the worker stops \(aborted.*\), before it was done with shop-orders\[0\] at offset 0: it is handled again\.$/,
  );
});

/** A handler that shows its signals: the stream's before its first message, and those of each message or batch. */
function signals(read: "values" | "events" | "take", count = 2) {
  const stand = gate();
  const seen: { before?: AbortSignal; own: AbortSignal[]; event: AbortSignal[] } = { own: [], event: [] };
  const shown = made(async (stream) => {
    seen.before = stream.signal;
    if (read === "events") {
      for await (const event of stream.events()) {
        seen.own.push(stream.signal);
        seen.event.push(event.signal);
        await stand.promise;
      }
    } else {
      for await (const _ of read === "take" ? stream.take(2, { within: 0 }) : stream) {
        seen.own.push(stream.signal);
        await stand.promise;
      }
    }
  }, count);
  return { ...shown, seen, stand };
}

test("a handler's signals abort when the worker stops", async () => {
  for (const read of ["values", "events", "take"] as const) {
    const { loop, first, seen, stand } = signals(read);
    loop.deliver(first.delivery("a"));
    await settle();
    const all = [seen.before, ...seen.own, ...seen.event].filter((signal) => signal !== undefined);
    assert.deepEqual(all.map(({ aborted }) => aborted), all.map(() => false));
    assert.equal(all.length, read === "events" ? 3 : 2);
    const stopped = loop.stop();
    assert.deepEqual(all.map(({ reason }) => reason?.code), all.map(() => "STOPPED"), read);
    stand.open();
    await stopped;
    assert.equal(first.acknowledged, 1, "what was finished all the same is done");
  }
});

test("they abort when the partition of what is in hand is lost, and not when it is given up or another is lost", async () => {
  for (const read of ["values", "events", "take"] as const) {
    const { loop, first, seen, stand } = signals(read);
    loop.deliver(first.delivery("a"));
    await settle();
    const all = () => [...seen.own, ...seen.event];
    loop.lost(1);
    const revoked = loop.revoked(0);
    assert.deepEqual(all().map(({ aborted }) => aborted), all().map(() => false), "it is handed over when it is done");
    loop.lost(0);
    assert.deepEqual(all().map(({ reason }) => reason?.code), all().map(() => "PARTITION_LOST"), read);
    assert.equal(seen.before?.aborted, false);
    stand.open();
    await revoked;
    // The partition comes back: another assignment, another signal.
    loop.assigned(0);
    loop.deliver(first.delivery("b"));
    await settle();
    assert.equal(seen.own.at(-1)?.aborted, false);
    await loop.stop();
  }
});

test("a batch's signal aborts when one of its partitions is lost", async () => {
  const { loop, first, second, seen, stand } = signals("take");
  loop.deliver(first.delivery("a"));
  loop.deliver(second.delivery("b"));
  await settle();
  const [signal] = seen.own;
  assert.equal(signal?.aborted, false);
  loop.lost(1);
  assert.equal(signal?.reason?.code, "PARTITION_LOST");
  stand.open();
  await loop.stop();
});

test("read, a handler's signal says that its partition may be lost; to end then is no failed attempt", async () => {
  const lease = { over: false };
  const tries: boolean[] = [];
  const time = new FakeTime();
  const lines = new Lines();
  const { driver: _, ...rest } = loopParts(time, lines);
  const handler: Handler<string> = async (stream) => {
    for await (const { value, signal } of stream.events()) {
      lease.over ||= value === "frozen" && tries.length === 0;
      tries.push(signal.aborted);
      signal.throwIfAborted();
      if (value === "bad") throw new Error("no");
    }
  };
  const supervisor = supervisorOf({ logger: lines, clock: time, sleep: time.sleep });
  const mayHaveLost = () => lease.over;
  const loop = new ActorLoop(textActor(handler), { ...rest, sleep: time.sleep, supervisor, mayHaveLost });
  loop.start();
  loop.assigned(0);
  const partition = new FakePartition(0);
  loop.deliver(partition.delivery("frozen", "good", "bad"));
  await settle();
  await time.pass(3000);
  assert.deepEqual([new Set(tries), loop.counts.failed, partition.acknowledged], [new Set([true]), 0, 0]);
  assert.ok(tries.length > 1 && tries.length < 10, "not again and again at once");
  lease.over = false;
  const { length } = tries;
  await time.pass(1000);
  assert.deepEqual(tries.slice(length, length + 3), [false, false, false]);
  assert.deepEqual([partition.acknowledged, loop.counts.failed > 1], [2, true], "what fails later has failed");
  await loop.stop();
});

test("a batch's signal of partitions that might be lost, and are not, is made anew", async () => {
  const lease = { over: false };
  const { promise, resolve } = Promise.withResolvers<void>();
  const seen: boolean[] = [];
  const { driver: _, ...rest } = loopParts(new FakeTime(), new Lines());
  const handler: Handler<string> = async (stream) => {
    for await (const batch of stream.take(2, { within: 0 })) {
      assert.equal(batch.length, 2);
      for (const over of [false, true, false]) {
        lease.over = over;
        seen.push(stream.signal.aborted);
      }
      const { signal } = stream;
      await promise;
      seen.push(signal.aborted, stream.signal.aborted);
    }
  };
  const loop = new ActorLoop(textActor(handler), { ...rest, sleep: nextTurn, mayHaveLost: () => lease.over });
  const partitions = [new FakePartition(0), new FakePartition(1)];
  for (const partition of partitions) {
    loop.assigned(partition.partition);
    loop.deliver(partition.delivery("a"));
  }
  loop.start();
  await settle();
  assert.deepEqual(seen, [false, true, false]);
  loop.lost(1);
  resolve();
  await settle();
  assert.deepEqual(seen.slice(3), [true, true]);
  await loop.stop();
});

test("a message is acknowledged after the sends that its handler started, awaited or not", async () => {
  const { loop, first, driver, send } = made(async (stream) => {
    for await (const value of stream) for (const part of ["1", "2"]) void send(value + part);
  });
  driver.hold = true;
  loop.deliver(first.delivery("a"));
  await settle();
  driver.held[1]?.done();
  await settle();
  assert.equal(first.acknowledged, 0);
  driver.held[0]?.done();
  await settle();
  assert.equal(first.acknowledged, 1);
  await loop.stop();
});

for (const how of ["awaited", "not awaited", "a batch"]) {
  test(`a send that nobody acknowledges is no attempt of its message: it waits, others go on (${how})`, async () => {
    const seen: string[] = [];
    let isAway = true;
    const work = async (value: string) => {
      seen.push(value);
      if (value === "b") return;
      if (isAway && how === "not awaited") void send(value);
      else if (isAway) await send(value);
    };
    const { loop, first, second, driver, send, lines, time } = made(async (stream) => {
      if (how === "a batch") {
        for await (const batch of stream.take(2, { within: 0 })) for (const value of batch) await work(value);
      } else for await (const value of stream) await work(value);
    }, 2);
    driver.errors.set("send", new MephistoError("SEND_TIMEOUT", "Nobody answers."));
    loop.deliver(first.delivery("a", "c"));
    await time.pass(600_000);
    loop.deliver(second.delivery("b"));
    await time.pass(10_000);
    assert.equal(second.acknowledged, 1);
    assert.ok(seen.filter((value) => value === "a").length > 50, "tried again and again");
    assert.deepEqual([first.acknowledged, loop.counts.failed, loop.counts.deadLettered], [0, 0, 0]);
    const told = lines.all.filter((line) =>
      line.startsWith("warn: What is in hand of shop-orders waits. Nobody answers.")
    );
    assert.equal(told.length, lines.all.length);
    assert.ok(told.length >= 9 && told.length <= 11, `${told.length} lines in ten minutes`);
    isAway = false;
    await time.pass(10_000);
    assert.deepEqual([first.acknowledged, second.acknowledged], [2, 1]);
    assert.match(lines.all.at(-1) ?? "", /^info: Handling shop-orders works again after 6\d\d s\.$/);
    assert.deepEqual([loop.counts.failed, driver.troubles.all], [0, []]);
    await loop.stop();
  });
}

test("a send that fails, and that nobody waited for, fails the message", async () => {
  const { loop, first, driver, send, lines, time } = made(async (stream) => {
    for await (const value of stream) void send(value);
  });
  driver.hold = true;
  loop.deliver(first.delivery("a"));
  await settle();
  driver.held[0]?.fail(new MephistoError("MESSAGE_REFUSED", "Not in time."));
  await settle();
  assert.deepEqual([first.acknowledgements, loop.counts.failed], [[], 1]);
  assert.match(lines.all[0] ?? "", /offset 0 failed: Not in time\./);
  await time.pass(250);
  driver.held[1]?.done();
  await settle();
  assert.equal(first.acknowledged, 1);
  await loop.stop();
});

test("a send that fails, is awaited and caught does not fail the message", async () => {
  const { loop, first, driver, send } = made(async (stream) => {
    for await (const value of stream) await send(value).catch(() => {});
  });
  driver.errors.set("send", new Error("no"));
  loop.deliver(first.delivery("a"));
  await settle();
  assert.deepEqual([first.acknowledged, loop.counts.failed], [1, 0]);
  await loop.stop();
});

test("a send that failed before it was awaited and caught does not fail the message", async () => {
  const stand = gate();
  const { loop, first, driver, send } = made(async (stream) => {
    for await (const value of stream) {
      const sent = send(value);
      await stand.promise;
      await sent.catch(() => {});
    }
  });
  driver.errors.set("send", new Error("no"));
  loop.deliver(first.delivery("a"));
  await settle();
  stand.open();
  await settle();
  assert.deepEqual([first.acknowledged, loop.counts.failed], [1, 0]);
  await loop.stop();
});

test("a send of a message that failed is not held against the next one", async () => {
  const { loop, first, second, driver, send, time } = made(async (stream) => {
    for await (const value of stream) {
      if (value !== "a") continue;
      void send(value);
      throw new Error("no");
    }
  }, 2);
  driver.hold = true;
  loop.deliver(first.delivery("a"));
  loop.deliver(second.delivery("x"));
  await settle();
  for (const { fail } of driver.held) fail(new Error("not sent"));
  driver.hold = false;
  await time.pass(100);
  assert.deepEqual([second.acknowledged, loop.counts.failed], [1, 1]);
  await loop.stop();
});

test("a stop while a failed message's sends are waited for is no failed attempt", async () => {
  const { loop, first, driver, send } = made(async (stream) => {
    for await (const value of stream) {
      void send(value);
      throw new Error("no");
    }
  });
  driver.hold = true;
  loop.deliver(first.delivery("a"));
  await settle();
  const stopped = loop.stop();
  for (const { fail } of driver.held) fail(new Error("not sent"));
  await stopped;
  assert.deepEqual([first.acknowledged, loop.counts.failed], [0, 0]);
});

for (
  const breakAt of [/failed: bad.* Attempt 2 follows/, /failed 6 times: .* Dead-lettered/, /cannot be dead-lettered/]
) {
  test(`a fault of ours in the loop is told, and no message is passed over (${breakAt.source})`, async () => {
    const seen: string[] = [];
    const { time, driver, lines, supervisor, loop, first } = made(async (stream) => {
      for await (const value of stream) {
        seen.push(value);
        if (value === "bad") throw new Error("bad");
      }
    });
    lines.breakAt = breakAt;
    if (/cannot/.test(breakAt.source)) driver.errors.set("send", new MephistoError("SEND_TIMEOUT", "Full."));
    // What is told after it has been dead-lettered is dead-lettered again: that is no loss.
    const early = / Dead-lettered/.test(breakAt.source) ? 1 : 0;
    loop.deliver(first.delivery("a", "bad", "c"));
    while (!lines.of(/The loop of actor orders has failed/).length) await time.pass(100);
    assert.match(supervisor.trouble ?? "", /^The loop of actor orders has failed/);
    assert.equal(first.acknowledged, 1);
    assert.equal(driver.sent.length, early);
    driver.errors.clear();
    await time.pass(60_000);
    assert.deepEqual([seen.at(-1), first.acknowledged, driver.sent.length], ["c", 3, 1 + early]);
    assert.deepEqual([supervisor.trouble, supervisor.ended.length], [undefined, 0]);
    await loop.stop();
  });
}

test("a fault of ours between a failure and its retry passes no message over", async () => {
  const seen: string[] = [];
  const { time, broken, lines, loop, first } = made(async (stream) => {
    for await (const value of stream) {
      seen.push(value);
      if (value === "bad" && seen.length === 2) {
        broken.clock = true;
        throw new Error("bad");
      }
    }
  });
  loop.deliver(first.delivery("a", "bad", "c"));
  await settle();
  assert.equal(lines.of(/The loop of actor orders has failed/).length, 1);
  assert.equal(first.acknowledged, 1);
  await time.pass(1000);
  assert.deepEqual(seen, ["a", "bad", "bad", "c"]);
  assert.equal(first.acknowledged, 3);
  await loop.stop();
});

test("of a handler that has ended nothing is cut off; of a batch the offsets are told", async () => {
  const ended = made(async (stream) => {
    for await (const _ of stream);
  });
  ended.loop.deliver(ended.first.delivery("a"));
  await settle();
  await ended.loop.stop();
  assert.deepEqual(ended.loop.cutOff(), []);
  const { time, loop, first } = made(async (stream) => {
    for await (const _ of stream.take(3)) await new Promise(() => {});
  });
  loop.deliver(first.delivery("a", "b", "c"));
  await settle();
  await time.pass(4000);
  void loop.stop();
  assert.deepEqual(loop.cutOff().map(({ what }) => what), [
    "The handler of orders had shop-orders[0] at offsets 0 to 2 in hand for 4s: it is handled again by the next worker " +
    "that has the partition.",
  ]);
});

test("a line says in fields what it is about: actor, topic, partition, offset, code", async () => {
  const { time, lines, loop, second } = made(async (stream) => {
    for await (const _ of stream) throw new MephistoError("MESSAGE_REFUSED", "no luck");
  }, 2);
  loop.deliver(second.delivery("bad"));
  await time.pass(20_000);
  const about = { actor: "orders", topic: "shop-orders", partition: 1, offset: 0, code: "MESSAGE_REFUSED" };
  const of = (pattern: RegExp) => lines.fields[lines.all.findIndex((line) => pattern.test(line))];
  assert.deepEqual(of(/Attempt 2 follows/), about);
  assert.deepEqual(of(/Dead-lettered in/), about);
  await loop.stop();
});

for (const [what, thrown] of Object.entries(HOSTILE)) {
  test(`a handler and a decoder may throw ${what}: the message is dead-lettered, and the next one handled`, async () => {
    const seen: string[] = [];
    const { time, driver, loop, supervisor, first } = made(async (stream) => {
      for await (const value of stream) {
        if (value === "bad") throw thrown;
        seen.push(value);
      }
    });
    const decode = loop.decoder.value;
    loop.decoder.value = (bytes) => {
      const value = decode(bytes);
      if (value === "unreadable") throw thrown;
      return value;
    };
    loop.deliver(first.delivery("bad", "unreadable", "next"));
    await time.pass(20_000);
    assert.deepEqual([seen, first.acknowledged, driver.sent.length], [["next"], 3, 2]);
    assert.deepEqual([supervisor.trouble, supervisor.ended.length], [undefined, 0]);
    await loop.stop();
  });
}

test("a handler may give back a promise whose then throws", async () => {
  const { time, lines, loop, supervisor } = made(() => BAD_THENABLE);
  await time.pass(5000);
  assert.ok(lines.of(/a trap/).length > 1);
  assert.equal(supervisor.trouble, undefined);
  await loop.stop();
});

test("a handler that always has a send under way acknowledges its messages all the same: loop, events and take", async () => {
  const ways: ((stream: Stream<string>, saw: (value: string) => void) => Promise<void>)[] = [
    async (stream, saw) => {
      for await (const value of stream) saw(value);
    },
    async (stream, saw) => {
      for await (const { value } of stream.events()) saw(value ?? "");
    },
    async (stream, saw) => {
      for await (const [value = ""] of stream.take(1)) saw(value);
    },
  ];
  for (const way of ways) {
    const seen: string[] = [];
    let over = false;
    const { loop, driver, first, send } = made(async (stream) => {
      const beat = async () => {
        await nextTurn();
        while (!over) await Promise.race([send("beat"), send("beat")]); // the one is under way while the other ends
      };
      void beat();
      await way(stream, (value) => seen.push(value));
    });
    driver.hold = true;
    loop.deliver(first.delivery("a", "b", "c", "d"));
    for (let i = 0; i < 40; i++) {
      await settle();
      driver.held[i]?.done();
    }
    assert.deepEqual([seen, first.acknowledged], [["a", "b", "c", "d"], 4]);
    over = true;
    for (const { done } of driver.held) done();
    await loop.stop();
  }
});

test("what goes on behind a handler that has failed is not the next call's, and is told", async () => {
  const { time, loop, driver, lines, first, send } = made(async (stream) => {
    for await (const value of stream) {
      if (value !== "a" || driver.sent.length > 0) continue;
      void (async () => {
        await send("first");
        await settle();
        void send("behind");
      })();
      await settle();
      throw new Error("no");
    }
  });
  driver.hold = true;
  loop.deliver(first.delivery("a", "b"));
  await settle();
  await settle();
  driver.held[0]?.done(); // the failed call's own is waited for
  await settle();
  await settle();
  await time.pass(300);
  driver.held[1]?.fail(new Error("gone"));
  await settle();
  assert.equal(first.acknowledged, 2);
  assert.match(lines.all.join("\n"), /error: A send of actor orders failed: gone/);
  await loop.stop();
});

test("partitions that have nothing cost nothing: of 5,000 none but those in hand are looked at", async () => {
  const { loop, partitions, time } = made(async (stream) => {
    for await (const value of stream) if (value === "bad") throw new Error("no");
  }, 5000);
  let looks = 0;
  const own = Object.getOwnPropertyDescriptor(PartitionBuffer.prototype, "retryAt") ?? assert.fail();
  const counting = {
    configurable: true,
    get(this: PartitionBuffer): number {
      looks++;
      return own.get?.call(this);
    },
  };
  Object.defineProperty(PartitionBuffer.prototype, "retryAt", counting);
  for (const partition of partitions.slice(0, 20)) loop.deliver(partition.delivery("a", "bad", "b"));
  await time.pass(20_000);
  Object.defineProperty(PartitionBuffer.prototype, "retryAt", own);
  assert.deepEqual(partitions.slice(0, 20).map(({ acknowledged }) => acknowledged), Array(20).fill(3));
  assert.ok(looks > 0 && looks < 5000, `${looks} looks`);
  await loop.stop();
});
