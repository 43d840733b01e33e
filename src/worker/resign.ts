import { MephistoError } from "../core/errors.ts";
import { deadline, type Sleep } from "../core/delay.ts";
import type { Driver, Generation, MemberListener } from "../driver/driver.ts";
import type { WorkerSettings } from "./settings.ts";
import { ignoring } from "../driver/ignoring.ts";

/** How long the group may take to take in one member more, in sessions: it waits so long for one that is frozen. */
const JOIN_SESSIONS = 6;
/** How long the master may take to finish its tick and hand over. */
const HAND_OVER_TIMEOUT_MS = 30_000;
/** How long leaving may take. */
const LEAVE_TIMEOUT_MS = 2000;

/** What came of asking a master to resign. */
export type Handover =
  | { readonly outcome: "handedOver"; readonly was: string; readonly is: string }
  /** No other worker may be master. */
  | { readonly outcome: "noSuccessor"; readonly was: string }
  /** It has not handed over in time. */
  | { readonly outcome: "timedOut"; readonly was: string }
  | { readonly outcome: "noMaster" }
  | { readonly outcome: "noWorker" };

export interface ResignParts {
  readonly driver: Pick<Driver, "connect" | "join">;
  readonly group: string;
  readonly settings: Pick<WorkerSettings, "sessionTimeout" | "heartbeatInterval">;
  /** Of the one who asks, for people. */
  readonly about: { readonly worker: string; readonly runtime: string };
  readonly sleep: Sleep;
}

/**
 * Asks a group's master to let another worker be it: joins the group, without taking part in anything, states the wish and
 * waits for the outcome. Errors: `UNREACHABLE`, and whatever keeps one from joining.
 */
export async function askToResign({ driver, group, settings, about, sleep }: ResignParts): Promise<Handover> {
  await driver.connect();
  const generations = new Generations(sleep);
  const membership = driver.join({
    group,
    topics: [],
    profile: { ...about, version: "", timers: [], mayBeMaster: false, presence: undefined },
    instanceId: undefined,
    sessionTimeout: settings.sessionTimeout.value,
    heartbeatInterval: settings.heartbeatInterval.value,
  }, generations.listener);
  try {
    const first = await generations.one(() => true, JOIN_SESSIONS * settings.sessionTimeout.value);
    if (first === undefined) throw new MephistoError("UNREACHABLE", `Group ${group} does not come to an agreement.`);
    if (first.members === 1) return { outcome: "noWorker" };
    const was = first.master;
    if (was === undefined) return { outcome: "noMaster" };
    if (first.successor === undefined) return { outcome: "noSuccessor", was };
    membership.askToResign();
    const next = await generations.one(({ master }) => master !== undefined && master !== was, HAND_OVER_TIMEOUT_MS);
    return next?.master === undefined ? { outcome: "timedOut", was } : { outcome: "handedOver", was, is: next.master };
  } finally {
    await membership.leave(LEAVE_TIMEOUT_MS);
  }
}

/** The generations that a member who only looks on hears of. */
class Generations {
  readonly listener: MemberListener;
  readonly #sleep: Sleep;
  readonly #failed: Promise<never>;
  #latest: Generation | undefined;
  #hear: (generation: Generation) => void = () => {};

  constructor(sleep: Sleep) {
    this.#sleep = sleep;
    const { promise, reject } = Promise.withResolvers<never>();
    this.#failed = promise;
    promise.catch(() => {}); // `one` tells
    this.listener = {
      ...ignoring,
      generation: (generation) => {
        this.#latest = generation;
        this.#hear(generation);
      },
      failed: reject,
    };
  }

  /** The latest one, or the first after it, that is as wanted; undefined after `ms`. Rejects when joining is hopeless. */
  async one(isWanted: (generation: Generation) => boolean, ms: number): Promise<Generation | undefined> {
    const found = new Promise<Generation>((resolve) => {
      this.#hear = (generation) => isWanted(generation) && resolve(generation);
      if (this.#latest) this.#hear(this.#latest);
    });
    return await deadline(Promise.race([found, this.#failed]), ms, this.#sleep);
  }
}
