import type { Clock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import { MephistoError } from "../../core/errors.ts";
import type { Lease } from "../../core/lease.ts";
import type { Logger } from "../../core/logger.ts";
import type { Sleep } from "../../core/delay.ts";
import type { Supervisor } from "../../core/supervisor.ts";
import type { Generation } from "../../driver/driver.ts";

/** One term of mastership. */
export interface Term {
  /** The latest generation of the group in which it lasts. */
  readonly generation: number;
  /** The one in which it began, and when that elected this worker, on the monotonic clock. */
  readonly electedIn: number;
  readonly electedAt: number;
  /** Aborts when it is over. */
  readonly signal: AbortSignal;
  /** Why it is over; undefined while it lasts. */
  readonly ended: string | undefined;
  /** Whether it lasts, asked of the lease itself: a signal may come late in a process that was frozen. */
  holds(): boolean;
}

export interface MastershipOptions {
  /** Whether anything waits for a master to be elected. */
  missesMaster?(): boolean;
  readonly supervisor?: Supervisor;
}

/** Whether a worker begins a term when it is elected. */
type Standing =
  | { readonly is: "standing" }
  /** The group has been told that nothing is claimed: until it has decided, another one may be master. */
  | { readonly is: "disclaimed" }
  /** It gives the group the chance to elect another; what it is again when that is over. */
  | { readonly is: "down"; readonly then: "standing" | "disclaimed" }
  /** For good. */
  | { readonly is: "resigned" };

/** How often a worker that is elected, but may not act yet, looks whether it may. */
const CANDIDATE_CHECK_INTERVAL_MS = 50;
/** No timer of the runtime is set for longer. */
const LONGEST_TIMER_MS = 60_000;

/**
 * From follower to candidate to master, and back: a worker is master while the group's current generation has elected
 * it, its lease holds, and no older lease can still be held. Only what is checked here makes it one.
 */
export class Mastership {
  readonly #lease: Lease;
  readonly #clock: Clock;
  readonly #sleep: Sleep;
  readonly #logger: Logger;
  readonly #begin: (term: Term) => void;
  #generation: Generation | undefined;
  #electedAt = 0;
  #term: OwnTerm | undefined;
  #standing: Standing = { is: "standing" };
  #claimWithdrawn = false;
  #nextLook = new AbortController();

  readonly #missesMaster: () => boolean;
  readonly #supervisor: Supervisor | undefined;

  /** `begin` is called at the start of each term. */
  constructor(
    lease: Lease,
    begin: (term: Term) => void,
    logger: Logger,
    clock: Clock,
    sleep: Sleep,
    { missesMaster = () => true, supervisor }: MastershipOptions = {},
  ) {
    this.#missesMaster = missesMaster;
    this.#supervisor = supervisor;
    this.#lease = lease;
    this.#begin = begin;
    this.#logger = logger;
    this.#clock = clock;
    this.#sleep = sleep;
  }

  get elected(): string | undefined {
    return this.#generation?.master;
  }

  /** Whether this worker is it. */
  get master(): boolean {
    return this.#holds();
  }

  /** The group has decided. */
  generation(generation: Generation): void {
    this.#generation = generation;
    this.#electedAt = this.#clock.monotonic();
    this.#disclaim(false);
    const isNobody = generation.master === undefined && this.#standing.is !== "resigned" && this.#missesMaster();
    if (isNobody && !this.#claimWithdrawn) {
      this.#logger.warn(
        "Nobody is master: no worker of the group may be, or has what is to run there. It waits for one that does.",
      );
    }
    this.#claimWithdrawn = isNobody;
    this.#look();
  }

  /** The group does not know this worker any more. */
  removed(): void {
    this.#generation = undefined;
    this.#stepDown("this worker was removed from the group");
  }

  /**
   * What to say when joining: the generation that elected us while we are master, else 0. Whoever says 0 has stopped
   * acting before, so that the group may elect another.
   */
  claim(): number {
    if (!this.#holds()) {
      this.#stepDown("the lease is over");
      this.#disclaim(true);
      return 0;
    }
    return this.#generation?.generation ?? 0;
  }

  /** Ends the term and stands for no other. */
  resign(): void {
    this.#standing = { is: "resigned" };
    this.#stepDown("this worker is stopping");
    this.#nextLook.abort();
  }

  /** Ends the term, and begins no other until `handOver` is done, which lets the group elect another worker. */
  async yieldMastership(why: string, handOver: () => Promise<void>): Promise<void> {
    if (this.#standing.is === "standing" || this.#standing.is === "disclaimed") {
      this.#standing = { is: "down", then: this.#standing.is };
    }
    this.#stepDown(why);
    this.#nextLook.abort();
    try {
      await handOver();
    } finally {
      if (this.#standing.is === "down") this.#standing = { is: this.#standing.then };
      this.#look();
    }
  }

  /** Whether the group, which has not decided since, has been told that nothing is claimed. */
  #disclaim(is: boolean): void {
    const standing = is ? "disclaimed" : "standing";
    if (this.#standing.is === "resigned") return;
    this.#standing = this.#standing.is === "down" ? { is: "down", then: standing } : { is: standing };
  }

  #holds(): boolean {
    return this.#term !== undefined && this.#generation?.elected === true && this.#lease.holds();
  }

  /** Compares what is with what should be, and looks again when that may have changed. */
  #look(): void {
    this.#nextLook.abort();
    if (this.#standing.is !== "standing") return;
    const generation = this.#generation;
    if (generation === undefined) return;
    if (!generation.elected) {
      return this.#stepDown(generation.master ? `${generation.master} has been elected` : "nobody is elected");
    }
    const left = this.#lease.holds() ? this.#lease.left() : 0;
    if (left <= 0) this.#stepDown("the lease is over");
    const wait = generation.notBefore - this.#clock.monotonic();
    if (left > 0 && (this.#term || wait <= 0)) this.#ascend(generation);
    const next = this.#term ? left : Math.max(wait, CANDIDATE_CHECK_INTERVAL_MS);
    this.#lookIn(Math.min(Math.max(1, next), LONGEST_TIMER_MS));
    if (wait > 0) {
      this.#logger.debug(`Elected; waiting for ${formatDuration(wait)}, since an older lease may still be held.`);
    }
  }

  #lookIn(ms: number): void {
    const { signal } = this.#nextLook = new AbortController();
    const look = async () => {
      await this.#sleep(ms, signal);
      if (!signal.aborted) this.#look();
    };
    void (this.#supervisor?.once("A look at the mastership", look) ?? look());
  }

  #ascend(generation: Generation): void {
    if (this.#term) {
      this.#term.generation = generation.generation;
      return;
    }
    const term: OwnTerm = this.#term = new OwnTerm(generation.generation, this.#electedAt, () => {
      // A term that somebody has seen not to hold is over: its timers have gone, and only a new one starts them again.
      if (this.#term === term && !this.#holds()) this.#look();
      return this.#term === term;
    });
    this.#logger.debug(`Elected in generation ${term.generation}.`);
    this.#begin(term);
  }

  #stepDown(why: string): void {
    const term = this.#term;
    this.#term = undefined;
    term?.end(why);
  }
}

class OwnTerm implements Term {
  generation: number;
  readonly electedIn: number;
  readonly electedAt: number;
  readonly holds: () => boolean;
  readonly #controller = new AbortController();
  ended: string | undefined;

  constructor(generation: number, electedAt: number, holds: () => boolean) {
    this.generation = this.electedIn = generation;
    this.electedAt = electedAt;
    this.holds = holds;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(why: string): void {
    this.ended = why;
    this.#controller.abort(new MephistoError("NOT_MASTER", `Mastership is over: ${why}.`));
  }
}
