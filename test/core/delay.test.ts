import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { deadline, delay, startTimer } from "../../src/core/delay.ts";

const DAY_MS = 86_400_000;

test("what is longer than a timer of the runtime can wait does not fire at once, and can be cancelled", async () => {
  let fired = 0;
  const cancel = [25 * DAY_MS, 2 ** 31, 8.64e15, 1e300].map((ms) => startTimer(ms, () => fired++));
  const over = new AbortController();
  const slept = delay(25 * DAY_MS, over.signal).then(() => "slept");
  assert.equal(await Promise.race([slept, delay(20).then(() => "still asleep")]), "still asleep");
  assert.equal(await deadline(Promise.resolve("in time"), 30 * DAY_MS), "in time");
  assert.equal(fired, 0);
  for (const each of cancel) each();
  over.abort();
  assert.equal(await slept, "slept");
});

test("a long wait is waited for in pieces, all of them, and once", async () => {
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    let fired = 0;
    startTimer(23, () => ++fired === 1 ? resolve() : reject(new Error("it fired again")), 5);
  });
  assert.ok(performance.now() - began >= 20, "all pieces but what timers are early by");
  let fired = 0;
  const cancel = startTimer(15, () => fired++, 5);
  await delay(7);
  cancel();
  await delay(20);
  assert.equal(fired, 0, "it is cancelled in a later piece too");
});

test("nobody in core and worker waits by a timer of the runtime itself: it fires at once where the wait is too long", () => {
  const root = new URL("../../src/", import.meta.url);
  const users = ["core", "worker", "cron"].flatMap((room) =>
    readdirSync(new URL(`${room}/`, root), { recursive: true }).map((file) => `${room}/${file}`)
  ).filter((file) =>
    file.endsWith(".ts") &&
    /\b(setTimeout|setInterval)\(|AbortSignal\.timeout/.test(readFileSync(new URL(file, root), "utf8"))
  );
  assert.deepEqual(users, ["core/delay.ts"]);
});
