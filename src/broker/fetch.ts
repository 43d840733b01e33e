import { messageOf } from "../core/errors.ts";
import { AppendError } from "./log/error.ts";
import type { AbortedTransaction } from "./log/aborted.ts";
import type { Log } from "./log/log.ts";
import { checkLeaderEpoch } from "./node.ts";

/** A partition that a Fetch asks for. */
export interface Wish {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  readonly partitionMaxBytes: number;
  readonly log: Log | undefined;
  /** The error code for when there is no such log. */
  readonly missing: number;
}

export interface FetchedPartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly abortedTransactions: AbortedTransaction[] | null;
  readonly records: Uint8Array[];
  readonly size: number;
}

/** Resolves once so many bytes can be read, something is wrong, the time is over or the client is gone. */
export function enough(options: {
  wishes: readonly Wish[];
  minBytes: number;
  maxWaitMs: number;
  committed: boolean;
  signal: AbortSignal;
}): Promise<void> | undefined {
  const { wishes, minBytes, maxWaitMs, committed, signal } = options;
  const isEnough = () => {
    let size = 0;
    for (const { log, fetchOffset, partitionMaxBytes, currentLeaderEpoch } of wishes) {
      if (log === undefined || log.isGone || checkLeaderEpoch(currentLeaderEpoch) !== 0) return true;
      if (fetchOffset < log.startOffset || fetchOffset > log.endOffset) return true;
      size += Math.min(log.sizeFrom(fetchOffset, committed), partitionMaxBytes);
      if (size >= minBytes) return true;
    }
    return false;
  };
  if (maxWaitMs <= 0 || wishes.length === 0 || isEnough()) return undefined;
  return new Promise((resolve) => {
    const look = () => {
      if (isEnough()) done();
    };
    const unwatch = wishes.map(({ log }) => log?.watch(look));
    const done = () => {
      clearTimeout(timer);
      for (const end of unwatch) end?.();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, maxWaitMs);
    signal.addEventListener("abort", done);
  });
}

/** Reads what one partition has for it. */
export function read(wish: Wish, maxBytes: number, committed: boolean, atLeastOne: boolean): FetchedPartition {
  const { partition: partitionIndex, log, fetchOffset: from, missing, partitionMaxBytes } = wish;
  const failed = (errorCode: number, abortedTransactions: [] | null = null) => ({
    partitionIndex,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions,
    records: [],
    size: 0,
  });
  if (log === undefined || log.isGone) return failed(missing, []);
  const errorCode = checkLeaderEpoch(wish.currentLeaderEpoch);
  if (errorCode !== 0) return failed(errorCode);
  try {
    const { pieces, size, aborted } = log.read({
      from,
      maxBytes: Math.min(maxBytes, Math.max(partitionMaxBytes, 0)),
      committed,
      atLeastOne,
    });
    return {
      partitionIndex,
      errorCode: 0,
      highWatermark: log.endOffset,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.startOffset,
      abortedTransactions: aborted,
      records: pieces,
      size,
    };
  } catch (error) {
    if (error instanceof AppendError) return failed(error.code);
    throw new Error(`a partition of ${wish.topic} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The partitions by topic again, in the order in which they were asked for. */
export function byTopic<W extends { readonly topic: string; readonly topicId: string }, P>(
  wishes: readonly W[],
  partitions: readonly P[],
): { topic: string; topicId: string; partitions: P[] }[] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: P[] }>();
  wishes.forEach(({ topic, topicId }, i) => {
    const key = `${topic} ${topicId}`;
    let entry = topics.get(key);
    if (entry === undefined) topics.set(key, entry = { topic, topicId, partitions: [] });
    const partition = partitions[i];
    if (partition !== undefined) entry.partitions.push(partition);
  });
  return [...topics.values()];
}
