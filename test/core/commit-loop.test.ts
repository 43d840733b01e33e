import assert from "node:assert/strict";
import { test } from "node:test";
import { Acknowledgements } from "../../src/core/acknowledgements.ts";
import { CommitLoop, type CommitLoopParts, type CommitOutcome, isBehind } from "../../src/core/commit-loop.ts";

/** One partition of which something was handled, and a loop over commits that come to these outcomes. */
function scene(outcomes: readonly CommitOutcome[], parts: Partial<CommitLoopParts> = {}) {
  const acks = new Acknowledgements({ topic: "t", partition: 0 }, 0);
  acks.position = 5;
  let now = 0;
  const left = [...outcomes];
  const loop = new CommitLoop({
    clock: { monotonic: () => now },
    commit() {
      const { accepted } = acks.commit();
      const outcome = left.shift() ?? "accepted";
      if (outcome === "accepted") accepted();
      return Promise.resolve(outcome);
    },
    closeGone: () => Promise.resolve(),
    pauses: () => () => {
      now += 100;
      return Promise.resolve();
    },
    refusalMs: 1000,
    stopped: () => false,
    ...parts,
  });
  return { acks, loop, left, now: () => now };
}

test("a firm commit is made again until it is accepted", async () => {
  const { acks, loop, now } = scene(["waits", "refused", "waits"]);
  assert.equal(await loop.firmly([acks], Infinity), "accepted");
  assert.deepEqual([acks.committed, now()], [5, 300]);
});

test("what was handled meanwhile is committed too", async () => {
  const { acks, loop } = scene(["waits"]);
  const done = loop.firmly([acks], Infinity);
  acks.position = 7;
  assert.equal(await done, "accepted");
  assert.deepEqual([acks.committed, isBehind(acks)], [7, false]);
});

test("a refusal that lasts is final; another outcome between begins its time anew", async () => {
  const refused = Array.from({ length: 30 }, (): CommitOutcome => "refused");
  const first = scene(refused);
  assert.equal(await first.loop.firmly([first.acks], Infinity), "refused");
  assert.equal(first.now(), 1000);
  const second = scene([...refused.slice(0, 5), "waits", ...refused]);
  assert.equal(await second.loop.firmly([second.acks], Infinity), "refused");
  assert.equal(second.now(), 1600);
});

test("it ends when the time is over, when nothing is committed any more, and when the partitions are lost", async () => {
  const waits = Array.from({ length: 30 }, (): CommitOutcome => "waits");
  const late = scene(waits);
  assert.equal(await late.loop.firmly([late.acks], 500), "waits");
  assert.equal(late.now(), 600);
  const over = scene(waits, { stopped: () => true });
  assert.equal(await over.loop.firmly([over.acks], Infinity), "waits");
  assert.equal(over.left.length, 29);
  const lost = scene(waits, {
    pauses: () => () => {
      lost.acks.closed = true;
      return Promise.resolve();
    },
  });
  assert.equal(await lost.loop.firmly([lost.acks], Infinity), "waits");
  assert.equal(lost.left.length, 29);
});

test("of a topic that is gone nothing is committed", async () => {
  const { acks, loop, left } = scene(["gone", "waits"], {
    closeGone([first]) {
      if (first) first.closed = true;
      return Promise.resolve();
    },
  });
  assert.equal(await loop.firmly([acks], Infinity), "gone");
  assert.deepEqual(left, ["waits"]);
});

test("a commit that is under way is waited for instead of another", async () => {
  const { acks, loop, left } = scene(["waits", "waits"]);
  const [one, other] = await Promise.all([loop.commit([acks]), loop.commit([acks])]);
  assert.deepEqual([one, other, left.length], ["waits", "waits", 1]);
});
