import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Instant, Lease } from "../../src/core/lease.ts";
import { StillClock } from "./fakes.ts";

const terms = { session: 6000, rebalance: 24_000, margin: 500 };

function made(): { clock: StillClock; lease: Lease } {
  const clock = new StillClock(0, 1_000_000);
  return { clock, lease: new Lease(terms, clock) };
}

test("a lease that nobody has given does not hold", () => {
  const { lease } = made();
  assert.equal(lease.left(), -Infinity);
  assert.equal(lease.holds(), false);
  lease.signOfLife(lease.now());
  assert.equal(lease.holds(), false, "a sign of life proves no generation");
});

test("it is counted from the moment of sending, less the margin", () => {
  const { clock, lease } = made();
  const sent = lease.now();
  clock.pass(900);
  lease.renew(sent);
  assert.equal(lease.left(), 4600);
  clock.pass(4599);
  assert.equal(lease.holds(), true);
  clock.pass(1);
  assert.equal(lease.holds(), false);
});

test("signs of life without a proof carry it to the rebalance timeout and no further", () => {
  const { clock, lease } = made();
  lease.renew(lease.now());
  for (; clock.monotonic() < 23_500; clock.pass(500)) {
    lease.signOfLife(lease.now());
    assert.equal(lease.holds(), true, `at ${clock.monotonic()}`);
  }
  lease.signOfLife(lease.now());
  assert.equal(lease.holds(), false);
  lease.renew(lease.now());
  assert.equal(lease.left(), 5500);
});

test("the end is at once", () => {
  const { lease } = made();
  lease.renew(lease.now());
  lease.end();
  assert.equal(lease.holds(), false);
});

test("who gave a sign of life less than a session ago was alive, whatever ended the lease", () => {
  const { clock, lease } = made();
  assert.equal(lease.wasAlive, false);
  lease.renew(lease.now());
  clock.pass(1000);
  lease.signOfLife(lease.now());
  lease.end();
  clock.pass(5999);
  assert.equal(lease.wasAlive, true);
  clock.pass(1);
  assert.equal(lease.wasAlive, false);
});

test("an answer that comes late takes nothing back", () => {
  const { clock, lease } = made();
  const early = lease.now();
  clock.pass(2000);
  lease.renew(lease.now());
  lease.renew(early);
  lease.signOfLife(early);
  assert.equal(lease.left(), 5500);
});

test("the clock that has less decides", () => {
  const { clock, lease } = made();
  lease.renew(lease.now());
  clock.at = { monotonic: 1000, wall: 1_003_000 }; // the machine slept
  assert.equal(lease.left(), 2500);
  clock.at = { monotonic: 2000, wall: 900_000 }; // the clock was set back
  assert.equal(lease.left(), 3500);
  clock.at = { monotonic: 2000, wall: 2_000_000 };
  assert.equal(lease.holds(), false);
});

test("a lease that was seen to be over does not come back with a wall clock that is set back, only with an answer", () => {
  const { clock, lease } = made();
  const earlier = lease.now();
  clock.pass(1);
  lease.renew(lease.now());
  clock.at = { monotonic: 1000, wall: 9_000_000 };
  assert.equal(lease.holds(), false);
  clock.at = { monotonic: 1200, wall: 1_001_200 };
  assert.deepEqual([lease.holds(), lease.left()], [false, 0]);
  lease.signOfLife(earlier);
  assert.equal(lease.holds(), false, "nor with an answer to what was asked before the last that was answered");
  lease.signOfLife(lease.now());
  assert.deepEqual([lease.holds(), lease.left()], [true, 5500]);
});

test("one that was seen to lack a proof holds with it, though a later sign of life was answered before", () => {
  const { clock, lease } = made();
  const sync = lease.now();
  clock.pass(100);
  lease.signOfLife(lease.now());
  assert.equal(lease.holds(), false);
  lease.renew(sync);
  assert.equal(lease.holds(), true);
});

test("a wall clock that was ahead for a moment does not weaken later leases", () => {
  const { clock, lease } = made();
  clock.at = { monotonic: 0, wall: 9_000_000 };
  lease.renew(lease.now());
  clock.at = { monotonic: 100, wall: 1_000_100 }; // set right again
  lease.renew(lease.now());
  clock.at = { monotonic: 100, wall: 1_020_100 }; // asleep for 20 s
  assert.equal(lease.holds(), false);
});

