/** A setting and where it came from, for people: `--url`, `MEPHISTO_URL`, `the code`, `the default`. */
export interface Setting<T> {
  readonly value: T;
  readonly from: string;
}

/** What a worker runs with; durations in ms. */
export interface WorkerSettings {
  readonly url: Setting<string>;
  readonly sessionTimeout: Setting<number>;
  readonly heartbeatInterval: Setting<number>;
  readonly instanceId: Setting<string | undefined>;
  readonly version: Setting<string>;
}
