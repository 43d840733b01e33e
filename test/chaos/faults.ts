import type { KafkaServer } from "../support/kafka.ts";
import type { Proxy } from "../support/proxy.ts";
import { between, type Chance, oneOf } from "../support/random.ts";
import type { Runtime } from "../support/runtimes.ts";

/** A place for a worker: its proxy stays, its process comes and goes. */
export interface Place {
  readonly name: string;
  readonly runtime: Runtime;
  readonly proxy: Proxy;
  /** Undefined while there is none. */
  process: { readonly pid: number; kill(signal: NodeJS.Signals): void } | undefined;
  /** What has been done to it and not been undone. */
  trouble: string | undefined;
}

/** What faults act on. */
export interface Stage {
  readonly places: readonly Place[];
  readonly kafka: KafkaServer;
  /** Where the master is, by the workers' histories. */
  master(): Place | undefined;
  /** Starts a worker in an empty place. */
  start(place: Place): void;
  /** Ends a worker with a signal, and waits until it has ended. */
  end(place: Place, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/** Something bad; `undo` mends it, after `lasts` ms. */
export interface Fault {
  readonly name: string;
  readonly lasts: number;
  begin(): void | Promise<void>;
  undo(): void | Promise<void>;
}

/** No more workers than this are in trouble at once: the rest has to carry on. */
const AT_ONCE = 2;

/** The first fault: without it a short run might leave the master alone. */
export function killTheMaster(stage: Stage): Fault | undefined {
  const master = stage.master();
  return master && befall("kill", master, 2000, stage, 0);
}

/** The next fault, as the dice say; undefined when there is nobody left whom it could befall. */
export function nextFault(stage: Stage, chance: Chance): Fault | undefined {
  const kind = oneOf(chance, KINDS);
  const long: readonly [number, number] = SLOW.has(kind) ? LONG_MS : [7000, 11_000];
  const lasts = Math.round(chance() < 0.6 ? between(chance, 300, 4000) : between(chance, ...long));
  // All are drawn in any case, so that a seed goes on alike however the workers are.
  const chosen = chance();
  const atMaster = chance() < 0.5;
  const strength = chance();
  if (kind === "broker") {
    return {
      name: "restart the broker",
      lasts: 0,
      begin: () => stage.kafka.restart({ hard: chosen < 0.5 }),
      undo: () => {},
    };
  }
  const well = stage.places.filter(({ process, trouble }) => process !== undefined && trouble === undefined);
  if (stage.places.length - well.length >= AT_ONCE) return undefined;
  const master = stage.master();
  const place = atMaster && master && well.includes(master) ? master : well[Math.floor(chosen * well.length)];
  return place && befall(kind, place, lasts, stage, strength);
}

const KINDS = [
  "kill",
  "kill",
  "kill",
  "terminate",
  "terminate",
  "freeze",
  "freeze",
  "freeze",
  "cut",
  "cut",
  "hold",
  "hold sent",
  "hold received",
  "swallow",
  "late",
  "late",
  "narrow",
  "narrow",
  "stall",
  "block",
  "broker",
] as const;

const END_TXN = 26;

type Kind = (typeof KINDS)[number];

/** Slow lines: what is sent still arrives. Long, they last longer than what stands still: nobody may give up meanwhile. */
const SLOW: ReadonlySet<Kind> = new Set<Kind>(["late", "narrow", "stall"]);
const LONG_MS = [7000, 30_000] as const;

/** `strength`: how bad a slow line is, from 0 to 1. */
function befall(kind: Exclude<Kind, "broker">, place: Place, lasts: number, stage: Stage, strength: number): Fault {
  const { proxy } = place;
  const named = (name: string, begin: Fault["begin"], undo: Fault["undo"]): Fault => ({
    name: `${name} ${place.name} for ${lasts} ms`,
    lasts,
    begin: () => {
      place.trouble = name;
      return begin();
    },
    undo: async () => {
      await undo();
      place.trouble = undefined;
    },
  });
  switch (kind) {
    case "kill":
      return named("kill -9", () => stage.end(place, "SIGKILL"), () => stage.start(place));
    case "terminate":
      return named("terminate", () => stage.end(place, "SIGTERM"), () => stage.start(place));
    case "freeze":
      return named("freeze", () => place.process?.kill("SIGSTOP"), () => place.process?.kill("SIGCONT"));
    case "cut":
      return named("cut off", () => proxy.cut(), () => proxy.heal());
    case "hold":
      return named("hold what goes both ways of", () => proxy.freeze(), () => proxy.heal());
    case "hold sent":
      return named("hold what is sent by", () => proxy.freeze("sent"), () => proxy.heal());
    case "hold received":
      return named("hold what is received by", () => proxy.freeze("received"), () => proxy.heal());
    case "swallow":
      return named("lose the answers to commits of", () => void proxy.swallowAnswers(END_TXN), () => proxy.heal());
    case "late": {
      const ms = Math.round(50 * 10 ** strength);
      return named(`forward all ${ms} ms late of`, () => proxy.delay(ms), () => proxy.heal());
    }
    case "narrow": {
      const rate = Math.round(100_000 * 10 ** strength);
      return named(`forward at most ${Math.round(rate / 1000)} kB/s of`, () => proxy.limit(rate), () => proxy.heal());
    }
    case "stall": {
      const ms = Math.round(1000 + 4000 * strength);
      return named(`hold each answer for ${ms} ms to`, () => proxy.delay(ms, "received"), () => proxy.heal());
    }
    case "block":
      return named("block the event loop of", () => place.process?.kill("SIGUSR2"), () => {});
  }
}
