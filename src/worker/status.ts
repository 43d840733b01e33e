/** What a worker says of itself, as the web port shows it in JSON. Times are ISO 8601, durations ms. */
export interface WorkerStatus {
  readonly app: string;
  readonly worker: string;
  readonly runtime: string;
  readonly version: string;
  readonly state: "starting" | "running" | "stopping" | "stopped";
  readonly ready: boolean;
  readonly since: string;
  readonly url: string;
  readonly group: {
    readonly joined: boolean;
    readonly generation: number;
    readonly members: number;
    /** How long ago the coordinator last answered. */
    readonly lastContact: number | null;
  };
  readonly mastership: {
    readonly master: boolean;
    /** The worker that the group elected, or null. */
    readonly elected: string | null;
    readonly epoch: number;
    /** What is left of the lease. */
    readonly lease: number | null;
  };
  readonly actors: readonly {
    readonly name: string;
    readonly topic: string;
    readonly partitions: readonly number[];
    readonly handled: number;
    readonly failed: number;
    readonly setAside: number;
  }[];
  readonly timers: readonly {
    readonly name: string;
    readonly every: number;
    readonly onMaster: boolean;
    readonly lastSlot: string | null;
    readonly ran: number;
    readonly failed: number;
    readonly skipped: number;
  }[];
}

/** A worker, as the command line and an embedding program hold it. */
export interface RunningWorker {
  /** Resolves when it has joined its group; keeps trying while no broker answers. Rejects when going on is hopeless. */
  start(): Promise<void>;
  /** Finishes what is in hand, commits, leaves. Never throws; at most 10 s. */
  stop(): Promise<void>;
  /** Resolves, with the reason, when the worker cannot go on by itself. */
  readonly failed: Promise<Error>;
  status(): WorkerStatus;
  /** Whether it has its partitions, and heard from Kafka within a session. */
  ready(): boolean;
}
