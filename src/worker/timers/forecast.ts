import type { Rule } from "../../core/rule.ts";
import { type Upcoming, upcoming } from "../../core/upcoming.ts";

/** How many of the slots that come are told. */
const COMING = 3;

interface Kept {
  readonly after: number;
  readonly coming: readonly Upcoming[];
}

/**
 * The slots that come next, for people. Where a rule goes by a calendar they are dear to work out, and thousands of such
 * timers would hold up the event loop for seconds: so they are kept until the first of them has come.
 */
export class Forecast {
  readonly #kept = new WeakMap<Rule, Kept>();

  of(rule: Rule, now: number): readonly Upcoming[] {
    const kept = this.#kept.get(rule);
    if (kept && kept.after <= now && (kept.coming[0]?.slot ?? Infinity) > now) return kept.coming;
    const coming = upcoming(rule, now, COMING);
    this.#kept.set(rule, { after: now, coming });
    return coming;
  }

  /** Works them out for all of these, and waits whenever `due` gives something to wait for. */
  async prepare(rules: Iterable<Rule>, now: number, due: () => Promise<void> | undefined): Promise<void> {
    for (const rule of rules) {
      const rest = due();
      if (rest) await rest;
      this.of(rule, now);
    }
  }
}
