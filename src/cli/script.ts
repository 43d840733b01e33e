import type { ActorDefinition, Outgoing } from "../core/actor.ts";
import type { AppDefinition } from "../core/app.ts";
import type { Logger } from "../core/logger.ts";
import { finish } from "../runtime/exit.ts";
import type { WorkerSettings } from "../worker/settings.ts";
import type { RunningWorker } from "../worker/status.ts";
import { dispatch } from "./dispatch.ts";
import { listCommand } from "./list.ts";
import { sendCommand } from "./send.ts";
import { type Terminal, terminal as processTerminal } from "./terminal.ts";
import { workerCommand } from "./worker.ts";

/** What the command line needs to know of an app. */
export type ScriptDefinition = Pick<AppDefinition, "id" | "options" | "actors" | "timers">;

/** What the command line needs from the floors below. */
export interface Host {
  /** Makes a worker; nothing is connected before it is started. */
  worker(settings: WorkerSettings, logger: Logger): RunningWorker;
  /** Sends one message; connects if need be. */
  send(actor: ActorDefinition, message: Outgoing<unknown, unknown>, settings: WorkerSettings): Promise<void>;
  /** Closes what `send` has opened, or nothing. */
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
      send: sendCommand(definition, host, terminal),
      list: listCommand(definition, terminal),
    },
    fallback: "worker",
  }, terminal);
}

/** What `app.main()` does in the entry file: runs the command line and sees to it that the process ends. */
export async function main(definition: ScriptDefinition, host: Host): Promise<void> {
  finish(await runScript(definition, host));
}
