import { finish } from "../runtime/exit.ts";
import { dispatch } from "./args/dispatch.ts";
import { COMMANDS } from "./commands.ts";
import type { Host, ScriptDefinition } from "./host.ts";
import { type Terminal, terminal as processTerminal } from "./terminal/terminal.ts";

/** Runs a script's own command line and gives the exit code; never throws. */
export function runScript(
  definition: ScriptDefinition,
  host: Host,
  terminal: Terminal = processTerminal(),
): Promise<number> {
  return dispatch({
    name: definition.id,
    description: "workers that share Kafka topics",
    commands: Object.fromEntries(
      Object.entries(COMMANDS).map(([name, { description, load }]) => [
        name,
        { description, load: async () => (await load())(definition, host, terminal) },
      ]),
    ),
    fallback: "worker",
  }, terminal);
}

/** What `app.main()` does in the entry file: runs the command line and sees to it that the process ends. */
export async function main(definition: ScriptDefinition, host: Host): Promise<void> {
  finish(await runScript(definition, host));
}
