import type { StoredMessage } from "../support/kafkajs-oracle.ts";
import { type Entry, termsOf } from "./history.ts";

/** What a run has left behind. */
export interface Evidence {
  /** By worker: a process, not a place. */
  readonly histories: ReadonlyMap<string, readonly Entry[]>;
  /** What an independent client reads, read committed. */
  readonly ticks: readonly StoredMessage[];
  /** Those of them that the workers have had the time for: what a master sends while all are stopped waits in the topic. */
  readonly due: readonly StoredMessage[];
  /** The ids of messages to the other actor that were acknowledged to their sender. */
  readonly sent: ReadonlySet<string>;
  /** In ms. */
  readonly interval: number;
}

/** A sentence for each thing that must hold and does not. */
export function judge(evidence: Evidence): string[] {
  return [
    ...everySlotOnce(evidence),
    ...epochsGrow(evidence),
    ...oneMaster(evidence),
    ...oneInside(evidence),
    ...ticksUnderALease(evidence),
    ...abortsFirst(evidence),
    ...nothingLost(evidence),
  ];
}

interface Greeting {
  readonly slot: number;
  readonly epoch: number;
  readonly pid: number;
  readonly second?: boolean;
}

function greetingsOf({ ticks }: Evidence): (Greeting & StoredMessage)[] {
  return ticks.map((stored) => ({ ...JSON.parse(String(stored.value)) as Greeting, ...stored }));
}

/** Of a slot that sends twice both are there, or none: they are of one transaction. */
function everySlotOnce(evidence: Evidence): string[] {
  const { interval } = evidence;
  const counts = new Map<string, number>();
  const slots = new Set<number>();
  for (const { slot, second = false } of greetingsOf(evidence)) {
    slots.add(slot);
    counts.set(`${slot}${second ? " second" : ""}`, (counts.get(`${slot}${second ? " second" : ""}`) ?? 0) + 1);
  }
  if (slots.size === 0) return ["nothing has been published"];
  const wrong: string[] = [];
  for (let slot = Math.min(...slots); slot <= Math.max(...slots); slot += interval) {
    for (const key of slot % 1000 === 0 ? [`${slot}`, `${slot} second`] : [`${slot}`]) {
      const count = counts.get(key) ?? 0;
      if (count !== 1) wrong.push(`slot ${key} (${new Date(slot).toISOString()}) is in the topic ${count} times`);
      counts.delete(key);
    }
  }
  return [...wrong, ...[...counts.keys()].map((key) => `slot ${key} is none`)];
}

function epochsGrow(evidence: Evidence): string[] {
  const last = new Map<number, number>();
  return greetingsOf(evidence).flatMap(({ partition, offset, epoch, slot }) => {
    const before = last.get(partition) ?? 0;
    last.set(partition, Math.max(before, epoch));
    return epoch < before ? [`epoch ${epoch} after ${before}, at ${partition}@${offset} (slot ${slot})`] : [];
  });
}

function oneMaster({ histories }: Evidence): string[] {
  const terms = [...histories].flatMap(([worker, entries]) => termsOf(worker, entries)).sort((a, b) => a.from - b.from);
  const wrong: string[] = [];
  for (const [index, term] of terms.entries()) {
    for (const later of terms.slice(index + 1)) {
      if (later.worker === term.worker || later.from >= term.until) continue;
      wrong.push(
        `${later.worker} is master (epoch ${later.epoch}) ${
          Math.round(term.until - later.from)
        } ms before the lease of ` +
          `${term.worker} (epoch ${term.epoch}) ends`,
      );
    }
    const epochs = terms.filter(({ epoch, worker }) => epoch === term.epoch && worker !== term.worker);
    if (epochs.length > 0) wrong.push(`epoch ${term.epoch} is that of two workers`);
  }
  return wrong;
}

/** No tick begins while another worker is master under a valid lease. */
function oneInside({ histories }: Evidence): string[] {
  const terms = [...histories].flatMap(([worker, entries]) => termsOf(worker, entries));
  return [...histories].flatMap(([worker, entries]) =>
    entries.flatMap((entry) => {
      if (entry.what !== "tick") return [];
      const other = terms.find((term) => term.worker !== worker && term.from < entry.at && entry.at < term.until);
      return other ? [`${worker} begins slot ${entry.slot} inside the term of ${other.worker}`] : [];
    })
  );
}

function ticksUnderALease({ histories }: Evidence): string[] {
  return [...histories].flatMap(([worker, entries]) =>
    entries.flatMap((entry) =>
      entry.what === "tick" && entry.left <= 0 ? [`${worker} begins slot ${entry.slot} without a lease`] : []
    )
  );
}

/** A tick that wakes up when the lease is over finds its signal aborted, and its sends refused. */
function abortsFirst({ histories }: Evidence): string[] {
  return [...histories].flatMap(([worker, entries]) =>
    entries.flatMap((entry, index) => {
      if (entry.what !== "woken" || entry.left > 0) return [];
      const wrong = entry.aborted ? [] : [`${worker} goes on with slot ${entry.slot}: its signal has not aborted`];
      const next = entries.slice(index + 1).find((one) => one.what === "refused" && one.slot === entry.slot);
      const dead = entries.at(-1) === entry;
      return next || dead ? wrong : [...wrong, `${worker} may still send in slot ${entry.slot} without a lease`];
    })
  );
}

function nothingLost({ histories, sent, due }: Evidence): string[] {
  const entries = [...histories.values()].flat();
  const handled = new Set(entries.flatMap((entry) => entry.what === "handled" ? [entry.id] : []));
  const greeted = new Set(entries.flatMap((entry) => entry.what === "greeted" ? [entry.id] : []));
  return [
    ...[...sent].filter((id) => !handled.has(id)).map((id) => `message ${id} has not been handled`),
    ...due.filter(({ partition, offset }) => !greeted.has(`${partition}@${offset}`)).map(({ partition, offset }) =>
      `greeting ${partition}@${offset} has not been handled`
    ),
  ];
}
