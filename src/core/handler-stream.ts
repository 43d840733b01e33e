import type { Clock } from "./clock.ts";
import { milliseconds } from "./duration.ts";
import { MephistoError } from "./errors.ts";
import { type Event, StreamEvent } from "./event.ts";
import type { Decoder, Feed, InFlight } from "./feed.ts";
import { anyOf } from "./lazy-signal.ts";
import type { Message, RecordBatchCursor } from "./message.ts";
import type { Stream, TakeOptions } from "./stream.ts";

/** What a batch has of one run. */
interface Part extends InFlight {
  readonly values: readonly unknown[];
  /** Nothing more of the run may be handed out now. */
  readonly turnIsOver: boolean;
  /** The message behind them. */
  readonly unreadable?: { readonly message: Message; readonly error: unknown };
}

type Result<T> = IteratorResult<T, undefined>;
const END: Result<never> = { done: true, value: undefined };

/** The stream of one call of a handler. */
export class HandlerStream implements Stream<unknown, unknown> {
  readonly #feed: Feed;
  readonly #decoder: Decoder;
  readonly #clock: Clock;
  /** The run that messages are handed out from, and the index of the one in hand, or -1. */
  #run: RecordBatchCursor | undefined;
  #held = -1;
  #batch: readonly InFlight[] = [];
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
    const all = new Set(this.inFlight().flatMap(({ run }) => run.holder?.handling ?? []));
    if (all.size === 0) return this.#feed.signal;
    const signal = anyOf([...all]);
    if (all.size > 1) this.#batchSignal = signal;
    return signal;
  }

  /** What the handler has in its hands; it has not come back for more. */
  inFlight(): readonly InFlight[] {
    const run = this.#run;
    if (run === undefined || this.#held < 0) return this.#batch;
    return [{ run, from: this.#held, to: this.#held + 1 }];
  }

  /** The handler has ended well: what it had in its hands is done. Throws as `Feed.settle`. */
  async finish(): Promise<void> {
    await this.#settle();
    if (this.#run !== undefined) this.#release(this.#run);
  }

  /** The handler has failed: nothing more is acknowledged by this stream. */
  abandon(): void {
    this.#held = -1;
    this.#batchSignal = undefined;
    this.#batch = [];
    if (this.#run !== undefined) this.#release(this.#run);
  }

  #iterator<T>(read: (message: Message, run: RecordBatchCursor) => T): AsyncIterator<T, undefined> {
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

  async #next<T>(read: (message: Message, run: RecordBatchCursor) => T): Promise<Result<T>> {
    await this.#settle();
    for (;;) {
      const rest = this.#feed.rest();
      if (rest) await rest;
      const run = this.#run ?? await this.#nextRun();
      if (run === undefined) return END;
      const message = this.#mayHandOut(run) ? run.messages[run.index] : undefined;
      if (message === undefined) {
        this.#release(run);
        continue;
      }
      try {
        const value = read(message, run);
        this.#held = run.index++;
        return { done: false, value };
      } catch (error) {
        await this.#deadLetter(run, message, error);
      }
    }
  }

  async #nextBatch(count: number, withinMs: number): Promise<Result<unknown[]>> {
    await this.#settle();
    // The turn of the partition that the last batch ended with may be over.
    if (this.#run !== undefined && !this.#feed.extend(this.#run)) this.#release(this.#run);
    while (!this.#feed.ended) {
      const parts = await this.#gather(count, withinMs);
      if (parts.length === 0 || this.#feed.ended) continue;
      this.#batch = parts;
      return { done: false, value: parts.flatMap(({ values }) => values) };
    }
    return END;
  }

  /** The parts of a batch; none when the stream has ended, or what was gathered has been given away. */
  async #gather(count: number, withinMs: number): Promise<Part[]> {
    let until = Infinity;
    let parts: Part[] = [];
    // What was given away while the batch was waiting is no longer ours to hand out.
    const size = () => {
      parts = parts.filter(({ run }) => run.ours);
      return parts.reduce((sum, { values }) => sum + values.length, 0);
    };
    for (;;) {
      const rest = this.#feed.rest();
      if (rest) await rest;
      const gathered = size();
      const run = this.#run ??= this.#feed.take(gathered > 0);
      if (run === undefined) {
        const left = until - this.#clock.monotonic();
        if (this.#feed.ended || ((left <= 0 || this.#feed.crowded) && gathered > 0)) break;
        await this.#feed.wait(gathered > 0 ? left : undefined);
        continue;
      }
      if (run.alone && gathered > 0) break;
      const part = this.#read(run, run.alone ? 1 : count - gathered);
      if (part.values.length > 0) parts.push(part);
      if (part.values.length > 0 && until === Infinity) until = this.#clock.monotonic() + withinMs;
      // What cannot be read comes after what stands before it: to set it aside would acknowledge that too.
      if (part.unreadable && size() > 0) break;
      if (part.unreadable) await this.#deadLetter(run, part.unreadable.message, part.unreadable.error);
      if (this.#run === run && (part.turnIsOver || run.handedOut)) this.#release(run);
      if (run.alone && part.values.length > 0 || size() >= count) break;
    }
    size();
    return parts;
  }

  /** Up to so many messages of a run, as far as they can be read and it is its partition's turn. */
  #read(run: RecordBatchCursor, most: number): Part {
    const values: unknown[] = [];
    const from = run.index;
    const part = (more: Pick<Part, "turnIsOver" | "unreadable">): Part => ({
      run,
      from,
      to: run.index,
      values,
      ...more,
    });
    while (values.length < most) {
      if (!this.#mayHandOut(run)) return part({ turnIsOver: true });
      const message = run.messages[run.index];
      if (message === undefined) break;
      try {
        values.push(this.#decoder.value(message.value));
        run.index++;
      } catch (error) {
        return part({ turnIsOver: false, unreadable: { message, error } });
      }
    }
    return part({ turnIsOver: false });
  }

  async #nextRun(): Promise<RecordBatchCursor | undefined> {
    while (!this.#feed.ended) {
      const run = this.#feed.take(false);
      if (run !== undefined) return this.#run = run;
      await this.#feed.wait();
    }
    return undefined;
  }

  /** Whether the next message of a run may be handed out now. */
  #mayHandOut(run: RecordBatchCursor): boolean {
    return run.ours && (run.index < run.limit || this.#feed.extend(run));
  }

  /** A message is done when the loop has come back and the sends that it started have been acknowledged. */
  async #settle(): Promise<void> {
    this.#feed.returned();
    if (this.#feed.unsettled) await this.#feed.settle();
    const done = this.inFlight();
    this.#held = -1;
    this.#batchSignal = undefined;
    this.#batch = [];
    this.#feed.done(done);
  }

  #release(run: RecordBatchCursor): void {
    this.#run = undefined;
    this.#feed.release(run);
  }

  async #deadLetter(run: RecordBatchCursor, message: Message, error: unknown): Promise<void> {
    const done = await this.#feed.deadLetter(run, message, error);
    if (!run.ours) return; // given away meanwhile
    if (!done) return this.#release(run); // its partition waits; the others go on
    const from = run.index++;
    this.#feed.done([{ run, from, to: run.index }]);
  }

  #event(message: Message, run: RecordBatchCursor): Event<unknown, unknown> {
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
