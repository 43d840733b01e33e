import { finish } from "../runtime/exit.ts";
import { brokerCommand } from "./commands/broker.ts";
import { devCommand } from "./commands/dev.ts";
import { dispatch } from "./args/dispatch.ts";
import type { Command } from "./args/command.ts";
import type { CommandName } from "./command-names.ts";
import type { Host, ScriptDefinition } from "./host.ts";
import { howToUse } from "./launch/how-to-use.ts";
import { listCommand } from "./commands/list.ts";
import { resignCommand } from "./commands/resign.ts";
import { sendCommand } from "./commands/send.ts";
import { type Terminal, terminal as processTerminal } from "./terminal/terminal.ts";
import { timersCommand } from "./commands/timers.ts";
import { workerCommand } from "./commands/worker.ts";

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
    } satisfies Record<CommandName, Command>,
    fallback: "worker",
  }, terminal);
}

/** What `app.main()` does in the entry file: runs the command line and sees to it that the process ends. */
export async function main(definition: ScriptDefinition, host: Host): Promise<void> {
  finish(await runScript(definition, host));
}
