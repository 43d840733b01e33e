import { MephistoError } from "../core/errors.ts";
import type { Turns } from "../core/pause.ts";
import type { Publisher, Record } from "../driver/driver.ts";

/** What the code that is running sends through: that of a handler or a tick, found by its async context. */
export interface Scope {
  send(record: Record): Promise<void>;
}

/**
 * The sends of an actor's handler. A message is done only when the sends that its handler started are acknowledged,
 * awaited or not; one that fails, and that nobody waited for, is a failure of the message.
 */
export class HandlerSends implements Scope {
  readonly #publisher: Publisher;
  #pending = 0;
  #failed: { readonly sent: Watched; readonly error: unknown }[] = [];
  #settled: (() => void)[] = [];

  constructor(publisher: Publisher) {
    this.#publisher = publisher;
  }

  send(record: Record): Promise<void> {
    this.#pending++;
    const sent = new Watched((resolve, reject) => {
      this.#publisher.send(record).then(resolve, reject).finally(() => this.#done());
    });
    // Also so that a failure which nobody waits for does not end the process: it is raised by settle().
    // Whether somebody does is known when the handler comes back: it may wait for it after it has failed.
    Promise.prototype.then.call(sent, undefined, (error: unknown) => {
      if (!sent.watched) this.#failed.push({ sent, error });
    });
    return sent;
  }

  /** Whether there is anything for `settle` to wait for or to raise. */
  get unsettled(): boolean {
    return this.#pending > 0 || this.#failed.length > 0;
  }

  async settle(): Promise<void> {
    if (this.#pending > 0) await new Promise<void>((resolve) => this.#settled.push(resolve));
    const failed = this.#failed.splice(0).find(({ sent }) => !sent.watched);
    if (failed) throw failed.error;
  }

  /** Waits for the sends of a message that has failed already: one that fails is not the next message's fault. */
  async forget(): Promise<void> {
    await this.settle().catch(() => {});
  }

  #done(): void {
    if (--this.#pending === 0) { for (const resolve of this.#settled.splice(0)) resolve(); }
  }
}

/** A promise that knows whether somebody waits for it: `await` calls `then` of a subclass. */
export class Watched extends Promise<void> {
  watched = false;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // deno-lint-ignore no-explicit-any -- the signature of Promise.then
  override then(...handlers: Parameters<Promise<void>["then"]>): Promise<any> {
    this.watched = true;
    return super.then(...handlers);
  }
}

/** The most that a tick may have queued, in bytes. */
const TICK_BYTES = 256 << 20;
/** What a queued message takes beside its bytes, roughly, and each header. */
const MESSAGE_OVERHEAD = 64;

/** What a message takes in memory, roughly, in bytes. */
export function sizeOf({ key, value, headers }: Record): number {
  let size = (value?.length ?? 0) + (key?.length ?? 0) + MESSAGE_OVERHEAD;
  for (const [name, bytes] of headers) size += name.length + (bytes?.length ?? 0) + MESSAGE_OVERHEAD;
  return size;
}

/** The sends of a tick: kept until its function has ended, then published together. */
export class TickSends implements Scope {
  readonly #timer: string;
  readonly #mayRun: () => boolean;
  readonly #tell: (sentence: string) => void;
  readonly #turns: Turns | undefined;
  readonly #refused: { readonly sent: Watched; readonly refusal: MephistoError }[] = [];
  #records: Record[] = [];
  #bytes = 0;
  #ended = false;
  #expired = false;

  /**
   * `mayRun`: whether mastership still holds. `tell` is for what goes wrong when the tick can no longer fail. `turns`:
   * others' between sends that are awaited, and refusals.
   */
  constructor(timer: string, mayRun: () => boolean, tell: (sentence: string) => void, turns?: Turns) {
    this.#turns = turns;
    this.#tell = tell;
    this.#timer = timer;
    this.#mayRun = mayRun;
  }

  send(record: Record): Promise<void> {
    const size = sizeOf(record);
    const refusal = this.#refusalOf(size);
    if (refusal) return this.#refuse(refusal);
    this.#bytes += size;
    this.#records.push(record);
    return this.#turns?.due() ?? Promise.resolve();
  }

  /** Ends the tick; gives what it sent. Throws a refusal that nobody waited for: part of a tick is not published. */
  end(): Record[] {
    this.#ended = true;
    const records = this.#records.splice(0);
    const missed = this.#refused.splice(0).find(({ sent }) => !sent.watched);
    if (missed) throw missed.refusal;
    return records;
  }

  /** Ends the tick; what it sent is not published. `expired`: its time was over. */
  abandon(expired = false): void {
    this.#ended = true;
    this.#expired = expired;
    this.#records = [];
    this.#refused.length = 0;
  }

  #refusalOf(size: number): MephistoError | undefined {
    if (this.#expired) return this.#refusal("TICK_TIMEOUT", "its tick took longer than its timeout");
    if (this.#ended) return this.#refusal("TICK_ENDED", "its tick has ended: await what it starts");
    if (!this.#mayRun()) return this.#refusal("NOT_MASTER", "this worker is no longer master");
    if (this.#bytes + size <= TICK_BYTES) return undefined;
    return this.#refusal("BUFFER_FULL", `one tick may queue ${TICK_BYTES >> 20} MiB`);
  }

  #refuse(refusal: MephistoError): Promise<void> {
    const isLate = this.#ended;
    const refused = this.#turns?.refusal(refusal) ?? Promise.reject(refusal);
    const sent = new Watched((_, reject) => void refused.catch(reject));
    if (!isLate) this.#refused.push({ sent, refusal });
    // A refusal that nobody waits for must not end the process: it fails the tick, or comes after it and is told.
    Promise.prototype.then.call(sent, undefined, () => {
      if (isLate && !sent.watched) this.#tell(refusal.message);
    });
    return sent;
  }

  #refusal(code: "TICK_ENDED" | "TICK_TIMEOUT" | "NOT_MASTER" | "BUFFER_FULL", why: string): MephistoError {
    return new MephistoError(code, `A send of timer ${this.#timer} is refused: ${why}.`);
  }
}
