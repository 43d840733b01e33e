import { MephistoError } from "../core/errors.ts";
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
class Watched extends Promise<void> {
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

/** The most that a tick may have queued, in bytes and messages. */
const TICK_BYTES = 256 << 20;

/** The sends of a tick: kept until its function has ended, then published together. */
export class TickSends implements Scope {
  readonly #timer: string;
  readonly #mayRun: () => boolean;
  #records: Record[] = [];
  #bytes = 0;
  #ended = false;

  /** `mayRun`: whether mastership still holds. */
  constructor(timer: string, mayRun: () => boolean) {
    this.#timer = timer;
    this.#mayRun = mayRun;
  }

  send(record: Record): Promise<void> {
    if (this.#ended) return Promise.reject(this.#refusal("TICK_ENDED", "its tick has ended: await what it starts"));
    if (!this.#mayRun()) return Promise.reject(this.#refusal("NOT_MASTER", "this worker is no longer master"));
    this.#bytes += (record.value?.length ?? 0) + (record.key?.length ?? 0) + 64;
    if (this.#bytes > TICK_BYTES) {
      return Promise.reject(this.#refusal("BUFFER_FULL", `one tick may queue ${TICK_BYTES >> 20} MiB`));
    }
    this.#records.push(record);
    return Promise.resolve();
  }

  /** Ends the tick; gives what it sent. */
  end(): Record[] {
    this.#ended = true;
    return this.#records.splice(0);
  }

  #refusal(code: "TICK_ENDED" | "NOT_MASTER" | "BUFFER_FULL", why: string): MephistoError {
    return new MephistoError(code, `A send of timer ${this.#timer} is refused: ${why}.`);
  }
}
