import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { OutgoingRecord } from "../../../src/driver/driver.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import { isScopeless, ScopeSends, type ScopeSendsParts } from "../../../src/worker/calls/scope-sends.ts";
import { FakeDriver, FakeTime, isDone, settle } from "../fakes.ts";

const record = (): OutgoingRecord => ({ topic: "t", key: null, value: null, headers: [], timestamp: 0 });

function handler(part: Partial<ScopeSendsParts> = {}) {
  const driver = new FakeDriver(new FakeTime());
  driver.hold = true;
  const told: string[] = [];
  const report = (sentence: string) => void told.push(sentence);
  return {
    driver,
    told,
    sends: new ScopeSends({ name: "actor orders", send: driver.publisher.send, report, ...part }),
  };
}

test("a handler's sends are settled when all are acknowledged", async () => {
  const { driver, sends } = handler();
  assert.equal(sends.unsettled, false);
  await sends.settle();
  const first = sends.send(record());
  void sends.send(record());
  const settled = sends.settle();
  driver.held[0]?.done();
  await first;
  assert.deepEqual([await isDone(settled), sends.unsettled], [false, true]);
  driver.held[1]?.done();
  await settled;
  assert.equal(sends.unsettled, false);
});

test("a failure that nobody waits for is raised once, after the others have ended", async () => {
  const { driver, sends } = handler();
  for (let i = 0; i < 3; i++) void sends.send(record());
  driver.held[0]?.fail(new Error("first"));
  driver.held[1]?.fail(new Error("second"));
  const settled = sends.settle();
  assert.equal(await isDone(settled), false);
  driver.held[2]?.done();
  await assert.rejects(settled, /first/);
  assert.equal(sends.unsettled, false);
  await sends.settle();
});

test("a failure that somebody waits for is theirs: awaited, all, then, catch, returned", async () => {
  const ways: ((sent: Promise<void>) => Promise<unknown>)[] = [
    async (sent) => await sent,
    (sent) => Promise.all([sent]),
    (sent) => Promise.allSettled([sent]).then(() => sent),
    (sent) => sent.then(),
    (sent) => sent.catch((error: unknown) => Promise.reject(error)),
    // deno-lint-ignore require-await -- it is about what is returned
    async (sent) => sent,
  ];
  for (const way of ways) {
    const { driver, sends } = handler();
    const waited = way(sends.send(record()));
    driver.held[0]?.fail(new Error("no"));
    await assert.rejects(waited, /no/);
    await sends.settle();
  }
});

test("a failure that is waited for afterwards is theirs too", async () => {
  const { driver, sends } = handler();
  const sent = sends.send(record());
  driver.held[0]?.fail(new Error("no"));
  await settle();
  await assert.rejects(sent, /no/);
  await sends.settle();
});

test("a failure is forgotten with the message that failed, and what is under way is waited for", async () => {
  const { driver, sends } = handler();
  void sends.send(record());
  const forgotten = sends.forget();
  assert.equal(await isDone(forgotten), false);
  driver.held[0]?.fail(new Error("no"));
  await forgotten;
  await sends.settle();
});