test("a suspension counts where the time since the machine's start is known, whatever the other clocks say", () => {
  const { clock, lease } = made();
  clock.at = { monotonic: 0, wall: 1_000_000, boot: 50_000 };
  lease.renew(lease.now());
  clock.at = { monotonic: 100, wall: 1_000_100, boot: 52_100 }; // asleep for 2 s, and the wall clock is set back by as much
  assert.equal(lease.left(), 3400);
  clock.at = { monotonic: 200, wall: 1_000_200, boot: 90_000 };
  assert.equal(lease.holds(), false);
});

/** What happens in a run: when, in ms after the event before, and how long its request and its answer are under way. */
type Happening =
  & { after: number }
  & (
    | { what: "heartbeat"; there: number; back: number; lost: "no" | "request" | "answer" }
    | { what: "rejoin"; there: number; back: number; park: number; lost: "no" | "request" | "answer" }
    | { what: "rebalance" }
    | { what: "asleep"; ms: number; wallStops: boolean }
    | { what: "wall clock set"; by: number }
  );

const under = fc.oneof({ weight: 4, arbitrary: fc.nat(50) }, fc.nat(9000));
const lost = fc.oneof(
  { weight: 6, arbitrary: fc.constant("no" as const) },
  fc.constantFrom("request" as const, "answer" as const),
);
const after = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 600 }) }, fc.nat(7000));
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ after, what: fc.constant("heartbeat" as const), there: under, back: under, lost }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ after, what: fc.constant("rejoin" as const), there: under, back: under, park: under, lost }),
  },
  { weight: 2, arbitrary: fc.record({ after, what: fc.constant("rebalance" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ after, what: fc.constant("asleep" as const), ms: fc.nat(40_000), wallStops: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      after,
      what: fc.constant("wall clock set" as const),
      by: fc.integer({ min: -1e7, max: 1e7 }),
    }),
  },
);

/**
 * The broker's own reckoning, in true time, and the member's lease beside it. The broker hears a request when it comes
 * in, and expels the member a session after that, or at the rebalance timeout when it has not rejoined.
 */
class Simulation {
  readonly clock = new StillClock(0, 1e9);
  readonly lease = new Lease(terms, this.clock);
  readonly #knowsBoot: boolean;
  /** True time; the member's clocks may not follow. */
  now = 0;
  #events: { at: number; run: () => void }[] = [];
  #heard = 0;
  #rebalancing: number | undefined;
  #parked = 0;
  #joining = false;
  #member = true;
  #generation = 1;
  /** The member's own view. */
  #known = 1;
  /** When the clocks last did what no two clocks can tell: what was sent before the one is not judged after the other. */
  #asleep = -Infinity;
  #awake = 0;
  #setBack = -Infinity;
  #renewed = 0;
  #proved = 0;
  held = 0;
  #wallStopped = 0;

  /** `knowsBoot`: whether the member's machine knows the time since its start. */
  constructor(knowsBoot: boolean) {
    this.#knowsBoot = knowsBoot;
    if (knowsBoot) this.clock.at.boot = 7000;
    this.lease.renew(this.lease.now());
  }

  run(happenings: readonly Happening[]): void {
    let at = 0;
    for (const each of happenings) {
      at += each.after;
      this.#at(at, () => this.#happens(each));
    }
    for (;;) {
      this.#events.sort((a, b) => a.at - b.at);
      const next = this.#events[0]?.at ?? Infinity;
      const expiry = this.#expiry();
      if (Math.min(next, expiry) === Infinity) return;
      this.#pass(Math.min(next, expiry));
      if (expiry <= next) {
        this.#member = false;
        this.check();
      } else {
        this.#events.shift()?.run();
        this.check();
        if (this.lease.holds()) this.held++;
      }
    }
  }

