/** The commands of a script and of `mephisto`, with what `--help` says of each. Each has a file of its name in `commands/`. */
export const COMMANDS = {
  worker: "Runs a worker",
  dev: "Runs a broker for development, and several workers on it",
  broker: "Runs a broker for development, which speaks Kafka's protocol",
  send: "Sends one message to an actor",
  timers: "Shows what the timers have done, and their next slots",
  resign: "Has the master hand over to another worker",
  list: "Lists the actors, timers and tasks of this script",
} as const;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);
