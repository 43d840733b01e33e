import type { Phase } from "../../src/driver/memory/network.ts";
import { Random } from "../../src/driver/memory/random.ts";

/** Whom a fault befalls: the master of that moment, or a worker by its number among those that live. */
export type Victim = "master" | number;

/** What goes wrong, and when; times in ms of virtual time. */
export type Fault =
  & { readonly at: number }
  & (
    | { readonly kind: "kill"; readonly victim: Victim; readonly proof: boolean; readonly replaced: number | undefined }
    | { readonly kind: "freeze"; readonly victim: Victim; readonly lasts: number; readonly suspend: boolean }
    | { readonly kind: "cut"; readonly victim: Victim; readonly phases: readonly Phase[]; readonly lasts: number }
    | { readonly kind: "reset"; readonly victim: Victim }
    | { readonly kind: "loss"; readonly victim: Victim; readonly rate: number; readonly lasts: number }
    | { readonly kind: "slow"; readonly victim: Victim; readonly most: number; readonly lasts: number }
    | { readonly kind: "clock"; readonly victim: Victim; readonly ahead: number; readonly lasts: number }
    | { readonly kind: "join" }
    | { readonly kind: "leave"; readonly victim: Victim }
    | { readonly kind: "forget" }
    | { readonly kind: "stranger"; readonly lasts: number }
    | {
      /** The next message of a name, from whoever sends it. */
      readonly kind: "strike";
      readonly message: string;
      readonly phase: Phase;
      readonly skip: number;
      readonly what: "lose" | "delay" | "kill" | "freeze";
      readonly lasts: number;
    }
  );

/** A session, in ms: shorter than in earnest, so that more happens. */
export const SESSION = 3000;
/** How long things go wrong, in ms. */
export const TROUBLE = 13_000;

const MESSAGES = [
  ...["Produce", "Produce", "EndTxn", "EndTxn", "EndTxn", "InitProducerId", "InitProducerId"],
  ...["Fetch", "JoinGroup", "SyncGroup", "Heartbeat", "OffsetCommit", "CreateTopics", "LeaveGroup"],
];

/** What goes wrong under a seed, in its order. */
export function faultsOf(seed: number): Fault[] {
  const random = new Random(seed * 2 + 1);
  const count = 1 + random.below(10);
  const faults: Fault[] = [];
  while (faults.length < count) {
    // What goes wrong together is worse than what goes wrong one after the other.
    const near = random.happens(0.6) ? faults.at(-1)?.at : undefined;
    const at = near === undefined ? random.between(1500, TROUBLE) : near + random.between(0, SESSION / 2);
    faults.push(fault(Math.round(Math.min(at, TROUBLE)), random));
  }
  return faults.sort((a, b) => a.at - b.at);
}

function fault(at: number, random: Random): Fault {
  const victim = random.happens(0.7) ? "master" : random.below(8);
  /** Shorter than a session as often as longer. */
  const lasts = Math.round(random.happens(0.5) ? random.between(50, SESSION) : random.between(SESSION, 3 * SESSION));
  const phases: readonly Phase[] = random.pick<readonly Phase[]>([["request"], ["answer"], ["request", "answer"]]) ??
    [];
  const roll = random.below(100);
  if (roll < 32) {
    const what = random.pick(["lose", "lose", "delay", "kill", "freeze"] as const) ?? "lose";
    const message = random.pick(MESSAGES) ?? "EndTxn";
    return { at, kind: "strike", message, phase: phases[0] ?? "request", skip: random.below(3), what, lasts };
  }
  if (roll < 42) {
    const replaced = random.happens(0.7) ? Math.round(random.between(10, 4000)) : undefined;
    return { at, kind: "kill", victim, proof: random.happens(0.5), replaced };
  }
  if (roll < 56) return { at, kind: "freeze", victim, lasts, suspend: random.happens(0.2) };
  if (roll < 66) return { at, kind: "cut", victim, phases, lasts };
  if (roll < 69) return { at, kind: "reset", victim };
  if (roll < 72) return { at, kind: "loss", victim, rate: random.between(0.01, 0.3), lasts };
  if (roll < 75) return { at, kind: "slow", victim, most: Math.round(random.between(10, 1500)), lasts };
  if (roll < 79) {
    const ahead = Math.round(random.between(-1, 1) * (random.happens(0.5) ? 2000 : 3_600_000));
    return { at, kind: "clock", victim, ahead, lasts };
  }
  if (roll < 84) return { at, kind: "join" };
  if (roll < 89) return { at, kind: "leave", victim };
  if (roll < 94) return { at, kind: "forget" };
  return { at, kind: "stranger", lasts };
}