test("what is begun meanwhile is not waited for, nor raised before its own turn", async () => {
  const { driver, sends } = handler();
  void sends.send(record());
  const settled = sends.settle();
  void sends.send(record());
  void sends.send(record());
  driver.held[1]?.fail(new Error("the next one's"));
  await settle();
  driver.held[0]?.done();
  await settled;
  assert.equal(sends.unsettled, true);
  const next = sends.settle();
  assert.equal(await isDone(next), false);
  driver.held[2]?.done();
  await assert.rejects(next, /the next one's/);
  assert.equal(sends.unsettled, false);
});

test("code that always has a send under way is settled after each", async () => {
  const { driver, sends } = handler();
  void sends.send(record());
  for (let i = 0; i < 20; i++) {
    const settled = sends.settle();
    void sends.send(record()); // before the one before has ended
    assert.equal(await isDone(settled), false);
    driver.held[i]?.done();
    await settled;
    assert.ok(sends.unsettled, "one is under way");
  }
});

test("two that settle at once both wait, and one hears of the failure", async () => {
  const { driver, sends } = handler();
  void sends.send(record());
  const both = Promise.allSettled([sends.settle(), sends.settle()]);
  assert.equal(await isDone(both), false);
  driver.held[0]?.fail(new Error("no"));
  assert.deepEqual((await both).map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  assert.equal(sends.unsettled, false);
});

test("a send that is refused before it begins is one that failed", async () => {
  const refuse = () => {
    throw new Error("no such bytes");
  };
  const { sends } = handler({ send: refuse });
  void sends.send(record());
  await assert.rejects(sends.settle(), /no such bytes/);
  const { sends: other } = handler();
  void other.adopt(Promise.reject(new Error("not encoded")));
  await assert.rejects(other.settle(), /not encoded/);
});

test("what is begun after the end is told when it fails, and waited for by nobody", async () => {
  const { driver, sends, told } = handler();
  void sends.send(record());
  sends.end();
  void sends.send(record());
  const watched = sends.send(record());
  driver.held[1]?.fail(new Error("late"));
  driver.held[2]?.fail(new Error("watched"));
  await assert.rejects(watched, /watched/);
  assert.deepEqual(told, ["A send of actor orders failed: late"]);
  driver.held[0]?.done();
  await sends.settle();
  assert.equal(sends.unsettled, false);
});

test("of code that may run for ever each failure is told at once, and is its failure all the same", async () => {
  const { driver, sends, told } = handler({ reportsAtOnce: true });
  for (let i = 0; i < 300; i++) void sends.send(record());
  for (const { fail } of driver.held) fail(new Error("no"));
  await settle();
  assert.equal(told.length, 300);
  await assert.rejects(sends.settle(), /no/);
  assert.equal(sends.unsettled, false);
});

test("a failure outside of all scopes is told from one inside", async () => {
  const { driver, sends } = handler();
  void sends.send(record());
  const inside = new MephistoError("SEND_TIMEOUT", "no");
  driver.held[0]?.fail(inside);
  await sends.forget();
  assert.equal(isScopeless(inside), false);
  assert.equal(isScopeless(new MephistoError("SEND_TIMEOUT", "no")), true);
  assert.equal(isScopeless(new MephistoError("INVALID_NAME", "no")), false);
  assert.equal(isScopeless(new Error("no")), false);
});

test("property: each send is settled once: by the settlement after its beginning, and before that one ends", async () => {
  const step = fc.oneof(
    fc.constant({ do: "send" } as const),
    fc.record({ do: fc.constant("end" as const), at: fc.nat(20), fails: fc.boolean() }),
    fc.constant({ do: "settle" } as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { driver, sends } = handler();
      const open = new Set<number>(), failed = new Set<number>();
      let settled = 0; // sends that a settlement which has ended had to wait for
      let settling = Promise.resolve();
      const raised: string[] = [];
      for (const each of steps) {
        if (each.do === "send") {
          open.add(driver.held.length);
          void sends.send(record());
        } else if (each.do === "end") {
          const n = [...open][each.at % Math.max(1, open.size)];
          if (n === undefined) continue;
          open.delete(n);
          if (each.fails) driver.held[n]?.fail(new Error(String(n))), failed.add(n);
          else driver.held[n]?.done();
        } else {
          const upTo = driver.held.length;
          settling = settling.then(async () => {
            await sends.settle().catch((error: Error) => void raised.push(error.message));
            for (const n of open) assert.ok(n >= upTo, `${n} is open, of those before ${upTo}`);
            settled = Math.max(settled, upTo);
          });
        }
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      for (const n of open) driver.held[n]?.done();
      open.clear();
      await settling;
      await sends.settle().catch((error: Error) => void raised.push(error.message));
      assert.equal(sends.unsettled, false);
      assert.ok(raised.length <= failed.size && (raised.length > 0) === failed.size > 0);
      assert.equal(new Set(raised).size, raised.length, "each at most once");
    }),
    { numRuns: 200 },
  );
});
