import type { Standstill } from "../../src/testing/host.ts";
import type { Phase } from "../../src/testing/network.ts";
import { Random } from "../../src/testing/random.ts";

/** Whom a fault befalls: the master of that moment, or a worker by its number among those that live. */
export type Victim = "master" | number;

/** What goes wrong, and when; times in ms of virtual time. */
export type Fault =
  & { readonly at: number }
  & (
    | { readonly kind: "kill"; readonly victim: Victim; readonly proof: boolean; readonly replaced: number | undefined }
    | { readonly kind: "freeze"; readonly victim: Victim; readonly lasts: number; readonly what: Standstill }
    | { readonly kind: "cut"; readonly victim: Victim; readonly phases: readonly Phase[]; readonly lasts: number }
    | { readonly kind: "reset"; readonly victim: Victim }
    | { readonly kind: "loss"; readonly victim: Victim; readonly rate: number; readonly lasts: number }
    | { readonly kind: "slow"; readonly victim: Victim; readonly most: number; readonly lasts: number }
    | { readonly kind: "clock"; readonly victim: Victim; readonly ahead: number; readonly lasts: number }
    | { readonly kind: "join" }
    | { readonly kind: "leave"; readonly victim: Victim }
    /** An administrator removes it from the group. */
    | { readonly kind: "evict"; readonly victim: Victim }
    /**
     * Another process is started in its place, though it lives; where places have no names, beside it. The victim may be
     * frozen by then, and another one about to join.
     */
    | { readonly kind: "double"; readonly victim: Victim; readonly frozen: number; readonly joins: boolean }
    /**
     * Messages of one name are slow, up to so many ms, or never come: others of the same worker do. Those of a round never
     * come from the next SyncGroup on.
     */
    | {
      readonly kind: "drag";
      readonly victim: Victim;
      readonly message: string;
      readonly phase: Phase;
      readonly most: number | undefined;
      readonly lasts: number;
    }
    /** Another broker becomes the group's coordinator. */
    | { readonly kind: "move"; readonly lasts: number }
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

/** A session: shorter than in earnest, so that more happens. */
export const SESSION_MS = 3000;
/** How long things go wrong. */
const TROUBLE_MS = 13_000;

const MESSAGES = [
  ...["Produce", "Produce", "EndTxn", "EndTxn", "EndTxn", "InitProducerId", "InitProducerId"],
  ...["Fetch", "JoinGroup", "SyncGroup", "Heartbeat", "OffsetCommit", "CreateTopics", "LeaveGroup"],
];

const DRAGGED = ["Heartbeat", "JoinGroup", "SyncGroup", "round"];

/** What goes wrong under a seed, in its order. */
export function faultsOf(seed: number): Fault[] {
  const random = new Random(seed * 2 + 1);
  const count = 1 + random.below(10);
  const faults: Fault[] = [];
  while (faults.length < count) {
    // What goes wrong together is worse than what goes wrong one after the other.
    const near = random.happens(0.6) ? faults.at(-1)?.at : undefined;
    const at = near === undefined ? random.between(1500, TROUBLE_MS) : near + random.between(0, SESSION_MS / 2);
    faults.push(fault(Math.round(Math.min(at, TROUBLE_MS)), random));
  }
  return faults.sort((a, b) => a.at - b.at);
}

function fault(at: number, random: Random): Fault {
  const victim = random.happens(0.7) ? "master" : random.below(8);
  /** Shorter than a session as often as longer. */
  const lasts = Math.round(
    random.happens(0.5) ? random.between(50, SESSION_MS) : random.between(SESSION_MS, 3 * SESSION_MS),
  );
  const phases: readonly Phase[] = random.pick<readonly Phase[]>([["request"], ["answer"], ["request", "answer"]]) ??
    [];
  const roll = random.below(118);
  if (roll < 32) {
    const what = random.pick(["lose", "lose", "delay", "kill", "freeze"] as const) ?? "lose";
    const message = random.pick(MESSAGES) ?? "EndTxn";
    return { at, kind: "strike", message, phase: phases[0] ?? "request", skip: random.below(3), what, lasts };
  }
  if (roll < 42) {
    const replaced = random.happens(0.7) ? Math.round(random.between(10, 4000)) : undefined;
    return { at, kind: "kill", victim, proof: random.happens(0.5), replaced };
  }
  if (roll < 56) return { at, kind: "freeze", victim, lasts, what: standstill(random.next()) };
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
  if (roll < 100) return { at, kind: "stranger", lasts };
  if (roll < 104) return { at, kind: "evict", victim };
  if (roll < 108) {
    const frozen = random.happens(0.6) ? Math.round(random.between(50, SESSION_MS)) : 0;
    return { at, kind: "double", victim, frozen, joins: random.happens(0.5) };
  }
  if (roll < 114) {
    const message = random.pick(DRAGGED) ?? "Heartbeat";
    if (message === "round") {
      // Long enough that the group has no leaseGraceMs left with whom it still hears of.
      return { at, kind: "drag", victim, message, phase: "request", most: undefined, lasts: 8 * SESSION_MS };
    }
    const most = Math.round(random.between(5, message === "Heartbeat" ? 900 : 3000));
    return { at, kind: "drag", victim, message, phase: phases[0] ?? "answer", most, lasts };
  }
  return { at, kind: "move", lasts: Math.round(random.between(1, 1000)) };
}

function standstill(roll: number): Standstill {
  if (roll > 0.3) return "process";
  return roll > 0.2 ? "monotonic" : roll > 0.1 ? "wall" : "all";
}

/** When all is well again: nothing begins to go wrong later than `TROUBLE`, and what has no end of its own ends then. */
export function endOf(faults: readonly Fault[]): number {
  return Math.max(TROUBLE_MS, ...faults.map((fault) => fault.kind === "drag" ? fault.at + fault.lasts : 0));
}
