import type { ByteBudget } from "../core/byte-budget.ts";
import { LazySignal } from "../core/lazy-signal.ts";
import type { Run } from "../core/message.ts";
import type { Delivery } from "../driver/driver.ts";

/** What a lane's messages take; missing: nobody counts. */
export type Room = Pick<ByteBudget, "add" | "release">;

/** Deliveries of one partition on their way to an actor's handler, in order. */
export class Lane {
  readonly topic: string;
  readonly partition: number;
  /** Not to be handed out before this moment of the monotonic clock, in ms, after a failure; 0 when it has been since. */
  notBefore = 0;
  /** How often the message at `failedAt` has failed. */
  attempts = 0;
  failedAt = -1;
  /** Set while the partition is being given away; resolves when nothing of it is in hand. */
  leaving: PromiseWithResolvers<void> | undefined;
  /** Aborts when what is in hand of it is not to be handled here any more. */
  readonly handling: LazySignal;
  readonly #deliveries: Delivery[] = [];
  readonly #open = new Map<Run, Delivery>();
  readonly #opened = new WeakSet<Run>();
  #runs: Run[] = [];
  #out: Run | undefined;
  /** Nothing but markers of transactions: an offset to acknowledge when all before it is. */
  #markers: Run | undefined;
  readonly #room: Room | undefined;
  /** Runs that have come to their end, with messages in hand, or to be tried again: what they take. */
  readonly #kept = new Map<Run, number>();

  /** `mayBeLost`: why the partition may be another's at the moment. */
  constructor({ topic, partition }: { topic: string; partition: number }, mayBeLost?: () => unknown, room?: Room) {
    this.#room = room;
    this.handling = new LazySignal(mayBeLost);
    this.topic = topic;
    this.partition = partition;
  }

  add(delivery: Delivery): void {
    if (this.leaving) delivery.close();
    else this.#deliveries.push(delivery);
  }

  /** The next run with something to hand out; `now`: on the monotonic clock. `mayOpen`: also one that is not open yet. */
  take(now: number, holding: boolean, mayOpen: boolean): Run | undefined {
    if (this.leaving || this.#out !== undefined) return undefined;
    if (!holding) this.#passMarkers();
    if (this.notBefore > now || (!mayOpen && this.#runs.length === 0)) return undefined;
    this.notBefore = 0;
    if (!this.waiting) return undefined;
    const run = this.#next();
    if (!holding) this.#passMarkers();
    this.handling.renew();
    return this.#out = run;
  }

  /** Whether there is something that may be handed out now. */
  ready(now: number): boolean {
    return this.waiting && this.notBefore <= now;
  }

  /** When what waits after a failure may be handed out again, on the monotonic clock; Infinity: nothing does. */
  get retryAt(): number {
    return this.notBefore > 0 && this.leaving === undefined ? this.notBefore : Infinity;
  }

  /** Whether it is this run that is being handed out, and nothing keeps it from going on. */
  goesOn(run: Run, now: number): boolean {
    return this.#out === run && this.leaving === undefined && this.notBefore <= now;
  }

  /** Whether there is something that may be handed out, now or later. */
  get waiting(): boolean {
    return this.leaving === undefined && (this.#runs.length > 0 || this.#deliveries.length > 0);
  }

  /** Whether a run is of this assignment of the partition, and that lasts. */
  owns(run: Run): boolean {
    return this.leaving === undefined && this.#opened.has(run);
  }

  /** A run that `take` gave comes back. `inHand`: some of its messages are not settled yet. */
  give(run: Run, inHand = false): void {
    if (this.#out === run) this.#out = undefined;
    if (run.index >= run.messages.length) this.#finish(run, inHand);
  }

  /** What was in hand is done, or is to be handed out again. */
  settled(): void {
    for (const run of this.#kept.keys()) if (!this.#runs.includes(run)) this.#free(run);
  }

  /** A run, or more than one in the order of their offsets, is to be handed out again from where its index now stands. */
  again(runs: readonly Run[]): void {
    const rest = this.#runs.filter((run) => !runs.includes(run));
    this.#runs = [...runs, ...rest];
    this.#out = undefined;
  }

  /** Nothing more of this partition is handed out. */
  drop(): void {
    for (const run of this.#runs) {
      run.drop();
      this.#finish(run, false);
    }
    for (const run of this.#kept.keys()) this.#free(run);
    this.#out?.drop();
    for (const delivery of this.#deliveries.splice(0)) delivery.close();
  }

  #next(): Run | undefined {
    const [run] = this.#runs;
    if (run) return run;
    for (let delivery = this.#deliveries.shift(); delivery; delivery = this.#deliveries.shift()) {
      const opened = delivery.open();
      if (opened === undefined || opened.messages.length === 0) {
        this.#markers = opened ?? this.#markers;
        delivery.close();
        continue;
      }
      this.#markers = undefined; // what follows them leads past them
      opened.handling = this.handling;
      this.#runs.push(opened);
      this.#open.set(opened, delivery);
      this.#opened.add(opened);
      return opened;
    }
    return undefined;
  }

  /** Reads past markers, unless messages before them are to be handed out again. */
  #passMarkers(): void {
    if (this.#markers === undefined || this.#runs.length > 0) return;
    this.#markers.acknowledge(0);
    this.#markers = undefined;
  }

  /** There is room for more of this partition then; what is in hand of it takes its room in the worker all the same. */
  #finish(run: Run, inHand: boolean): void {
    this.#runs = this.#runs.filter((each) => each !== run);
    const delivery = this.#open.get(run);
    if (delivery === undefined) return inHand ? undefined : this.#free(run);
    const { bytes } = delivery;
    this.#open.delete(run);
    delivery.close();
    if (!inHand) return;
    this.#kept.set(run, bytes);
    this.#room?.add(bytes);
  }

  #free(run: Run): void {
    this.#room?.release(this.#kept.get(run) ?? 0);
    this.#kept.delete(run);
  }
}
