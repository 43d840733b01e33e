import type { TimerDefinition } from "../../../core/timer.ts";
import type { JournalEntry } from "../../../driver/master-log.ts";
import { inParts } from "./entry-parts.ts";
import { type Journal, ruleEntry } from "./journal.ts";

/** Since when the rules of timers are known to be what they are. */
export interface FirstSeen {
  /** By timer, in ms since the epoch. */
  readonly since: ReadonlyMap<string, number>;
  /** What the journal does not say yet, in parts of one transaction each. */
  readonly parts: readonly (readonly JournalEntry[])[];
}

/**
 * Since when the slots of each timer count. A rule that the journal does not know, of a new timer or of one that was changed,
 * counts from now on: before it nothing was missed. It is written down before anything runs: whoever is master next has to
 * know which slots have passed since. Of a timer that an older version ran the rule is not known, and taken for the same.
 */
export function firstSeen(timers: readonly TimerDefinition[], journal: Journal, now: number): FirstSeen {
  const since = new Map<string, number>();
  const news: JournalEntry[] = [];
  for (const { name, rule: { text } } of timers) {
    const known = journal.rules.get(name);
    const record = journal.timers.get(name);
    const isSame = known?.rule === text;
    const from = isSame ? known.since : known === undefined && record ? record.slot : Math.floor(now);
    since.set(name, from);
    if (!isSame) news.push(ruleEntry(name, { rule: text, since: from }));
  }
  return { since, parts: inParts(news) };
}
