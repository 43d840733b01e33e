import { MephistoError } from "../core/errors.ts";
import type { Handover } from "../worker/resign.ts";
import { resolveSettings, SETTING_VARIABLES } from "../worker/settings.ts";
import type { Command } from "./dispatch.ts";
import type { Host, ScriptDefinition } from "./script.ts";
import type { Terminal } from "./terminal.ts";

/** Has the master hand over to another worker. */
export function resignCommand(definition: ScriptDefinition, host: Host, terminal: Terminal): Command {
  return {
    description: "Has the master hand over to another worker",
    args: {
      url: { type: "string", description: "Kafka's address [MEPHISTO_URL]" },
    },
    async run(flags) {
      const given = { flags: { url: flags.url }, env: terminal.variables(SETTING_VARIABLES) };
      const settings = resolveSettings(definition.options, given);
      try {
        const handover = await host.resign(settings);
        const sentence = `${told(handover, definition.id)}\n`;
        if (handover.outcome === "handedOver") {
          terminal.out(sentence);
          return 0;
        }
        terminal.err(sentence);
        return 1;
      } catch (error) {
        if (!(error instanceof MephistoError) || error.code !== "UNREACHABLE") throw error;
        throw new MephistoError("UNREACHABLE", `${error.message} The address is from ${settings.url.from}.`, {
          cause: error,
        });
      } finally {
        await host.close();
      }
    },
  };
}

function told(handover: Handover, app: string): string {
  switch (handover.outcome) {
    case "handedOver":
      return `${handover.was} was master, ${handover.is} is.`;
    case "noHeir":
      return `${handover.was} stays master: no other worker of app ${app} may be.`;
    case "kept":
      return `${handover.was} has not handed over yet: it may be in a long tick. Ask again later.`;
    case "noMaster":
      return `App ${app} has no master: no worker may be, or has what is to run there.`;
    case "noWorker":
      return `No worker of app ${app} is running.`;
  }
}
