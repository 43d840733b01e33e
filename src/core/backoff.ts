/** How the pauses between attempts grow: each is twice the one before, up to the longest. In ms. */
export interface BackoffSchedule {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Every schedule by which something is tried again, by what is waited for. */
export const BACKOFF = {
  /** The markers of the transaction before are being written. */
  transactionMarkers: { firstMs: 1, longestMs: 10 },
  /** Another transaction of the same id is being ended. */
  transactionEnd: { firstMs: 2, longestMs: 50 },
  /** A coordinator or a leader is loading or moving. */
  coordinator: { firstMs: 20, longestMs: 500 },
  /** What the cluster knows of a topic: its partitions, its leaders, where a group is in it. */
  topic: { firstMs: 50, longestMs: 1000 },
  /** A member that joins its group again. */
  group: { firstMs: 100, longestMs: 1000 },
  /** A program that only sends, until a broker answers. */
  sender: { firstMs: 100, longestMs: 1000 },
  /** A worker, until a broker answers. */
  start: { firstMs: 100, longestMs: 2000 },
  /** A transaction that failed, of the master's. */
  transaction: { firstMs: 100, longestMs: 1000 },
  /** A topic that takes nothing from the master. */
  awayTopic: { firstMs: 100, longestMs: 2000 },
  /** A master that could not begin its term. */
  term: { firstMs: 100, longestMs: 2000 },
  /** A timer's run that failed, while its `retry` allows it. */
  timerRun: { firstMs: 100, longestMs: 60_000 },
  /** A task that has thrown. */
  task: { firstMs: 1000, longestMs: 60_000 },
  /** A connection to another worker, by which it is seen to live. */
  peer: { firstMs: 100, longestMs: 60_000 },
  /** A program under `dev` that died at once. */
  child: { firstMs: 250, longestMs: 15_000 },
} as const;

/** The pauses before an actor's message is handled again; when they are used up it becomes a dead letter. */
export const MESSAGE_RETRIES_MS: readonly number[] = [200, 500, 1000, 2000, 5000];

/** The pauses before a loop of the worker that has failed is started again; after these the worker ends. */
export const LOOP_RESTARTS_MS: readonly number[] = [1000, 2000, 5000, 10_000, 30_000];

/** The pause after so many failures in a row, in ms. */
export function backoffMs({ firstMs, longestMs }: BackoffSchedule, failures: number): number {
  return Math.min(firstMs * 2 ** (failures - 1), longestMs);
}

/** The pauses of a schedule one after the other, each up to a fifth shorter or longer. */
export class Backoff {
  readonly #schedule: BackoffSchedule;
  readonly #random: () => number;
  #failures = 0;

  /** `random`: from 0 up to 1. */
  constructor(schedule: BackoffSchedule, random: () => number = Math.random) {
    this.#schedule = schedule;
    this.#random = random;
  }

  /** The next pause in ms. */
  next(): number {
    this.#failures++;
    return backoffMs(this.#schedule, this.#failures) * (0.8 + this.#random() * 0.4);
  }

  /** It worked: the next pause is short again. */
  reset(): void {
    this.#failures = 0;
  }
}