  /** The property: no lease holds once the broker has removed the member. */
  check(): void {
    if (this.#member || !this.lease.holds()) return;
    // A clock that sleeps and one that is set back, both since the same request, leave no clock to go by but the third.
    const since = Math.min(this.#renewed, this.#proved);
    if (!this.#knowsBoot && Math.min(this.#asleep, this.#setBack) >= since) return;
    assert.fail(
      `at ${this.now} the lease holds for ${this.lease.left()} ms more, and the broker has removed the member`,
    );
  }

  #expiry(): number {
    if (!this.#member) return Infinity;
    const session = this.#parked > 0 ? Infinity : this.#heard + terms.session;
    const rebalance = this.#rebalancing === undefined || this.#parked > 0
      ? Infinity
      : this.#rebalancing + terms.rebalance;
    return Math.min(session, rebalance);
  }

  #pass(at: number): void {
    const { monotonic, wall, boot } = this.clock.at;
    const awake = Math.max(0, at - Math.max(this.now, this.#awake));
    const onWall = this.#wallStopped > this.now ? awake : at - this.now;
    this.clock.at = {
      ...{ monotonic: monotonic + awake, wall: wall + onWall },
      ...(boot !== undefined && { boot: boot + at - this.now }),
    };
    this.now = at;
  }

  #at(at: number, run: () => void): void {
    this.#events.push({ at: Math.max(at, this.now), run });
  }

  #happens(event: Happening): void {
    switch (event.what) {
      case "heartbeat":
        return this.#heartbeat(event);
      case "rejoin":
        return this.#rejoin(event);
      case "rebalance":
        this.#rebalancing ??= this.now;
        return;
      case "asleep":
        // True time goes on with the wall clock while the monotonic one stands; what comes in then waits. Where the wall
        // clock stops too, it is as if it were set back.
        this.#asleep = this.now;
        this.#awake = this.now + event.ms;
        if (event.wallStops) this.#setBack = this.#wallStopped = this.#awake;
        for (const waiting of this.#events) waiting.at = Math.max(waiting.at, this.#awake);
        return;
      case "wall clock set":
        if (event.by < 0) this.#setBack = this.now;
        this.clock.at = { ...this.clock.at, wall: this.clock.at.wall + event.by };
    }
  }

  #heartbeat({ there, back, lost }: Happening & { what: "heartbeat" }): void {
    const sent = this.lease.now();
    const sentAt = this.now;
    const generation = this.#known;
    if (lost === "request") return;
    this.#at(this.now + there, () => {
      const known = this.#member && generation === this.#generation;
      if (known) this.#heard = this.now;
      const rebalancing = this.#rebalancing !== undefined;
      this.#answer(lost, back, () => {
        if (generation !== this.#known) return; // an answer to what the member no longer is
        if (!known) this.#end();
        else if (rebalancing) this.#alive(sent, sentAt);
        else this.#proven(sent, sentAt);
      });
    });
  }

  #rejoin({ there, back, park, lost }: Happening & { what: "rejoin" }): void {
    const sent = this.lease.now();
    const sentAt = this.now;
    if (lost === "request" || this.#joining) return; // one at a time
    this.#joining = true;
    this.#at(this.now + there, () => {
      this.#joining = false;
      if (!this.#member) return this.#answer(lost, back, () => this.#end());
      this.#joining = true;
      this.#heard = this.now;
      this.#rebalancing ??= this.now;
      this.#parked++;
      this.#at(this.now + park, () => {
        this.#parked--;
        this.#heard = this.now;
        this.#rebalancing = undefined;
        const generation = ++this.#generation;
        this.#joining = lost === "no";
        this.#answer(lost, back, () => {
          this.#joining = false;
          this.#known = generation;
          this.#proven(sent, sentAt);
        });
      });
    });
  }

  #answer(lost: string, back: number, run: () => void): void {
    if (lost === "no") this.#at(this.now + back, run);
  }

  #end(): void {
    this.lease.end();
    this.#renewed = this.#proved = -Infinity;
  }

  #alive(sent: Instant, at: number): void {
    this.lease.signOfLife(sent);
    this.#renewed = Math.max(this.#renewed, at);
  }

  #proven(sent: Instant, at: number): void {
    this.lease.renew(sent);
    this.#renewed = Math.max(this.#renewed, at);
    this.#proved = Math.max(this.#proved, at);
  }
}

for (const knowsBoot of [false, true]) {
  const where = knowsBoot ? "where the time since the machine's start is known" : "with two clocks";
  test(`at no instant does a lease hold after the broker could have removed the member, ${where}`, () => {
    let held = 0;
    fc.assert(
      fc.property(fc.array(happening, { minLength: 5, maxLength: 60 }), (happenings) => {
        const simulation = new Simulation(knowsBoot);
        simulation.run(happenings);
        held += simulation.held;
      }),
      { numRuns: 3000 },
    );
    assert.ok(held > 2000, "and it was not for want of leases");
  });
}

test("it holds without a gap while heartbeats are answered in time", () => {
  const gaps = fc.array(
    fc.record({ every: fc.integer({ min: 1, max: 1000 }), there: fc.nat(400), back: fc.nat(400) }),
    {
      minLength: 2,
      maxLength: 60,
    },
  );
  fc.assert(fc.property(gaps, (gaps) => {
    const { clock, lease } = made();
    lease.renew(lease.now());
    for (const { every, there, back } of gaps) {
      clock.pass(every);
      const sent = lease.now();
      clock.pass(there + back);
      assert.ok(lease.holds());
      lease.renew(sent);
    }
  }));
});
