import type { Time } from "../../../core/delay.ts";
import type { AnswerSize } from "./answer-size.ts";
import { FetchSession } from "./fetch-session.ts";
import type { BrokerConnection } from "../../connection/broker-connection.ts";
import type { InTopic, Reading } from "./reading.ts";

/** How much room there is for what is fetched. */
export interface RoomNow {
  readonly isFull: boolean;
  /** Counts up when a topic becomes crowded, or ceases to be. */
  readonly turns: number;
  readonly most: number;
}

/** One of the two connections to a broker that fetch by turns, and what its loop sleeps on. */
export class Poller {
  readonly connection: BrokerConnection;
  readonly session = new FetchSession();
  readonly #time: Pick<Time, "startTimer">;
  #wake: (() => void) | undefined;

  constructor(connection: BrokerConnection, time: Pick<Time, "startTimer">) {
    this.connection = connection;
    this.#time = time;
  }

  wake(): void {
    this.#wake?.();
  }

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#time.startTimer(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

/**
 * The partitions that one broker leads, and which of the two connections asks for each. Nothing here is done for each
 * partition: what changes is put in its place when it changes.
 */
export class FetchNode {
  readonly id: number;
  /** Two long polls by turns: what is gained while one is under way is asked for by the other, at once. */
  readonly pollers: readonly [Poller, Poller];
  readonly size: AnswerSize;
  /** Those that wait, for room or for their time. */
  readonly #parked = new Set<Reading>();
  /** Of these, those that wait for their time. */
  readonly #paused = new Set<Reading>();
  /** To be placed again when the answer has come that is awaited of them. */
  readonly #later = new Set<Reading>();
  /** To be asked for by whichever connection asks next: both are waiting for an answer. */
  readonly #fresh = new Set<Reading>();
  /** Those of which something waits for its handler: the budget decides about them. */
  readonly #holding = new Set<Reading>();
  /** Those of which nothing waits, though their topic has taken all that it may: they come by turns. */
  readonly #starved = new Map<InTopic, Set<Reading>>();

  constructor(id: number, pollers: readonly [Poller, Poller], size: AnswerSize) {
    this.id = id;
    this.pollers = pollers;
    this.size = size;
  }

  /** Whether any partition is left out at the moment. */
  get leavesOut(): boolean {
    return this.#parked.size > 0;
  }

  /** Where it belongs now: asked for, if it `may` be, else parked. One that an answer is awaited of stays until it came. */
  place(reading: Reading, may: boolean, now: number): void {
    const { session } = reading;
    if (reading.waiting > 0) this.#holding.add(reading);
    else this.#holding.delete(reading);
    this.#later.delete(reading);
    const { inTopic } = reading;
    const starved = this.#starved.get(inTopic);
    starved?.delete(reading);
    if (starved?.size === 0) this.#starved.delete(inTopic);
    if (may) {
      this.#parked.delete(reading);
      this.#paused.delete(reading);
      if (session) session.want(reading); // where it is now
      else this.#assign(reading);
    } else if (session?.isUnderWay) {
      this.#later.add(reading);
    } else {
      session?.unwant(reading);
      this.#fresh.delete(reading);
      this.#parked.add(reading);
      if (reading.notBefore > now) this.#paused.add(reading);
      else this.#paused.delete(reading);
      if (reading.waiting > 0 || reading.notBefore > now) return;
      const others = this.#starved.get(inTopic);
      if (others) others.add(reading);
      else this.#starved.set(inTopic, new Set([reading]));
    }
  }

  /** Whether others of its topic, of which nothing waits either, come before it. */
  comesLater(reading: Reading): boolean {
    const starved = this.#starved.get(reading.inTopic);
    return starved !== undefined && starved.size > 0 && !starved.has(reading);
  }

  /** It is not read any more, or not here. */
  remove(reading: Reading): void {
    reading.session?.unwant(reading);
    for (const set of [this.#parked, this.#paused, this.#later, this.#fresh, this.#holding]) set.delete(reading);
    this.#starved.get(reading.inTopic)?.delete(reading);
  }

  /**
   * What is to be placed anew before this session asks again: those whose time has come, and when there is room, or none any
   * more. `most`: so many of a topic that comes by turns.
   */
  *due(session: FetchSession, now: number, { isFull, turns, most }: RoomNow): Iterable<Reading> {
    for (const reading of [...this.#later]) {
      if (reading.session !== session) continue;
      this.#later.delete(reading);
      yield reading;
    }
    for (const reading of [...this.#paused]) if (reading.notBefore <= now) yield reading;
    for (const reading of [...this.#fresh]) if (reading.inTopic.isCrowded) yield reading;
    if (session.turns !== turns) {
      session.turns = turns;
      for (const reading of [...session.wanted]) if (reading.inTopic.isCrowded && reading.waiting === 0) yield reading;
    }
    for (const [{ isCrowded }, starved] of [...this.#starved]) {
      if (!isCrowded) yield* [...take(starved, most)];
    }
    if (session.wasFull === isFull) return;
    session.wasFull = isFull;
    for (const reading of [...this.#holding]) {
      if (reading.session === undefined || reading.session === session) yield reading;
    }
  }

  /** This session asks for what nobody asks for yet. */
  takeFresh(session: FetchSession): void {
    for (const reading of this.#fresh) session.want(reading);
    this.#fresh.clear();
  }

  /** How long until one of them may be asked for again, in ms, but not longer than `most`. */
  untilDue(now: number, most: number): number {
    let least = most;
    for (const { notBefore } of this.#paused) least = Math.min(least, Math.max(0, notBefore - now));
    return least;
  }

  wake(): void {
    for (const poller of this.pollers) poller.wake();
  }

  #assign(reading: Reading): void {
    const free = this.pollers.find(({ session }) => !session.isUnderWay);
    if (free === undefined) {
      this.#fresh.add(reading);
      return;
    }
    this.#fresh.delete(reading);
    free.session.want(reading);
    free.wake();
  }
}

function* take<T>(all: Iterable<T>, most: number): Iterable<T> {
  let left = most;
  for (const one of all) {
    if (left-- <= 0) return;
    yield one;
  }
}
