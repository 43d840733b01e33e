import { MephistoError } from "../../core/errors.ts";
import type { Pacer } from "../../core/delay.ts";
import type { OutgoingRecord } from "../../driver/driver.ts";
import type { Scope } from "./scope.ts";
import { markScoped, ScopeSends } from "./scope-sends.ts";
import { ObservedPromise } from "./observed-promise.ts";

/** The most that a tick may have queued. */
const TICK_BYTES = 256 << 20;
/** What a queued message takes beside its bytes, roughly, and each header. */
const MESSAGE_OVERHEAD_BYTES = 64;

/** What a message takes in memory, roughly, in bytes. */
export function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let size = (value?.length ?? 0) + (key?.length ?? 0) + MESSAGE_OVERHEAD_BYTES;
  for (const [name, bytes] of headers) size += name.length + (bytes?.length ?? 0) + MESSAGE_OVERHEAD_BYTES;
  return size;
}

/** The sends of a tick: kept until its function has ended, then published together. */
export class TickSends implements Scope {
  readonly #timer: string;
  readonly #mayRun: () => boolean;
  readonly #report: (sentence: string) => void;
  readonly #turns: Pacer | undefined;
  readonly #refused: { readonly sent: ObservedPromise; readonly refusal: MephistoError }[] = [];
  #records: OutgoingRecord[] = [];
  #bytes = 0;
  /** What it starts that is not part of it. */
  readonly #aside: ScopeSends;
  #ended = false;
  #expired = false;

  /**
   * `mayRun`: whether mastership still holds. `report` is for what goes wrong when the tick can no longer fail. `turns`:
   * others' between sends that are awaited, and refusals.
   */
  constructor(timer: string, mayRun: () => boolean, report: (sentence: string) => void, turns?: Pacer) {
    this.#turns = turns;
    this.#report = report;
    this.#timer = timer;
    this.#mayRun = mayRun;
    this.#aside = new ScopeSends({ name: `timer ${timer}`, send: (record) => this.send(record), report });
  }

  send(record: OutgoingRecord): Promise<void> {
    const size = sizeOf(record);
    const refusal = this.#refusalOf(size);
    if (refusal) return this.#refuse(refusal);
    this.#bytes += size;
    this.#records.push(record);
    return this.#turns?.due() ?? Promise.resolve();
  }

  adopt(sending: Promise<void>): Promise<void> {
    return this.#aside.adopt(sending);
  }

  /** Waits for what is not part of it; throws what failed of that and nobody waited for. */
  settle(): Promise<void> {
    return this.#aside.settle();
  }

  async forget(): Promise<void> {
    await this.#aside.forget();
  }

  /** Ends the tick; gives what it sent. Throws a refusal that nobody waited for: part of a tick is not published. */
  end(): OutgoingRecord[] {
    this.#ended = true;
    this.#aside.end();
    const records = this.#records.splice(0);
    const missed = this.#refused.splice(0).find(({ sent }) => !sent.watched);
    if (missed) throw missed.refusal;
    return records;
  }

  /** Ends the tick; what it sent is not published. `expired`: its time was over. */
  abandon(expired = false): void {
    this.#ended = true;
    this.#aside.end();
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
    markScoped(refusal);
    const refused = this.#turns?.refusal(refusal) ?? Promise.reject(refusal);
    const sent = new ObservedPromise((_, reject) => void refused.catch(reject));
    if (!isLate) this.#refused.push({ sent, refusal });
    // A refusal that nobody waits for must not end the process: it fails the tick, or comes after it and is told.
    Promise.prototype.then.call(sent, undefined, () => {
      if (isLate && !sent.watched) this.#report(refusal.message);
    });
    return sent;
  }

  #refusal(code: "TICK_ENDED" | "TICK_TIMEOUT" | "NOT_MASTER" | "BUFFER_FULL", why: string): MephistoError {
    return new MephistoError(code, `A send of timer ${this.#timer} is refused: ${why}.`);
  }
}
