import type { AppDefinition } from "../core/definition.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Sleep } from "../core/delay.ts";
import type { EventLoopTurn } from "../core/yielder.ts";
import type { Driver } from "../driver/driver.ts";
import type { Context } from "../runtime/context.ts";
import type { Scope } from "./calls/scope.ts";
import type { Running } from "./calls/stop.ts";
import type { WorkerSettings } from "./settings.ts";
import type { Watch } from "./watch.ts";

/** What a worker is made of, and what it is made with. */
export interface WorkerParts {
  readonly definition: Pick<AppDefinition, "id" | "options" | "actors" | "timers" | "tasks">;
  readonly settings: WorkerSettings;
  readonly driver: Driver;
  readonly context: Context<Scope>;
  /** Tells a `stop()` by what runs in this worker. */
  readonly calls?: Context<Running> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly eventLoopTurn: EventLoopTurn;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** The worker's name, and what runs it: `bun 1.4.5`. */
  readonly worker: string;
  readonly runtime: string;
  /** Of the runtime's time zone data, as `2026c`; "" or left out: it is not known. */
  readonly zoneRelease?: string;
  /** The address without user and password. */
  readonly url: string;
  /** Sees at once that other workers are gone. */
  readonly watch?: Watch | undefined;
  /** What else a person may do when no broker answers: a sentence after a space, or nothing. */
  readonly advice: string;
}
