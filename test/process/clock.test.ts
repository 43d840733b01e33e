import assert from "node:assert/strict";
import { test } from "node:test";
import { systemTime } from "../../src/core/delay.ts";
import { delay } from "../../src/core/delay.ts";
import { timer } from "../../src/core/define-timer.ts";
import { KafkaDriver } from "../../src/kafka/kafka-driver.ts";
import { parseUrl } from "../../src/kafka/connection/url.ts";
import { context } from "../../src/runtime/context.ts";
import type { Scope } from "../../src/worker/calls/scope.ts";
import { resolveSettings } from "../../src/worker/settings.ts";
import { Worker } from "../../src/worker/worker.ts";
import { fakeApp, Lines } from "../core/fakes.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { uniqueApp } from "./cluster.ts";

/** A worker in this process over a real broker, whose wall clock is this machine's and `ahead` ms. */
async function started(url: string) {
  const { shop, definition } = fakeApp({}, uniqueApp("clock"));
  const slots: { slot: number; at: number }[] = [];
  timer(
    shop,
    0.2,
    { name: "restock", onMaster: true },
    ({ slot }) => void slots.push({ slot, at: Date.now() }),
  );
  const set = { ahead: 0 };
  const clock = { ...systemTime, wall: () => Date.now() + set.ahead };
  const lines = new Lines();
  const driver = new KafkaDriver(parseUrl(url, "test"), "test", { linger: 0, compression: undefined }, lines, clock);
  const worker = new Worker({
    definition,
    settings: resolveSettings({ url }, { flags: {}, env: {} }),
    driver,
    context: context<Scope>(),
    logger: lines,
    clock,
    sleep: delay,
    eventLoopTurn: () => new Promise((resolve) => setImmediate(resolve)),
    random: Math.random,
    worker: "me",
    runtime: "test",
    url,
    advice: "",
  });
  await worker.start();
  /** Waits for so many more ticks. */
  const more = (count: number) => {
    const from = slots.length;
    return until(() => slots.length >= from + count, { within: 20_000 });
  };
  /** Every slot at its time: none early, none twice, in order. */
  const check = () => {
    for (const { slot, at } of slots) assert.ok(at >= slot - 2, `${slot} at ${at}`);
    assert.deepEqual(slots.map(({ slot }) => slot), [...new Set(slots.map(({ slot }) => slot))].sort((a, b) => a - b));
  };
  return { worker, slots, set, lines, more, check };
}

test(
  "a wall clock that is set moves no slot, and silences no timer for longer than it is wrong",
  { timeout: 90_000 },
  async (t) => {
    const { url } = await kafkaForTests();
    const { worker, slots, set, lines, more, check } = await started(url);
    t.after(() => worker.stop());
    await more(5);

    await t.test("by three seconds, back and forth: the slots run on, and it is told", async () => {
      const from = slots.length;
      for (const ahead of [3000, -3000, 0]) {
        set.ahead = ahead;
        await more(10);
      }
      const during = slots.slice(from).map(({ slot }) => slot);
      // A busy machine may be too late for some of them. What goes by the wall clock leaves out three seconds at once.
      const gaps = during.slice(1).map((slot, index) => slot - (during[index] ?? 0));
      assert.ok(Math.max(...gaps) < 3000, `${gaps}`);
      assert.equal(lines.of(/^warn: This machine's clock is [23]s\S* (ahead of|behind) Kafka's/).length, 1);
      check();
    });

    for (const ahead of [-3_600_000, 3_600_000]) {
      await t.test(`by an hour, ${ahead < 0 ? "back" : "forth"}: nothing runs, it says so, and goes on when it is right`, async () => {
        set.ahead = ahead;
        const reason = /^This machine's clock is .* Kafka's: one of them is wrong/;
        await until(() => reason.test(worker.status().reason ?? ""), { within: 10_000 });
        const count = slots.length;
        await until(() => lines.of(/^error: This machine's clock is/).length > 0);
        await delay(1000);
        assert.ok(slots.length <= count + 1);
        set.ahead = 0;
        await more(5);
        assert.equal(worker.status().reason, null);
        check();
      });
    }
  },
);
