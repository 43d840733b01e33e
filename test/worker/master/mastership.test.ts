import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MephistoError } from "../../../src/core/errors.ts";
import { Lease } from "../../../src/core/lease.ts";
import { Mastership, type Term } from "../../../src/worker/master/mastership.ts";
import { Lines, supervisorOf } from "../../core/fakes.ts";
import { FakeTime, generation } from "../fakes.ts";

function made(missesMaster?: () => boolean) {
  const time = new FakeTime();
  const lines = new Lines();
  const lease = new Lease({ session: 6000, rebalance: 24_000, margin: 500 }, time);
  const terms: Term[] = [];
  const supervisor = supervisorOf({ logger: lines, clock: time, sleep: time.sleep });
  const options = { supervisor, ...(missesMaster && { missesMaster }) };
  const mastership = new Mastership(lease, (term) => terms.push(term), lines, time, time.sleep, options);
  const renew = () => lease.renew(lease.now());
  /** The coordinator answers every 300 ms. */
  const beat = async (ms: number) => {
    for (let at = 0; at < ms; at += 300) {
      renew();
      await time.pass(Math.min(300, ms - at));
    }
  };
  const elect = (number: number, notBefore = -Infinity) => {
    renew();
    mastership.generation(generation({ generation: number, elected: true, notBefore }));
  };
  /** The generation of the term that lasts, or 0. */
  const term = () => mastership.master ? terms.at(-1)?.generation ?? 0 : 0;
  const current = () => terms.at(-1) ?? assert.fail("there was no term");
  return { time, lines, supervisor, lease, term, terms, mastership, renew, beat, elect, current };
}

test("a follower is no master", async () => {
  const { term, mastership, renew, beat, terms } = made();
  renew();
  mastership.generation(generation({ generation: 1 }));
  await beat(10_000);
  assert.deepEqual([terms.length, term(), mastership.elected, mastership.claim()], [0, 0, "another", 0]);
});

test("the elected is master at once, while its lease holds, through later generations", async () => {
  const { term, mastership, beat, elect, terms, current, lines } = made();
  elect(4);
  assert.deepEqual([current().generation, current().holds(), term(), mastership.claim()], [4, true, 4, 4]);
  await beat(60_000);
  elect(5);
  await beat(10_000);
  assert.deepEqual([terms.length, term(), mastership.claim()], [1, 5, 5]);
  assert.deepEqual(lines.all, ["debug: Elected in generation 4."]);
});

test("it waits until no older lease can be held", async () => {
  const { time, mastership, beat, elect, terms } = made();
  elect(1, time.monotonic() + 6000);
  assert.equal(mastership.claim(), 0);
  const { time: clock, term: otherTerm, beat: beats, elect: elects, terms: begun } = made();
  elects(1, clock.monotonic() + 6000);
  await beats(5999);
  assert.deepEqual([begun.length, otherTerm()], [0, 0]);
  await beats(2);
  assert.deepEqual([begun.length, otherTerm()], [1, 1]);
  await beat(20_000);
  assert.equal(terms.length, 0, "whoever claimed nothing waits for the next generation");
});

test("another one's election ends the term", async () => {
  const { mastership, term, beat, elect, renew, current } = made();
  elect(1);
  renew();
  mastership.generation(generation({ generation: 2, master: "another" }));
  assert.deepEqual([current().holds(), current().signal.aborted, term()], [false, true, 0]);
  await beat(10_000);
  assert.equal(current().ended, "another has been elected");
});

test("nobody's election too", () => {
  const { mastership, elect, current } = made();
  elect(1);
  mastership.generation(generation({ generation: 2, master: undefined }));
  assert.equal(current().ended, "nobody is elected");
});

test("the end of the lease ends the term, before the session's end", async () => {
  const { term, time, elect, current } = made();
  elect(1);
  await time.pass(5499);
  assert.deepEqual([current().holds(), current().signal.aborted], [true, false]);
  await time.pass(1);
  assert.deepEqual([current().holds(), current().signal.aborted, term()], [false, true, 0]);
  const { reason } = current().signal;
  assert.ok(reason instanceof MephistoError && reason.code === "NOT_MASTER" && /lease is over/.test(reason.message));
});

