import type { RecordBatchCursor } from "../../core/message.ts";
import type { PartitionBuffer } from "./partition-buffer.ts";

/**
 * Whose turn it is among an actor's partitions: those that have something wait in a row, a retry that is due goes first.
 * Partitions that have nothing cost nothing, however many they are.
 */
export class TurnOrder {
  readonly #ready = new Set<PartitionBuffer>();
  /** Of these, in the same order, those with a run that is open. */
  readonly #started = new Set<PartitionBuffer>();
  /** Those that wait after a failure: the soonest first, of two that are due together the one that failed first. */
  readonly #paused: PartitionBuffer[] = [];

  /** When the next of those that wait after a failure is due; Infinity: none does. */
  get nextRetry(): number {
    return this.#paused[0]?.retryAt ?? Infinity;
  }

  /** Whether any has something now, beside those that are being handed out. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** A buffer has something to hand out, or has it at another time now: it stands behind the others. */
  place(buffer: PartitionBuffer): void {
    this.remove(buffer);
    if (buffer.over || buffer.out !== undefined || !buffer.waiting) return;
    if (buffer.retryAt > 0) return this.#pause(buffer);
    this.#ready.add(buffer);
    if (buffer.started) this.#started.add(buffer);
  }

  /** A buffer has got more: where it stands it stays. */
  offer(buffer: PartitionBuffer): void {
    if (!this.#ready.has(buffer) && buffer.retryAt === 0) this.place(buffer);
  }

  remove(buffer: PartitionBuffer): void {
    this.#ready.delete(buffer);
    this.#started.delete(buffer);
    const at = this.#paused.length > 0 ? this.#paused.indexOf(buffer) : -1;
    if (at >= 0) this.#paused.splice(at, 1);
  }

  /** The next run. `mayOpen`: also one that is not open yet; "last": if there is no other. */
  take(now: number, mayOpen: boolean | "last"): RecordBatchCursor | undefined {
    return this.#takeOf(() => this.#next(now, mayOpen === true)) ??
      (mayOpen === "last" ? this.#takeOf(() => this.#next(now, true)) : undefined);
  }

  #takeOf(next: () => PartitionBuffer | undefined): RecordBatchCursor | undefined {
    for (let buffer = next(); buffer !== undefined; buffer = next()) {
      this.remove(buffer);
      const run = buffer.take();
      if (run !== undefined) return run;
    }
    return undefined;
  }

  #next(now: number, mayOpen: boolean): PartitionBuffer | undefined {
    const [due] = this.#paused;
    if (due !== undefined && due.retryAt <= now) return due;
    for (const buffer of mayOpen ? this.#ready : this.#started) return buffer;
    return undefined;
  }

  #pause(buffer: PartitionBuffer): void {
    const behind = this.#paused.findLastIndex(({ retryAt }) => retryAt <= buffer.retryAt);
    this.#paused.splice(behind + 1, 0, buffer);
  }
}
