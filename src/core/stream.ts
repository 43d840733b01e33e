import type { Clock } from "./clock.ts";
import { type Duration, milliseconds } from "./duration.ts";
import { MephistoError } from "./errors.ts";
import { type Event, StreamEvent } from "./event.ts";
import { anyOf } from "./lazy-signal.ts";
import type { Message, Run } from "./message.ts";

/** Options of {@link Stream.take}. */
export interface TakeOptions {
  /** How long a batch waits for more after its first message. Default 1 s. */
  within?: Duration;
}

/**
 * What a handler loops over: decoded values, and a message is acknowledged when the loop comes back for the next one.
 * It ends when the worker stops.
 *
 * `T` is what the serializer gives, or what the handler says that its topic holds. A message without a value (a
 * tombstone) comes as `null`, whatever the serializer. JSON has a `null` by itself, and events always say `T | null`; a
 * loop over text, bytes or a type of one's own leaves it out, since few topics have tombstones: where they may come,
 * write `(stream: Stream<Order | null>)`.
 */
export interface Stream<T, K = string> extends AsyncIterable<T> {
  /** The same messages with key, headers, topic, partition, offset and timestamp. */
  events(): AsyncIterable<Event<T, K>>;
  /** Batches of at most `count` values, acknowledged together. Errors: `INVALID_OPTION`, `INVALID_DURATION`. */
  take(count: number, options?: TakeOptions): AsyncIterable<T[]>;
  /**
   * Of what is in hand at the moment, message or batch, as {@link Event.signal}: read it in the loop, each time. Before and
   * between messages it only aborts when the worker stops.
   */
  readonly signal: AbortSignal;
}

/** Where a stream's messages come from; each method is called by one stream at a time. */
export interface Feed {
  /**
   * The next run that has a message to hand out, or nothing for now. `holding`: messages taken before are not
   * acknowledged yet.
   */
  take(holding: boolean): Run | undefined;
  /** Resolves when `take` may have something again, or at once when the stream has ended; with a limit in ms. Right after `take`. */
  wait(limit?: number): Promise<void>;
  /**
   * Raises the limit of the run that is being handed out; false: it has come to its end, or it is another partition's turn,
   * or the event loop's (`rest`).
   */
  extend(run: Run): boolean;
  /** Whether the event loop has had a turn since the limit was last raised: somebody may be waiting, look at the clock. */
  readonly turned: boolean;
  /** Whether there is no room for more: a batch that is being gathered is handed out as it is. */
  readonly crowded: boolean;
  /** The event loop's turn, when it is due: to be waited for before anything more is handed out. */
  rest(): Promise<void> | undefined;
  /** The handler has come back for more, or has ended; what it had in hand is still in its hands. */
  returned(): void;
  /** Whether a run's messages are still ours to handle: its partition may have been given away since. */
  owns(run: Run): boolean;
  /** A run that `take` gave and that has reached its limit. `inHand`: some of its messages are not settled yet. */
  give(run: Run, inHand?: boolean): void;
  /** Sets a message aside that cannot be decoded; false: that was not possible, and its partition has to wait. */
  setAside(run: Run, message: Message, error: unknown): Promise<boolean>;
  /** Whether sends that were started while a message was in hand are still on their way, or have failed. */
  readonly unsettled: boolean;
  /** Waits for these sends. Throws what one of them failed with. */
  settle(): Promise<void>;
  /** What was in hand has been acknowledged. */
  settled(): void;
  /** Whether the stream is over. */
  readonly ended: boolean;
  /** Aborts when it is. */
  readonly signal: AbortSignal;
}

/** How the bytes of an actor's messages are read; a message without a value (a tombstone) has `null`. */
export interface Decoder {
  key(bytes: Uint8Array): unknown;
  value(bytes: Uint8Array | null): unknown;
}

/** Messages of one run that a handler has in its hands: from index `from` up to, not including, `to`. */
export interface InHand {
  readonly run: Run;
  readonly from: number;
  to: number;
}

type Result<T> = IteratorResult<T, undefined>;
const END: Result<never> = { done: true, value: undefined };

