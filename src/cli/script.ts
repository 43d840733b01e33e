import type { ActorDefinition, Outgoing } from "../core/actor.ts";
import type { AppDefinition } from "../core/app.ts";
import type { Logger } from "../core/logger.ts";
import { finish } from "../runtime/exit.ts";
import type { Handover } from "../worker/resign.ts";
import type { WorkerSettings } from "../worker/settings.ts";
import type { Journal } from "../worker/master/journal.ts";
import type { RunningWorker } from "../worker/status.ts";
import { brokerCommand, type MakeBroker } from "./broker.ts";
import type { StartBroker } from "./broker-start.ts";
import { devCommand } from "./dev.ts";
import { dispatch } from "./dispatch.ts";
import { howToUse } from "./how-to-use.ts";
import { listCommand } from "./list.ts";
import { resignCommand } from "./resign.ts";
import { sendCommand } from "./send.ts";
import { type Terminal, terminal as processTerminal } from "./terminal.ts";
import { timersCommand } from "./timers.ts";
import { workerCommand } from "./worker.ts";

/** What the command line needs to know of an app. */
export type ScriptDefinition = Pick<AppDefinition, "id" | "options" | "actors" | "timers" | "tasks">;

/** What the command line needs from the floors below. */
export interface Host {
  /** Makes a worker; nothing is connected before it is started. `advice` is for when no broker answers. */
  worker(settings: WorkerSettings, logger: Logger, advice: string): RunningWorker;
  /** Does what a worker does before it joins its group. Errors: those of starting. */
  tryOut(settings: WorkerSettings, logger: Logger, advice: string): Promise<void>;
  /** Sends one message; connects if need be. */
  send(actor: ActorDefinition, message: Outgoing<unknown, unknown>, settings: WorkerSettings): Promise<void>;
  /**
   * What the masters of this app have written down; undefined: nothing yet. Errors: `UNREACHABLE`, also when no broker
   * has answered within `patience` ms, `JOURNAL_UNUSABLE` and others.
   */
  journal(settings: WorkerSettings, patience: number): Promise<Journal | undefined>;
  /** Asks the master to let another worker be it; connects if need be. */
  resign(settings: WorkerSettings): Promise<Handover>;
  /** Makes a broker for development; it listens when it is started. */
  readonly broker: MakeBroker;
  /** How `dev` starts one, in a process of its own. */
  readonly startBroker: StartBroker;
  /** Closes what these have opened, or nothing. */
  close(): Promise<void>;
}

/** Runs a script's own command line and gives the exit code; never throws. */
export function runScript(
  definition: ScriptDefinition,
  host: Host,
  terminal: Terminal = processTerminal(),
): Promise<number> {
  return dispatch({
    name: definition.id,
    description: "workers that share Kafka topics",
    commands: {
      worker: workerCommand(definition, host, terminal),
      dev: devCommand(definition, host, terminal),
      broker: brokerCommand(host.broker, terminal, (url) => howToUse(definition, terminal, url)),
      send: sendCommand(definition, host, terminal),
      timers: timersCommand(definition, host, terminal),
      resign: resignCommand(definition, host, terminal),
      list: listCommand(definition, host, terminal),
    },
    fallback: "worker",
  }, terminal);
}

/** What `app.main()` does in the entry file: runs the command line and sees to it that the process ends. */
export async function main(definition: ScriptDefinition, host: Host): Promise<void> {
  finish(await runScript(definition, host));
}
