import type { ActorDefinition, OutgoingMessage } from "../core/actor.ts";
import type { AppDefinition } from "../core/definition.ts";
import type { Logger } from "../core/logger.ts";
import type { Runtime } from "../runtime/info.ts";
import type { Journal } from "../worker/master/journal/journal.ts";
import type { Handover } from "../worker/resign.ts";
import type { WorkerSettings } from "../worker/settings.ts";
import type { RunningWorker } from "../worker/status.ts";

/** What the command line needs to know of an app. */
export type ScriptDefinition = Pick<AppDefinition, "id" | "options" | "actors" | "timers" | "tasks">;

/** What the command line needs from the layers below. */
export interface Host {
  /** Makes a worker; nothing is connected before it is started. `advice` is for when no broker answers. */
  worker(settings: WorkerSettings, logger: Logger, advice: string): RunningWorker;
  /** Does what a worker does before it joins its group. Errors: those of starting. */
  tryOut(settings: WorkerSettings, logger: Logger, advice: string): Promise<void>;
  /** Sends one message; connects if need be. */
  send(actor: ActorDefinition, message: OutgoingMessage<unknown, unknown>, settings: WorkerSettings): Promise<void>;
  /**
   * What the masters of this app have written down; undefined: nothing yet. Errors: `UNREACHABLE`, also when no broker
   * has answered within `timeoutMs` ms, `JOURNAL_UNUSABLE` and others.
   */
  journal(settings: WorkerSettings, timeoutMs: number): Promise<Journal | undefined>;
  /** Asks the master to let another worker be it; connects if need be. */
  resign(settings: WorkerSettings): Promise<Handover>;
  /** Makes a broker for development; it listens when it is started. */
  readonly broker: MakeBroker;
  /** How `dev` starts one, in a process of its own. */
  readonly startBroker: StartBroker;
  /** Closes what these have opened, or nothing. */
  close(): Promise<void>;
}

/** What a dev broker is made with. */
export interface BrokerOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly host: string;
  /** A folder that keeps everything; without one it is kept in memory. */
  readonly data?: string;
  /** In bytes. */
  readonly memoryLimit?: number;
  /** Kafka's settings of a broker, by their names. */
  readonly settings: Readonly<Record<string, string>>;
  readonly logger: Logger;
}

/** A broker for development. */
export interface DevBroker {
  start(): Promise<{ port: number }>;
  stop(): Promise<void>;
}

export type MakeBroker = (options: BrokerOptions) => DevBroker | Promise<DevBroker>;

/** How to start a program. */
export interface Start {
  readonly program: string;
  readonly args: readonly string[];
}

/** How the broker of `dev` is started. */
export interface BrokerStart extends Start {
  readonly runtime: Runtime["name"];
  /** By `mephisto broker`, without the script. */
  readonly isAlone: boolean;
}

/** Says how to start a broker with these flags. */
export type StartBroker = (words: readonly string[]) => BrokerStart;
