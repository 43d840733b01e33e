import type { OutgoingRecord } from "../../driver/driver.ts";
import { BatchBuilder, type BuildOptions, type Headers } from "../../wire/batch-builder.ts";
import { decodeRecords } from "../../wire/records.ts";
import { codecs } from "../../compression/compression.ts";

/** An idempotent producer in the eyes of the broker (KIP-98). */
export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What a batch is made as. */
export type BatchKind = Pick<BuildOptions, "codec" | "transactional">;

/** Settles what a sender waits for. */
type Settle = (outcome?: Promise<void>) => void;

/** A message on its way, when it has to leave its batch. */
export interface Parcel extends Omit<OutgoingRecord, "topic" | "headers"> {
  readonly headers: Headers;
  readonly settle: Settle;
}

/** Messages of one partition that are sent together. */
export class Batch {
  readonly builder: BatchBuilder;
  /** When it was begun, in ms of the monotonic clock. */
  readonly since: number;
  /** As it goes over the wire; undefined until it has been sent once. */
  bytes: Uint8Array | undefined;
  state: "open" | "waiting" | "inFlight" | "failed" = "open";
  /** How the search for the message that is to blame goes, when its whole was refused. */
  readonly trial: Trial | undefined;
  /** What it is made as where that is not as all others are. */
  kind: BatchKind | undefined;
  #identity: Identity | undefined;
  /** Of the messages that somebody waits for, in their order. One function each is all that a message costs here. */
  readonly #settles: Settle[] = [];

  constructor(since: number, trial?: Trial) {
    this.builder = new BatchBuilder();
    this.since = since;
    this.trial = trial;
  }

  get count(): number {
    return this.builder.count;
  }

  /** Appends a message; resolves when it is written. Each has a promise of its own, since one alone may be refused. */
  append({ key, value, headers, timestamp }: Omit<OutgoingRecord, "topic">): Promise<void> {
    this.builder.append(key, value, headers, timestamp);
    return new Promise(this.#join);
  }

  readonly #join = (resolve: Settle): void => {
    this.#settles.push(resolve);
  };

  /** Appends a message that has left its batch, with whoever waits for it. */
  adopt({ key, value, headers, timestamp, settle }: Parcel): void {
    this.builder.append(key, value, headers, timestamp);
    this.#settles.push(settle);
  }

  /** All are written. */
  resolve(): void {
    for (const settle of this.#settles) settle();
  }

  /** None is written, nor will be. */
  reject(error: Error): void {
    const failed = Promise.reject(error);
    failed.catch(() => {}); // the senders hear of it, each by its own promise
    for (const settle of this.#settles) settle(failed);
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
      this.bytes = this.builder.build({ producerId, producerEpoch, baseSequence, ...kind, ...this.kind });
    } else {
      this.bytes = this.builder.stamp({ producerId, producerEpoch, baseSequence });
    }
  }

  /** Its messages, in their order; afterwards it is of no use. */
  unpack(): Parcel[] {
    if (this.count === 0) return [];
    const { records } = decodeRecords(this.bytes ?? this.builder.build(), { from: 0, codecs });
    return records.map(({ key, value, headers, timestamp }, at) => {
      const settle = this.#settles[at] ?? (() => {});
      return { key, value, headers, timestamp, settle };
    });
  }

  /** Two halves of a batch that is refused as a whole. */
  split(trial = this.trial): [Batch, Batch] {
    const parcels = this.unpack();
    const middle = Math.ceil(parcels.length / 2);
    return [this.#of(parcels.slice(0, middle), trial), this.#of(parcels.slice(middle), trial)];
  }

  /** The messages at some places, and a batch of the others, if there are any. */
  without(places: ReadonlySet<number>): { taken: { at: number; parcel: Parcel }[]; rest: Batch | undefined } {
    const all = this.unpack().map((parcel, at) => ({ at, parcel }));
    const rest = all.filter(({ at }) => !places.has(at)).map(({ parcel }) => parcel);
    const taken = all.filter(({ at }) => places.has(at));
    return { taken, rest: rest.length === 0 ? undefined : this.#of(rest, undefined) };
  }

  #of(parcels: readonly Parcel[], trial: Trial | undefined): Batch {
    const batch = new Batch(this.since, trial);
    for (const parcel of parcels) batch.adopt(parcel);
    return batch;
  }
}

/** Tells a parcel's sender that it is refused. */
export function refuse({ settle }: Parcel, error: Error): void {
  settle(Promise.reject(error));
}

/** So many messages in a row that are refused one by one tell that it is not the messages. */
const CONVINCING = 16;

/**
 * The search for a message that the broker refuses a batch for without naming it: halves of halves are sent. When the
 * first messages are all refused, and nothing at all is written, the rest is taken for refused too: a request for each
 * of ten thousand messages would only be more load for a broker that, say, is full.
 */
export class Trial {
  #refused = 0;
  #written = false;

  written(): void {
    this.#written = true;
  }

  refused(): void {
    this.#refused++;
  }

  get isHopeless(): boolean {
    return !this.#written && this.#refused >= CONVINCING;
  }
}
