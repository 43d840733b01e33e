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
  readonly #lanes = new Map<number, PartitionBuffer>();
  readonly #order = new TurnOrder();
  /** Those that are being given away. */
  readonly #leaving = new Set<PartitionBuffer>();
  #wake: (() => void)[] = [];
  #ended = false;

  constructor(parts: PartitionBuffersParts) {
    this.#parts = parts;
  }

  get partitions(): number[] {
    return [...this.#lanes.keys()].sort((a, b) => a - b);
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
    this.#lanes.set(partition, new PartitionBuffer({ topic, partition }, mayBeLost, budget));
  }

  /** Resolves when nothing of the partition is in hand. */
  async revoked(partition: number): Promise<void> {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    const { promise } = lane.leaving ??= Promise.withResolvers();
    this.#leaving.add(lane);
    this.#close(lane);
    this.letGo();
    await promise;
    if (this.#lanes.get(partition) === lane) this.#lanes.delete(partition);
  }

  /** The partition is gone already: what is in hand of it cannot be acknowledged any more. */
  lost(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.leaving?.resolve();
    this.#leaving.delete(lane);
    this.#close(lane);
    lane.handling.abort(lost(`${this.#parts.topic}[${partition}] is`));
    this.#lanes.delete(partition);
  }

  deliver(delivery: Delivery): void {
    const lane = this.#lanes.get(delivery.partition);
    if (lane === undefined) return delivery.close();
    lane.add(delivery);
    this.#order.offer(lane);
    this.#wakeAll();
  }

  /** Nothing is handed out any more; what is in hand is told why. */
  end(reason: unknown): void {
    this.#ended = true;
    for (const lane of this.#lanes.values()) {
      this.#close(lane);
      lane.handling.abort(reason);
    }
    this.#wakeAll();
  }

  /** Those that are given away and of which nothing is in hand are waited for no more. */
  letGo(): void {
    if (this.#leaving.size === 0) return;
    const held = this.#parts.inFlight();
    for (const lane of this.#leaving) {
      if (held.some(({ run }) => run.holder === lane)) continue;
      lane.leaving?.resolve();
      this.#leaving.delete(lane);
    }
  }

  take(now: number, holding: boolean): RecordBatchCursor | undefined {
    // While there is no room nothing more is opened: what is open comes to its end first. One at least always goes on.
    return this.#order.take(now, !this.crowded || (holding ? false : "last"));
  }

  release(run: RecordBatchCursor): void {
    const lane = this.of(run);
    if (lane === undefined) return;
    lane.release(run);
    this.#order.place(lane);
  }

  /** All before index `to` of the run is done. */
  done({ run, to }: InFlight): void {
    const lane = this.of(run);
    if (lane === undefined) run.acknowledge(to); // counts if the partition comes back to this worker
    else lane.done(run, to);
  }

  /** What was in hand is to be handed out again; `alone`: message by message. Gives what is next of its partitions then. */
  requeue(hands: readonly InFlight[], alone: boolean): RecordBatchCursor[] {
    const lanes = new Set(hands.flatMap(({ run }) => this.of(run) ?? []));
    return [...lanes].flatMap((lane) => {
      const again = lane.requeue(hands.filter(({ run }) => run.holder === lane), alone);
      this.#order.place(lane);
      return again;
    });
  }

  /** Takes what is next of the run's partition, if it is this, so that nobody else does; until it is released. */
  hold(run: RecordBatchCursor): void {
    const lane = this.of(run);
    if (lane === undefined) return;
    lane.take();
    this.#order.place(lane);
  }

  /** What is next of the run's partition waits for so long; the others go on. */
  retryIn(run: RecordBatchCursor, ms: number): void {
    const lane = this.of(run);
    if (lane === undefined) return;
    lane.pauseUntil(this.#parts.clock.monotonic() + ms);
    this.#order.place(lane);
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

  /** The lane that a run is of; undefined when its partition is another's, also when it has come back since. */
  of(run: RecordBatchCursor): PartitionBuffer | undefined {
    const lane = this.#lanes.get(run.partition);
    return lane !== undefined && run.holder === lane ? lane : undefined;
  }

  #close(lane: PartitionBuffer): void {
    lane.close();
    this.#order.remove(lane);
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
