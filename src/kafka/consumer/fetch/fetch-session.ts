import { groupBy } from "../../../core/group-by.ts";
import type { FetchRequest, FetchSessionOf } from "../../../wire/requests/01-fetch.ts";
import type { Reading, ReadingSession } from "./reading.ts";

/** What a broker has been told of a partition. */
interface Requested {
  readonly topicId: string;
  readonly position: number;
  readonly leaderEpoch: number;
  readonly version: number;
}

interface Topic {
  readonly topicId: string;
  readonly partitions: FetchRequest["topics"][number]["partitions"][number][];
}

/** The greatest epoch; after it comes 1. */
const LAST_EPOCH = 2 ** 31 - 1;

/**
 * What one connection asks a broker for, of which the broker remembers what it has been told (KIP-227): only what has
 * changed goes into a request, and only what has something into an answer, however many partitions there are. A broker that
 * keeps no session is told all of it each time.
 */
export class FetchSession implements ReadingSession {
  #id = 0;
  #epoch = 0;
  readonly #wanted = new Set<Reading>();
  readonly #requested = new Map<Reading, Requested>();
  readonly #changed = new Set<Reading>();
  /** Whether a request is under way. */
  isUnderWay = false;
  /** Whether the budget was used up when it was last asked what there is room for. */
  wasFull = false;
  /** How often topics had become crowded, or ceased to be, by then. */
  turns = 0;

  /** How many partitions are asked for. */
  get size(): number {
    return this.#wanted.size;
  }

  get wanted(): Iterable<Reading> {
    return this.#wanted;
  }

  /** From the next request on it is asked for, where it is now; also to be called when that has changed. */
  want(reading: Reading): void {
    reading.session = this;
    // Of which something has come, comes last: a broker without sessions fills its answer in the order that it is asked in.
    if (this.#requested.get(reading)?.position !== reading.position) this.#wanted.delete(reading);
    this.#wanted.add(reading);
    this.#changed.add(reading);
  }

  /** From the next request on it is not asked for any more. */
  unwant(reading: Reading): void {
    if (reading.session === this) reading.session = undefined;
    this.#wanted.delete(reading);
    if (this.#requested.has(reading)) this.#changed.add(reading);
    else this.#changed.delete(reading);
  }

  /** Whether what comes of it is what is wanted now: nothing has happened to it since it was asked for. */
  isAwaited(reading: Reading): boolean {
    const told = this.#requested.get(reading);
    return reading.session === this && told !== undefined && told.version === reading.version &&
      told.topicId === reading.topicId && told.position === reading.position;
  }

  /** What to say in the next request. */
  next(maxBytes: number): { readonly topics: FetchRequest["topics"]; readonly session: FetchSessionOf } {
    const news: Reading[] = [];
    const gone: Pick<Reading, "topicId" | "partition">[] = [];
    for (const reading of this.#changed) {
      const { topicId, position, leaderEpoch, version, partition } = reading;
      const told = this.#requested.get(reading);
      const wanted = this.#wanted.has(reading);
      if (told && (!wanted || told.topicId !== topicId)) gone.push({ topicId: told.topicId, partition });
      if (!wanted) this.#requested.delete(reading);
      else if (
        told?.topicId !== topicId || told.position !== position || told.leaderEpoch !== leaderEpoch ||
        told.version !== version
      ) {
        this.#requested.set(reading, { topicId, position, leaderEpoch, version });
        news.push(reading);
      }
    }
    this.#changed.clear();
    // One that was given up and gained again meanwhile: a broker takes what is forgotten out last.
    const asked = new Set(gone.length === 0 ? [] : news.map(nameOf));
    const left = gone.filter((one) => !asked.has(nameOf(one)));
    const topics: Topic[] = [];
    for (const { topicId, partition, position, leaderEpoch } of news) {
      // A topic is named again where another comes between: together they would come out of their order.
      let topic = topics.at(-1);
      if (topic?.topicId !== topicId) topics.push(topic = { topicId, partitions: [] });
      topic.partitions.push({ partition, fetchOffset: position, lastFetchedEpoch: leaderEpoch, maxBytes });
    }
    const forgotten = [...groupBy(left, ({ topicId }) => topicId)].map(([topicId, partitions]) => ({
      topicId,
      partitions: partitions.map(({ partition }) => partition),
    }));
    return { topics, session: { id: this.#id, epoch: this.#epoch, forgotten } };
  }

  /** The request was answered in this session; 0: the broker keeps none. */
  answered(sessionId: number): void {
    if (sessionId === 0) return this.begin(0);
    this.#id = sessionId;
    this.#epoch = this.#epoch === LAST_EPOCH ? 1 : this.#epoch + 1;
  }

  /** The next request says all, and begins a session; `id`: of the one that is over by it, where the broker still has it. */
  begin(id: number = this.#id): void {
    this.#id = id;
    this.#epoch = 0;
    this.#requested.clear();
    this.#changed.clear();
    for (const reading of this.#wanted) this.#changed.add(reading);
  }
}

function nameOf({ topicId, partition }: Pick<Reading, "topicId" | "partition">): string {
  return `${topicId}-${partition}`;
}
