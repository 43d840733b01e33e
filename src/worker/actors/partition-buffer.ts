import type { ByteBudget } from "../../core/byte-budget.ts";
import type { InFlight } from "../../core/feed.ts";
import { LazySignal } from "../../core/lazy-signal.ts";
import type { Holder, RecordBatchCursor } from "../../core/message.ts";
import type { Delivery } from "../../driver/driver.ts";

/** What a buffer's messages take; missing: nobody counts. */
export type Room = Pick<ByteBudget, "add" | "release">;

/** A delivery that was opened, and whose messages are not all done. */
interface Opened {
  readonly run: RecordBatchCursor;
  readonly delivery: Delivery;
  readonly lastOffset: number;
  /** What it takes after its end has been handed out; undefined: its delivery counts that itself. */
  keptBytes: number | undefined;
}

/**
 * One assignment of a partition: its deliveries on their way to the handler, as a queue. At its head stands what is to be
 * tried again, behind it the rest of the run that was opened last, then what is not open yet.
 */
export class PartitionBuffer implements Holder {
  readonly topic: string;
  readonly partition: number;
  readonly handling: LazySignal;
  /** Set while the partition is being given away; resolves when nothing of it is in hand. */
  leaving: PromiseWithResolvers<void> | undefined;
  readonly #room: Room | undefined;
  #over = false;
  readonly #deliveries: Delivery[] = [];
  /** Those with something to hand out. */
  #runs: RecordBatchCursor[] = [];
  #out: RecordBatchCursor | undefined;
  /** In the order of their offsets, in which they are done. */
  readonly #opened: Opened[] = [];
  /** Nothing but markers of transactions: an offset to acknowledge when all before it is done. */
  #markers: RecordBatchCursor | undefined;

  /** `mayBeLost`: why the partition may be another's at the moment. */
  constructor({ topic, partition }: { topic: string; partition: number }, mayBeLost?: () => unknown, room?: Room) {
    this.#room = room;
    this.handling = new LazySignal(mayBeLost);
    this.topic = topic;
    this.partition = partition;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The run that is being handed out. */
  get out(): RecordBatchCursor | undefined {
    return this.#out;
  }

  /** Whether there is something that may be handed out, now or later; and whether that is open. */
  get waiting(): boolean {
    return this.#runs.length > 0 || this.#deliveries.length > 0;
  }

  get started(): boolean {
    return this.#runs.length > 0;
  }

  /** When what waits after a failure may be handed out again, on the monotonic clock; 0: nothing waits so. */
  get retryAt(): number {
    return this.#runs[0]?.notBefore ?? 0;
  }

  /** What is next waits until then. */
  pauseUntil(moment: number): void {
    if (this.#runs[0]) this.#runs[0].notBefore = moment;
  }

  add(delivery: Delivery): void {
    if (this.#over) delivery.close();
    else this.#deliveries.push(delivery);
  }

  /** What is next, until it is released; nothing: there were only markers. */
  take(): RecordBatchCursor | undefined {
    const run = this.#runs[0] ?? this.#open();
    if (run === undefined) return undefined;
    run.notBefore = 0;
    this.handling.renew();
    return this.#out = run;
  }

  /** Nothing more of a run is handed out for now. When all of it has been, there is room for more of the partition. */
  release(run: RecordBatchCursor): void {
    if (this.#out === run) this.#out = undefined;
    if (!run.handedOut) return;
    if (this.#runs[0] === run) this.#runs.shift();
    const opened = this.#opened.at(-1);
    if (opened?.run !== run || opened.keptBytes !== undefined) return;
    // What is in hand of it takes its room in the worker all the same.
    const { bytes } = opened.delivery;
    opened.delivery.close();
    opened.keptBytes = bytes;
    this.#room?.add(bytes);
  }

  /** All before index `to` of a run is done: messages are done in order. */
  done(run: RecordBatchCursor, to: number): void {
    run.acknowledge(to);
    const offset = run.messages[to - 1]?.offset ?? -1;
    for (let [first] = this.#opened; first && first.lastOffset <= offset; [first] = this.#opened) {
      this.#opened.shift();
      this.#free(first);
    }
    this.#passMarkers();
  }

  /**
   * What was in hand is to be handed out again, before anything else; `alone`: message by message. Gives what stands at
   * the head of the queue now. The run that it was of has been released.
   */
  requeue(hands: readonly InFlight[], alone: boolean): readonly RecordBatchCursor[] {
    if (this.#over) return [];
    const again = hands.flatMap(({ run, from, to }) => {
      if (!alone && run.messages.length > 1) return [run.part(from, to)];
      return run.messages.slice(from, to).map((_, i) => single(run, from + i, alone));
    });
    this.#runs = [...again, ...this.#runs];
    return again;
  }

  /** Nothing more of this partition is handed out. */
  close(): void {
    this.#over = true;
    if (this.#out) this.#out.limit = 0;
    this.#runs = [];
    this.#markers = undefined;
    for (const opened of this.#opened.splice(0)) this.#free(opened);
    for (const delivery of this.#deliveries.splice(0)) delivery.close();
  }

  #open(): RecordBatchCursor | undefined {
    for (let delivery = this.#deliveries.shift(); delivery; delivery = this.#deliveries.shift()) {
      const run = delivery.open();
      const last = run?.messages.at(-1);
      if (run === undefined || last === undefined) {
        this.#markers = run ?? this.#markers;
        delivery.close();
        continue;
      }
      this.#markers = undefined; // what follows them leads past them
      run.holder = this;
      this.#runs.push(run);
      this.#opened.push({ run, delivery, lastOffset: last.offset, keptBytes: undefined });
      return run;
    }
    this.#passMarkers();
    return undefined;
  }

  #passMarkers(): void {
    if (this.#markers === undefined || this.#opened.length > 0) return;
    this.#markers.acknowledge(0);
    this.#markers = undefined;
  }

  #free({ delivery, keptBytes }: Opened): void {
    if (keptBytes === undefined) delivery.close();
    else this.#room?.release(keptBytes);
  }
}

/** A message as a run of its own; one that is that already keeps its attempts. */
function single(run: RecordBatchCursor, index: number, alone: boolean): RecordBatchCursor {
  const one = run.messages.length === 1 ? run : run.part(index, index + 1);
  one.index = 0;
  one.alone = alone;
  return one;
}
