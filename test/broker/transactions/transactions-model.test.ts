import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Code } from "../../../src/wire/error-codes.ts";
import type { ProducerIdAndEpoch } from "../../../src/broker/transactions/transaction.ts";
import { settle, transactionSetting } from "../../support/transactions.ts";

type Step =
  | { do: "begin" | "own" | "add"; who: number }
  | { do: "end"; who: number; commit: boolean; bumps: boolean; lost: boolean }
  | { do: "wait" | "restart" };

const who = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("begin", "own", "add", "add"), who }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("end"),
      who,
      commit: fc.boolean(),
      bumps: fc.boolean(),
      lost: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("wait", "restart") }) },
);

/** Producers of one transactional id that know nothing of each other, and what must hold for what they are answered. */
class Model {
  at = transactionSetting();
  readonly producers: (ProducerIdAndEpoch | undefined)[] = [undefined, undefined, undefined];
  /** Who holds the id; what it was given last is the only thing that may write. */
  holder = -1;
  open = false;
  /** How many transactions have ended, and how many markers there were before the one that is open. */
  markers = 0;

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "wait":
        this.at.time.advance(80_000);
        await settle();
        if (this.open) this.#ended(false);
        if (this.open) this.holder = -1;
        this.open = false;
        return;
      case "restart": {
        const { journal, time, markers } = this.at;
        this.at.transactions.stop();
        this.at = transactionSetting({}, journal, time);
        this.at.markers.push(...markers);
        return;
      }
      case "begin":
        this.producers[step.who] = await this.at.begin("x");
        if (this.open) this.#ended(false);
        this.open = false;
        this.holder = step.who;
        return;
      case "own":
        return await this.#own(step.who);
      case "add":
        return await this.#add(step.who);
      case "end":
        return await this.#end(step);
    }
  }

  async #own(who: number): Promise<void> {
    const mine = this.producers[who];
    if (mine === undefined) return;
    const { errorCode, ...next } = await this.at.transactions.initialize("x", 60_000, mine);
    if (errorCode === Code.CONCURRENT_TRANSACTIONS) {
      assert.equal(this.open, true);
      this.#ended(false);
      this.open = false;
      this.holder = -1; // until somebody asks again
    } else if (errorCode === Code.NONE) {
      assert.ok(this.holder === who || this.holder === -1, "compare-and-swap lets nobody else in");
      this.producers[who] = next;
      this.holder = who;
    } else assert.notEqual(this.holder, who, "the holder is never fenced");
  }

  async #add(who: number): Promise<void> {
    const mine = this.producers[who];
    if (mine === undefined) return;
    const code = await this.at.transactions.add("x", mine, [{ topic: "t", partition: who }]);
    assert.equal(code === Code.NONE, this.holder === who, `${code} for ${who}, held by ${this.holder}`);
    if (code === Code.NONE) this.open = true;
  }

  async #end({ who, commit, bumps, lost }: Extract<Step, { do: "end" }>): Promise<void> {
    const mine = this.producers[who];
    if (mine === undefined) return;
    const answer = await this.at.transactions.end("x", mine, commit, bumps);
    if (this.holder !== who) {
      if (answer.errorCode === Code.NONE) assert.equal(this.#lastMarker()?.committed ?? commit, commit);
      return;
    }
    if (!this.open) {
      assert.ok(answer.errorCode !== Code.NONE || this.at.transactions.get("x")?.state.startsWith("Complete"));
      if (answer.errorCode === Code.NONE && bumps) this.producers[who] = answer;
      this.markers = this.at.markers.length;
      return;
    }
    assert.equal(answer.errorCode, Code.NONE, "the holder's transaction can be ended");
    this.#ended(commit);
    this.open = false;
    if (bumps && lost) assert.deepEqual(await this.at.transactions.end("x", mine, commit, bumps), answer);
    if (bumps) this.producers[who] = { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
  }

  /** Exactly one marker, as decided, for what was open. */
  #ended(committed: boolean): void {
    assert.equal(this.at.markers.length, this.markers + 1, "each transaction ends once");
    assert.equal(this.#lastMarker()?.committed, committed);
    this.markers++;
  }

  #lastMarker() {
    return this.at.markers.at(-1);
  }
}

test("whatever its producers do, a transactional id has one holder, and each transaction ends once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const model = new Model();
      for (const one of steps) await model.take(one);
    }),
    { numRuns: 150 },
  );
});
