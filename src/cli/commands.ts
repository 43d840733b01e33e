import type { Command } from "./args/command.ts";
import type { Host, ScriptDefinition } from "./host.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** A command of a script: what `--help` says of it, and what makes it, which is loaded only when it is asked for. */
interface ScriptCommand {
  readonly description: string;
  load(): Promise<(definition: ScriptDefinition, host: Host, terminal: Terminal) => Command>;
}

/** The commands of a script and of `mephisto`. */
export const COMMANDS: Readonly<Record<string, ScriptCommand>> = {
  worker: {
    description: "Runs a worker",
    load: async () => (await import("./commands/worker.ts")).workerCommand,
  },
  dev: {
    description: "Runs a broker for development, and several workers on it",
    load: async () => (await import("./commands/dev.ts")).devCommand,
  },
  broker: {
    description: "Runs a broker for development, which speaks Kafka's protocol",
    load: async () => (await import("./commands/broker.ts")).scriptBrokerCommand,
  },
  send: {
    description: "Sends one message to an actor",
    load: async () => (await import("./commands/send.ts")).sendCommand,
  },
  timers: {
    description: "Shows what the timers have done, and their next slots",
    load: async () => (await import("./commands/timers.ts")).timersCommand,
  },
  resign: {
    description: "Has the master hand over to another worker",
    load: async () => (await import("./commands/resign.ts")).resignCommand,
  },
  list: {
    description: "Lists the actors, timers and tasks of this script",
    load: async () => (await import("./commands/list.ts")).listCommand,
  },
};
