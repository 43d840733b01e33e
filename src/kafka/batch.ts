import { BatchBuilder, type BuildOptions } from "../wire/batch-builder.ts";
import { decodeRecords } from "../wire/records.ts";
import { codecs } from "./compression.ts";

/** An idempotent producer in the eyes of the broker (KIP-98). */
export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What a batch is made as. */
export type BatchKind = Pick<BuildOptions, "codec" | "transactional">;

/** Messages of one partition that are sent together, and the promise that all of their senders wait for. */
export class Batch {
  readonly builder: BatchBuilder;
  readonly promise: Promise<void>;
  /** When it was begun, in ms of the monotonic clock. */
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** As it goes over the wire; undefined until it has been sent once. */
  bytes: Uint8Array | undefined;
  state: "open" | "waiting" | "flying" | "failed" = "open";
  #identity: Identity | undefined;

  constructor(since: number, builder: BatchBuilder = new BatchBuilder()) {
    this.builder = builder;
    this.since = since;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
  }

  get count(): number {
    return this.builder.count;
  }

  /** Whether it has been numbered as this producer's. Then it keeps its number: that is how a repetition is known. */
  isOf(identity: Identity): boolean {
    return this.#identity === identity;
  }

  /** Numbers it: as the producer's message `baseSequence` of the partition, and those that follow. */
  number(identity: Identity, baseSequence: number, kind: BatchKind): void {
    this.#identity = identity;
    const { producerId, producerEpoch } = identity;
    if (this.bytes === undefined) {
      this.bytes = this.builder.build({ producerId, producerEpoch, baseSequence, ...kind });
    } else {
      this.bytes = this.builder.stamp({ producerId, producerEpoch, baseSequence });
    }
  }

  /** Two halves of a batch that is too large for the broker; their senders' promise is still this one's. */
  split(): [Batch, Batch] {
    const { records } = decodeRecords(this.bytes ?? this.builder.build(), { from: 0, codecs });
    const middle = Math.ceil(records.length / 2);
    const halves = [records.slice(0, middle), records.slice(middle)].map((part) => {
      const half = new Batch(this.since);
      for (const { key, value, headers, timestamp } of part) half.builder.append(key, value, headers, timestamp);
      return half;
    });
    const [first, second] = halves;
    if (first === undefined || second === undefined) throw new Error("unreachable");
    Promise.all([first.promise, second.promise]).then(() => this.resolve(), this.reject);
    return [first, second];
  }
}
