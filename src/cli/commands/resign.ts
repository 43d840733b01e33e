import type { Handover } from "../../worker/resign.ts";
import { ask, settingsOf, URL_FLAG } from "./query.ts";
import type { Command } from "../args/command.ts";
import type { Host, ScriptDefinition } from "../host.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Has the master hand over to another worker. */
export function resignCommand(definition: ScriptDefinition, host: Host, terminal: Terminal): Command {
  return {
    args: {
      url: URL_FLAG,
    },
    async run(flags) {
      const settings = settingsOf(definition, flags, terminal);
      const handover = await ask(host, settings, () => host.resign(settings));
      const sentence = `${told(handover, definition.id)}\n`;
      if (handover.outcome === "handedOver") {
        terminal.out(sentence);
        return 0;
      }
      terminal.err(sentence);
      return 1;
    },
  };
}

function told(handover: Handover, app: string): string {
  switch (handover.outcome) {
    case "handedOver":
      return `${handover.was} was master, ${handover.is} is.`;
    case "noSuccessor":
      return `${handover.was} stays master: no other worker of app ${app} may be.`;
    case "timedOut":
      return `${handover.was} has not handed over yet: it may be in a long tick. Ask again later.`;
    case "noMaster":
      return `App ${app} has no master: no worker may be, or has what is to run there.`;
    case "noWorker":
      return `No worker of app ${app} is running.`;
  }
}
