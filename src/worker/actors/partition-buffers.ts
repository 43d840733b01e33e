import type { ByteBudget } from "../../core/byte-budget.ts";
import type { Clock } from "../../core/clock.ts";
import { MephistoError } from "../../core/errors.ts";
import type { InFlight } from "../../core/feed.ts";
import type { RecordBatchCursor } from "../../core/message.ts";
import type { Sleep } from "../../core/delay.ts";
import type { Delivery } from "../../driver/driver.ts";
import { PartitionBuffer } from "./partition-buffer.ts";
import { TurnOrder } from "./turn-order.ts";

export interface PartitionBuffersParts {
  readonly topic: string;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly budget?: Pick<ByteBudget, "full" | "add" | "release"> | undefined;
  /** Whether the worker's partitions may be others' at the moment. */
  readonly mayHaveLost?: (() => boolean) | undefined;
  /** What handlers have in hand, as far as it is waited for. */
  readonly inFlight: () => readonly InFlight[];
}

/** The partitions that this worker holds of an actor's topic: what comes in for them, and what is handed out next. */
export class PartitionBuffers {
  readonly #parts: PartitionBuffersParts;
  readonly #buffers = new Map<number, PartitionBuffer>();
  readonly #order = new TurnOrder();
  /** Those that are being given away. */
  readonly #leaving = new Set<PartitionBuffer>();
  #wake: (() => void)[] = [];
  #ended = false;

  constructor(parts: PartitionBuffersParts) {
    this.#parts = parts;
  }

  get partitions(): number[] {
    return [...this.#buffers.keys()].sort((a, b) => a - b);
  }

  get crowded(): boolean {
    return this.#parts.budget?.full === true;
  }

  /** Whether another partition than those that are being handed out has something now, or a retry that is due. */
  get othersReady(): boolean {
    return this.#order.hasReady;
  }

  retryIsDue(now: number): boolean {
    return this.#order.nextRetry <= now;
  }

  assigned(partition: number): void {
    const { topic, budget, mayHaveLost } = this.#parts;
    const mayBeLost = () => mayHaveLost?.() ? lost(`${topic}[${partition}] may be`) : undefined;
    this.#buffers.set(partition, new PartitionBuffer({ topic, partition }, mayBeLost, budget));
  }

  /** Resolves when nothing of the partition is in hand. */
  async revoked(partition: number): Promise<void> {
    const buffer = this.#buffers.get(partition);
    if (buffer === undefined) return;
    const { promise } = buffer.leaving ??= Promise.withResolvers();
    this.#leaving.add(buffer);
    this.#close(buffer);
    this.letGo();
    await promise;
    if (this.#buffers.get(partition) === buffer) this.#buffers.delete(partition);
  }

  /** The partition is gone already: what is in hand of it cannot be acknowledged any more. */
  lost(partition: number): void {
    const buffer = this.#buffers.get(partition);
    if (buffer === undefined) return;
    buffer.leaving?.resolve();
    this.#leaving.delete(buffer);
    this.#close(buffer);
    buffer.handling.abort(lost(`${this.#parts.topic}[${partition}] is`));
    this.#buffers.delete(partition);
  }

  deliver(delivery: Delivery): void {
    const buffer = this.#buffers.get(delivery.partition);
    if (buffer === undefined) return delivery.close();
    buffer.add(delivery);
    this.#order.offer(buffer);
    this.#wakeAll();
  }

  /** Nothing is handed out any more; what is in hand is told why. */
  end(reason: unknown): void {
    this.#ended = true;
    for (const buffer of this.#buffers.values()) {
      this.#close(buffer);
      buffer.handling.abort(reason);
    }
    this.#wakeAll();
  }

  /** Those that are given away and of which nothing is in hand are waited for no more. */
  letGo(): void {
    if (this.#leaving.size === 0) return;
    const held = this.#parts.inFlight();
    for (const buffer of this.#leaving) {
      if (held.some(({ run }) => run.holder === buffer)) continue;
      buffer.leaving?.resolve();
      this.#leaving.delete(buffer);
    }
  }

  take(now: number, holding: boolean): RecordBatchCursor | undefined {
    // While there is no room nothing more is opened: what is open comes to its end first. One at least always goes on.
    return this.#order.take(now, !this.crowded || (holding ? false : "last"));
  }

  release(run: RecordBatchCursor): void {
    const buffer = this.of(run);
    if (buffer === undefined) return;
    buffer.release(run);
    this.#order.place(buffer);
  }

  /** All before index `to` of the run is done. */
  done({ run, to }: InFlight): void {
    const buffer = this.of(run);
    if (buffer === undefined) run.acknowledge(to); // counts if the partition comes back to this worker
    else buffer.done(run, to);
  }

  /** What was in hand is to be handed out again; `alone`: message by message. Gives what is next of its partitions then. */
  requeue(hands: readonly InFlight[], alone: boolean): RecordBatchCursor[] {
    const buffers = new Set(hands.flatMap(({ run }) => this.of(run) ?? []));
    return [...buffers].flatMap((buffer) => {
      const again = buffer.requeue(hands.filter(({ run }) => run.holder === buffer), alone);
      this.#order.place(buffer);
      return again;
    });
  }

  /** Takes what is next of the run's partition, if it is this, so that nobody else does; until it is released. */
  hold(run: RecordBatchCursor): void {
    const buffer = this.of(run);
    if (buffer === undefined) return;
    buffer.take();
    this.#order.place(buffer);
  }

  /** What is next of the run's partition waits for so long; the others go on. */
  retryIn(run: RecordBatchCursor, ms: number): void {
    const buffer = this.of(run);
    if (buffer === undefined) return;
    buffer.pauseUntil(this.#parts.clock.monotonic() + ms);
    this.#order.place(buffer);
  }

  /** Resolves when there may be something again; with a limit in ms. */
  async wait(limitMs = Infinity): Promise<void> {
    if (this.#ended) return;
    // What was due when `take` looked has been taken: if the next moment has passed since, there is nothing to wait for.
    const ms = Math.min(limitMs, this.#order.nextRetry - this.#parts.clock.monotonic());
    if (ms <= 0) return;
    if (!Number.isFinite(ms)) return await new Promise<void>((resolve) => this.#wake.push(resolve));
    const awake = new AbortController();
    const wake = () => awake.abort();
    this.#wake.push(wake);
    await this.#parts.sleep(ms + 1, awake.signal);
    if (!awake.signal.aborted) this.#wake = this.#wake.filter((each) => each !== wake);
  }

  /** The buffer that a run is of; undefined when its partition is another's, also when it has come back since. */
  of(run: RecordBatchCursor): PartitionBuffer | undefined {
    const buffer = this.#buffers.get(run.partition);
    return buffer !== undefined && run.holder === buffer ? buffer : undefined;
  }

  #close(buffer: PartitionBuffer): void {
    buffer.close();
    this.#order.remove(buffer);
    this.#wakeAll(); // a batch that is being gathered may hold some of it
  }

  #wakeAll(): void {
    if (this.#wake.length > 0) { for (const wake of this.#wake.splice(0)) wake(); }
  }
}

function lost(what: string): MephistoError {
  return new MephistoError(
    "PARTITION_LOST",
    `${what} another worker's: the group has not heard of this one for too long.`,
  );
}
