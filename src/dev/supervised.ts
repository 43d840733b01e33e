import type { Clock } from "../core/clock.ts";
import { formatDuration } from "../core/duration.ts";
import { BACKOFF, Backoff } from "../core/backoff.ts";
import { deadline, delay, type Sleep } from "../core/delay.ts";
import type { Child, Exit } from "./child.ts";

/** What lived for so long did not die at once: it is started again without a pause. */
const STABLE_AFTER_MS = 10_000;
/** How much longer than it promises a program may take to stop before it is killed. */
export const STOP_GRACE_MS = 2000;
/** How long the last output may be on its way after the end: what the program has started may hold its pipes. */
const LAST_OUTPUT_TIMEOUT_MS = 500;

export interface SupervisedParts {
  /** `worker.1` */
  readonly name: string;
  start(): Child | Promise<Child>;
  /** Shows what it writes; resolves at the end of its output. */
  show(child: Child): Promise<void>;
  /** What people are told. */
  report(line: string): void;
  /** Whether it is to be started again when it has died. */
  restarts(): boolean;
  /** How long it may take to stop, as it says itself, in ms. */
  readonly stopTimeout: number;
  readonly clock: Clock;
}

/** A program that is started again when it dies, until it is stopped. */
export class Supervised {
  readonly name: string;
  readonly #parts: SupervisedParts;
  readonly #backoff = new Backoff(BACKOFF.child);
  #child: Child | undefined;
  #loop: Promise<void> | undefined;
  #stopped = false;
  #wake = new AbortController();
  #renewal: PromiseWithResolvers<Child | undefined> | undefined;

  constructor(parts: SupervisedParts) {
    this.#parts = parts;
    this.name = parts.name;
  }

  /** What runs at the moment. */
  get child(): Child | undefined {
    return this.#child;
  }

  /** Starts it. Resolves when it is over for good. */
  run(): Promise<void> {
    this.#loop ??= this.#run();
    return this.#loop;
  }

  /**
   * Stops what runs, starts it again at once, and gives the new one; nothing when it is over for good. What has not stopped
   * `within` ms is killed; by default after as long as stopping may take.
   */
  renew(within = this.#parts.stopTimeout + STOP_GRACE_MS): Promise<Child | undefined> {
    const renewal = this.#renewal ??= Promise.withResolvers<Child | undefined>();
    this.#wake.abort();
    if (this.#child) void terminate(this.#child, within);
    else if (this.#loop === undefined || this.#stopped) renewal.resolve(undefined);
    return renewal.promise;
  }

  /** Asks it to stop, kills it if it does not, and resolves when its output has been shown. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.abort();
    if (this.#child) await terminate(this.#child, this.#parts.stopTimeout + STOP_GRACE_MS);
    await this.#loop;
  }

  kill(): void {
    this.#stopped = true;
    this.#wake.abort();
    this.#child?.kill("SIGKILL");
  }

  async #run(): Promise<void> {
    const { clock, report, name, start, show, restarts } = this.#parts;
    while (!this.#stopped) {
      const since = clock.monotonic();
      const child = this.#child = await start();
      const shown = show(child);
      this.#answer(child);
      if (this.#stopped) child.kill("SIGTERM");
      const exit = await child.exited;
      this.#child = undefined;
      await deadline(shown, LAST_OUTPUT_TIMEOUT_MS);
      if (this.#stopped) break;
      if (this.#renewal) {
        this.#backoff.reset();
        continue;
      }
      if (!restarts()) {
        report(`${name} ${ending(exit)}.`);
        break;
      }
      const calm = clock.monotonic() - since >= STABLE_AFTER_MS;
      if (calm) this.#backoff.reset();
      const ms = calm ? 0 : Math.round(this.#backoff.next());
      report(`${name} ${ending(exit)}. It is started again${calm ? "" : ` in ${formatDuration(ms)}`}.`);
      this.#wake = new AbortController();
      await delay(ms, this.#wake.signal);
    }
    this.#stopped = true;
    this.#answer(undefined);
  }

  #answer(child: Child | undefined): void {
    this.#renewal?.resolve(child);
    this.#renewal = undefined;
  }
}

/** Asks a program to stop, and kills it if it has not stopped within so many ms. */
export async function terminate(child: Child, limit: number, sleep: Sleep = delay): Promise<void> {
  child.kill("SIGTERM");
  if (await deadline(child.exited, limit, sleep) !== undefined) return;
  child.kill("SIGKILL");
  await child.exited;
}

function ending({ code, signal }: Exit): string {
  return signal === null ? `has ended with exit code ${code}` : `was killed by ${signal}`;
}