test("a frozen process is no master when it goes on, before any timer has run", () => {
  const { term, time, mastership, elect, current } = made();
  elect(1);
  time.jump(5500);
  assert.deepEqual([current().holds(), term(), mastership.claim()], [false, 0, 0]);
  assert.equal(current().signal.aborted, true, "claim has stepped down before it says 0");
});

test("a term that did not hold once is over, also when the lease is renewed before anybody looks", async () => {
  const { time, elect, renew, current, terms } = made();
  elect(1);
  time.jump(5600);
  assert.equal(current().holds(), false);
  renew(); // the answer to a heartbeat was on its way
  assert.equal(current().holds(), false);
  assert.equal(current().signal.aborted, true);
  await time.pass(100);
  assert.deepEqual([terms.length, current().holds()], [2, true], "a new term, which starts the timers again");
});

test("after an outage that moved nothing mastership comes back in the same generation", async () => {
  const { term, time, beat, elect, terms } = made();
  elect(3);
  await time.pass(5700);
  assert.equal(term(), 0);
  await beat(300);
  assert.deepEqual([term(), terms.length], [3, 2]);
  assert.deepEqual([terms[0]?.signal.aborted, terms[0]?.holds(), terms[1]?.holds()], [true, false, true]);
});

test("whoever has told the group that it claims nothing is not master before the group has decided", async () => {
  const { term, time, mastership, beat, elect, terms } = made();
  elect(3);
  time.jump(5600);
  assert.equal(mastership.claim(), 0);
  await beat(5000); // JoinGroup is parked; heartbeats are answered, and another may be elected meanwhile
  assert.deepEqual([term(), terms.length], [0, 1]);
  elect(4);
  assert.deepEqual([term(), terms.length], [4, 2]);
});

test("a removed master steps down at once, and may be elected again", async () => {
  const { term, mastership, beat, elect, renew, current, terms } = made();
  elect(3);
  mastership.removed();
  assert.deepEqual([current().holds(), current().signal.aborted, term()], [false, true, 0]);
  renew();
  await beat(1000);
  assert.deepEqual([terms.length, mastership.claim()], [1, 0]);
  elect(5);
  assert.equal(term(), 5);
});

test("who has resigned is not master again", async () => {
  const { term, mastership, beat, elect, current, terms, time } = made();
  elect(3);
  mastership.resign();
  assert.deepEqual([current().holds(), current().signal.aborted, mastership.claim()], [false, true, 0]);
  elect(4);
  await beat(10_000);
  assert.deepEqual([terms.length, term(), time.sleepers], [1, 0, 0]);
});

test("a candidate that resigns looks no more", async () => {
  const { time, mastership, elect, beat, terms } = made();
  elect(3, time.monotonic() + 1000);
  mastership.resign();
  await beat(5000);
  assert.deepEqual([terms.length, time.sleepers], [0, 0]);
});

type Step =
  | { what: "beat" }
  | { what: "removed" }
  | { what: "claim" }
  | { what: "resign" }
  | { what: "generation"; elected: boolean; wait: number }
  | { what: "pass"; ms: number }
  | { what: "jump"; ms: number };
const ms = fc.oneof(fc.nat(400), fc.nat(7000));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ what: "beat" as const }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("pass" as const), ms }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("jump" as const), ms }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("generation" as const),
      elected: fc.boolean(),
      wait: fc.oneof(fc.constant(0), fc.nat(7000)),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ what: "claim" as const }) },
  { weight: 1, arbitrary: fc.constant({ what: "removed" as const }) },
  { weight: 1, arbitrary: fc.constant({ what: "resign" as const }) },
);

