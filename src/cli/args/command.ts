import type { ArgsDef } from "citty";

/** A command: what it takes, and what it does; `flags` are those that were given, by their long names. */
export interface Command {
  readonly args: ArgsDef;
  /** Gives the exit code. */
  run(flags: Record<string, string | undefined>, words: readonly string[]): Promise<number>;
}

/** A command of a program. */
export interface ProgramCommand {
  readonly description: string;
  load(): Command | Promise<Command>;
}

/** A program of several commands, one of which needs no name. */
export interface Program {
  readonly name: string;
  readonly description: string;
  readonly commands: Readonly<Record<string, ProgramCommand>>;
  readonly fallback: string;
  /** What is typed before a command, as the help shows it. */
  readonly invocation?: string;
}
