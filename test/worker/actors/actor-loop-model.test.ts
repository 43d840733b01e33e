import { test } from "node:test";
import fc from "fast-check";
import process from "node:process";
import { type Call, type Op, type Reading, Scene } from "./actor-loop-scene.ts";

/** Any sequence of what may happen to an actor's loop; `Scene` says what holds after each step, and at the end. */

const partition = fc.nat(2);
const small = fc.integer({ min: 1, max: 4 });

const kind = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ fails: 0 }) },
  { weight: 2, arbitrary: fc.record({ fails: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.constant({ fails: 99 }) },
  { weight: 1, arbitrary: fc.constant({ fails: 0, unreadable: true }) },
);

const entry = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(kind, fc.constantFrom(0, 0, 0, 1, 15, 30, 300)).map(([about, takes]) => ({ ...about, takes })),
  },
  { weight: 1, arbitrary: fc.constant("marker" as const) },
);

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant("deliver" as const),
      partition,
      entries: fc.array(entry, { maxLength: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("pass" as const),
      ms: fc.constantFrom(0, 1, 10, 100, 250, 700, 6000, 20_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom("revoke" as const, "lose" as const), partition }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("assign" as const), partition }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("unreadable" as const), partition }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("crowd" as const), on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("away" as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("fault" as const) }) },
);

const reading: fc.Arbitrary<Reading> = fc.oneof(
  fc.constantFrom({ how: "values" as const }, { how: "events" as const }),
  fc.record({ how: fc.constant("take" as const), count: small, within: fc.constantFrom(0, 5, 200, 1000) }),
);

/** `leave`: after so many steps of its loop the handler reads on in another way, or returns. */
const call: fc.Arbitrary<Call> = fc.array(
  fc.record({ reading, leave: fc.constantFrom(0, 0, 1, 3) }),
  { minLength: 1, maxLength: 3 },
);

test("whatever happens, each message is handled once or as its failures say, in order, and acknowledged behind that", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(op, { minLength: 3, maxLength: 30 }),
      fc.array(call, { minLength: 1, maxLength: 3 }),
      async (ops, calls) => {
        const scene = new Scene(calls);
        for (const op of ops) await scene.run(op);
        await scene.end();
      },
    ),
    { numRuns: Number(process.env.MODEL_RUNS ?? 150) },
  );
});