test("never master without a lease, an election that stands, and patience", async () => {
  let terms = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 30 }), async (steps) => {
      const { term, time, lease, terms: begun, mastership, renew } = made();
      let number = 0;
      /** The generation that may have made it master: none after it was told otherwise or claimed nothing. */
      let standing: { generation: number; notBefore: number } | undefined;
      const check = () => {
        const holding = begun.filter((term) => term.holds());
        assert.ok(holding.length <= 1);
        const may = lease.holds() && standing !== undefined && standing.notBefore <= time.monotonic();
        if (!may) assert.deepEqual([holding.length, term()], [0, 0]);
        assert.ok(begun.every(({ generation }, i) => generation >= (begun[i - 1]?.generation ?? 0)), "epochs grow");
        for (const term of begun.slice(0, -1)) assert.ok(term.signal.aborted);
      };
      for (const each of steps) {
        if (each.what === "beat") renew();
        else if (each.what === "pass") await time.pass(each.ms);
        else if (each.what === "jump") time.jump(each.ms);
        else if (each.what === "removed") {
          standing = undefined;
          mastership.removed();
        } else if (each.what === "resign") {
          mastership.resign();
          await time.pass(100);
          assert.equal(term(), 0);
          standing = undefined;
          break;
        } else if (each.what === "claim") {
          const claim = mastership.claim();
          const term = begun.at(-1);
          assert.equal(claim > 0, term?.holds() === true);
          if (claim === 0) {
            assert.ok(term === undefined || term.signal.aborted);
            standing = undefined;
          }
        } else {
          // As the group does it: a lease grace that was asked for once is kept while the term lasts.
          const notBefore = term() > 0 ? -Infinity : time.monotonic() + each.wait;
          standing = each.elected ? { generation: ++number, notBefore } : undefined;
          if (!each.elected) number++;
          mastership.generation(generation({ generation: number, elected: each.elected, notBefore }));
        }
        check();
      }
      terms += begun.length;
      mastership.resign();
      assert.equal(time.sleepers, 0);
    }),
    { numRuns: 300 },
  );
  assert.ok(terms > 30, `${terms} terms`);
});

test("who stands down has stopped before the group is asked to elect another, and acts no more until it has", async () => {
  const { time, mastership, beat, elect, renew, terms, current } = made();
  elect(1);
  const term = current();
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let stoppedBefore = false;
  const done = mastership.yieldMastership("another is asked for", () => {
    stoppedBefore = term.signal.aborted && !term.holds() && !mastership.master;
    return over;
  });
  assert.ok(stoppedBefore);
  await beat(2000);
  // A generation may begin that was joined before: it elects the claimant of then.
  elect(2);
  await beat(2000);
  assert.deepEqual([terms.length, mastership.claim()], [1, 0]);
  renew();
  mastership.generation(generation({ generation: 3, master: "another" }));
  resolve();
  await done;
  await beat(2000);
  assert.equal(terms.length, 1);
  elect(4);
  assert.deepEqual([terms.length, mastership.claim(), time.sleepers > 0], [2, 4, true]);
});

test("it does not act on an election that it has disclaimed meanwhile", async () => {
  const { mastership, beat, elect, terms } = made();
  elect(1);
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const done = mastership.yieldMastership("it does not tick", () => over);
  assert.equal(mastership.claim(), 0); // in the JoinGroup whose answer is not there yet
  resolve();
  await done;
  await beat(2000);
  assert.equal(terms.length, 1, "the answer may say that another one is master");
  elect(2);
  assert.equal(terms.length, 2);
});

test("that nobody is master is told once, and again after there was one", () => {
  const { mastership, lines } = made();
  for (let number = 1; number < 4; number++) {
    mastership.generation(generation({ generation: number, master: undefined }));
  }
  assert.deepEqual(lines.all.filter((line) => /Nobody is master/.test(line)).length, 1);
  mastership.generation(generation({ generation: 4 }));
  mastership.generation(generation({ generation: 5, master: undefined }));
  assert.deepEqual(lines.all.filter((line) => /^warn: Nobody is master/.test(line)).length, 2);
});

test("that nobody is master is not told where nothing waits for one, nor while the worker stops", () => {
  const nobody = generation({ generation: 1, master: undefined });
  const idle = made(() => false);
  idle.mastership.generation(nobody);
  const stopping = made();
  stopping.mastership.resign();
  stopping.mastership.generation(nobody);
  assert.deepEqual([idle, stopping].flatMap(({ lines }) => lines.of(/Nobody is master/)), []);
});

test("a fault of ours in a look at the mastership ends the worker", async () => {
  const { time, lines, supervisor, elect } = made();
  elect(1, time.monotonic() + 1000);
  lines.breakAt = /Elected in generation/;
  await time.pass(1100);
  assert.match(supervisor.ended[0]?.message ?? "", /^A look at the mastership has failed/);
});
