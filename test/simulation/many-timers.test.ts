import assert from "node:assert/strict";
import { test } from "node:test";
import { silent } from "../../src/core/logger.ts";
import { manyTimers } from "./many-timers.ts";

test("on a slow line a master with more ticks than two sessions can take stays master, and publishes each", async () => {
  // Each run fills a transaction of its own, of four round trips of 400 ms: 20 of them are due at the same moment.
  const many = manyTimers({ timers: 20, every: 60, latency: 200, sends: 5, bytes: 900_000, logger: silent });
  await many.pass(2 * 60_000 + 50_000);
  assert.deepEqual([many.resignations(), many.epoch()], [0, 1]);
  assert.deepEqual([...many.published], [["out-0", 2 * 20 * 5]]);
});

test("a topic that takes nothing for minutes keeps no tick of others from its time, and all of its own are published at last", async () => {
  const lines: string[] = [];
  const told = (line: string) => void lines.push(line);
  const many = manyTimers({
    ...{ timers: 20, every: 2, latency: 2, topics: 2, topicOf: (timer) => timer % 2 },
    logger: { ...silent, warn: told, error: told, info: told },
  });
  const runs = (topic: number) => many.published.get(`out-${topic}`) ?? 0;
  await many.pass(20_000);
  many.log.away.add("many-out-1");
  await many.pass(10_000);
  for (let minute = 0; minute < 1; minute++) {
    const before = [runs(0), runs(1)];
    await many.pass(60_000);
    assert.equal(runs(0) - (before[0] ?? 0), 10 * 30);
    assert.equal(runs(1), before[1]);
  }
  assert.deepEqual([many.resignations(), many.epoch()], [0, 1]);
  const [master] = many.workers;
  assert.match(
    master?.status().reason ?? "",
    /^Topic many-out-1 has taken nothing for 1m\d.*: many-out-1\[0\] has too few/,
  );
  many.log.away.clear();
  const before = runs(1);
  await many.pass(20_000);
  // Those that waited, the slot that catches up for what was missed (catchUp: "one"), and all that come in time again.
  assert.ok(runs(1) - before >= 10 * 6, `${runs(1) - before}`);
  assert.equal(master?.status().reason, null);
  const about = lines.filter((line) => /many-out-1 takes/.test(line));
  assert.ok(about.length >= 2 && about.length <= 6, about.join("\n"));
  assert.match(about.at(-1) ?? "", /takes messages again/);
});