/** The stream of one call of a handler. */
export class HandlerStream implements Stream<unknown, unknown> {
  readonly #feed: Feed;
  readonly #decoder: Decoder;
  readonly #clock: Clock;
  /** The run that messages are handed out from, and the index of the one in hand, or -1. */
  #run: Run | undefined;
  #held = -1;
  #batch: InHand[] = [];
  /** Of a batch of several partitions, when it was asked for. */
  #batchSignal: AbortSignal | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** Whether anybody has begun to read it. */
  used = false;

  constructor(feed: Feed, decoder: Decoder, clock: Clock) {
    this.#feed = feed;
    this.#decoder = decoder;
    this.#clock = clock;
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, undefined> {
    return this.#iterator((message) => this.#decoder.value(message.value));
  }

  events(): AsyncIterable<Event<unknown, unknown>> {
    return { [Symbol.asyncIterator]: () => this.#iterator((message, run) => this.#event(message, run)) };
  }

  take(count: number, options: TakeOptions = {}): AsyncIterable<unknown[]> {
    if (!Number.isInteger(count) || count < 1) {
      throw new MephistoError("INVALID_OPTION", `take(${count}): give a whole number of at least 1.`);
    }
    const within = milliseconds(options.within ?? "1s", "take's within");
    this.used = true;
    const next = () => this.#oneByOne(() => this.#nextBatch(count, within));
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  get signal(): AbortSignal {
    // One that aborted since a partition might be lost, which it is not, is made anew, as its parts are.
    if (this.#batchSignal?.aborted === false) return this.#batchSignal;
    const all = new Set(this.inHand().flatMap(({ run }) => run.handling ?? []));
    if (all.size === 0) return this.#feed.signal;
    const signal = anyOf([...all]);
    if (all.size > 1) this.#batchSignal = signal;
    return signal;
  }

  /** What the handler has in its hands; it has not come back for more. */
  inHand(): InHand[] {
    const run = this.#run;
    if (run === undefined || this.#held < 0) return this.#batch;
    return [{ run, from: this.#held, to: this.#held + 1 }];
  }

  /** The handler has ended well: what it had in its hands is done. Throws as `Feed.settle`. */
  async finish(): Promise<void> {
    await this.#settle();
    if (this.#run !== undefined) this.#feed.give(this.#run);
    this.#run = undefined;
  }

  /** The handler has failed: nothing more is acknowledged by this stream. */
  abandon(): void {
    this.#held = -1;
    this.#batchSignal = undefined;
    this.#batch = [];
    if (this.#run !== undefined) this.#feed.give(this.#run, true);
    this.#run = undefined;
  }

  #iterator<T>(read: (message: Message, run: Run) => T): AsyncIterator<T, undefined> {
    this.used = true;
    const slow = () => this.#oneByOne(() => this.#next(read));
    const next = (): Promise<Result<T>> => {
      // The hot path: the next message of the run at hand, without a wait.
      const run = this.#run;
      if (run === undefined || this.#held < 0 || this.#feed.unsettled) return slow();
      if ((run.index >= run.limit || this.#feed.turned) && !this.#feed.extend(run)) return slow();
      const message = run.messages[run.index];
      if (message === undefined) return slow();
      let value: T;
      try {
        value = read(message, run);
      } catch {
        return slow(); // reads it once more, and sets it aside
      }
      run.acknowledge(run.index);
      this.#held = run.index++;
      return Promise.resolve({ done: false, value });
    };
    return { next };
  }

  async #next<T>(read: (message: Message, run: Run) => T): Promise<Result<T>> {
    await this.#settle();
    for (;;) {
      const rest = this.#feed.rest();
      if (rest) await rest;
      const run = this.#run ?? await this.#nextRun();
      if (run === undefined) return END;
      const message = this.#mayHandOut(run) ? run.messages[run.index] : undefined;
      if (message === undefined) {
        this.#give(run);
        continue;
      }
      try {
        const value = read(message, run);
        this.#held = run.index++;
        return { done: false, value };
      } catch (error) {
        await this.#setAside(run, message, error);
      }
    }
  }

  async #nextBatch(count: number, within: number): Promise<Result<unknown[]>> {
    await this.#settle();
    let until = Infinity;
    let parts: { hand: InHand; values: unknown[] }[] = [];
    // What was given away while the batch was waiting is no longer ours to hand out.
    const alive = () => parts = parts.filter(({ hand }) => this.#feed.owns(hand.run));
    const size = () => alive().reduce((sum, { values }) => sum + values.length, 0);
    // The turn of the partition that the last batch ended with may be over.
    if (this.#run !== undefined && !this.#feed.extend(this.#run)) this.#give(this.#run);
    for (;;) {
      const rest = this.#feed.rest();
      if (rest) await rest;
      const run = this.#run ?? this.#feed.take(alive().length > 0);
      if (run === undefined) {
        const left = until - this.#clock.monotonic();
        if (this.#feed.ended || size() >= count || ((left <= 0 || this.#feed.crowded) && size() > 0)) break;
        await this.#feed.wait(size() > 0 ? left : undefined);
        continue;
      }
      this.#run = run;
      const hand = { run, from: run.index, to: run.index };
      const values: unknown[] = [];
      const solo = run.index < run.solo;
      if (solo && size() > 0) break;
      let full = solo;
      let over = false;
      const room = solo ? 1 : count - size();
      while (values.length < room) {
        over = !this.#mayHandOut(run);
        if (over) break;
        const message = run.messages[run.index];
        if (message === undefined) break;
        if (values.length > 0 && run.index < run.solo) break;
        try {
          values.push(this.#decoder.value(message.value));
          hand.to = ++run.index;
        } catch (error) {
          // What stands before it comes first: to set it aside would acknowledge that too.
          full ||= size() + values.length > 0;
          if (full) break;
          await this.#setAside(run, message, error);
          break;
        }
      }
      if (values.length > 0) {
        if (until === Infinity) until = this.#clock.monotonic() + within;
        parts.push({ hand, values });
      }
      if (over || run.index >= run.messages.length) this.#give(run, parts.some(({ hand }) => hand.run === run));
      if (full || size() >= count) break;
    }
    const ours = alive();
    if (ours.length === 0) return this.#feed.ended ? END : this.#nextBatch(count, within);
    if (this.#feed.ended) return END;
    this.#batchSignal = undefined;
    this.#batch = ours.map(({ hand }) => hand);
    return { done: false, value: ours.flatMap(({ values }) => values) };
  }

  async #nextRun(): Promise<Run | undefined> {
    while (!this.#feed.ended) {
      const run = this.#feed.take(false);
      if (run !== undefined) return this.#run = run;
      await this.#feed.wait();
    }
    return undefined;
  }

  /** Whether the next message of a run may be handed out now. */
  #mayHandOut(run: Run): boolean {
    return !run.dropped && (run.index < run.limit || this.#feed.extend(run));
  }

  /** A message is done when the loop has come back and the sends that it started have been acknowledged. */
  async #settle(): Promise<void> {
    this.#feed.returned();
    if (this.#feed.unsettled) await this.#feed.settle();
    this.#acknowledge();
    this.#feed.settled();
  }

  #acknowledge(): void {
    if (this.#held >= 0) this.#run?.acknowledge(this.#held + 1);
    this.#held = -1;
    for (const { run, to } of this.#batch) run.acknowledge(to);
    this.#batchSignal = undefined;
    this.#batch = [];
  }

  #give(run: Run, inHand = false): void {
    if (this.#run !== run) return;
    this.#run = undefined;
    this.#feed.give(run, inHand);
  }

  async #setAside(run: Run, message: Message, error: unknown): Promise<void> {
    const done = await this.#feed.setAside(run, message, error);
    if (run.dropped) return; // given away meanwhile
    if (done) run.acknowledge(++run.index);
    else this.#give(run); // its partition waits; the others go on
  }

  #event(message: Message, run: Run): Event<unknown, unknown> {
    const value = this.#decoder.value(message.value);
    const key = message.key === null ? null : this.#decoder.key(message.key);
    return new StreamEvent(value, key, run, message);
  }

  /** Calls of `next` that overlap wait for each other. */
  #oneByOne<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step, step);
    this.#last = result.catch(() => {});
    return result;
  }
}
