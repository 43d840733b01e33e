import { type CommandDef, runCommand } from "citty";
import { isMephistoError, messageOf, stackOf } from "../../core/errors.ts";
import { versionLine } from "../about.ts";
import { suggestion } from "../../core/nearest.ts";
import { checkVariables, PREFIX } from "../../worker/variables.ts";
import type { Command, Program, ProgramCommand } from "./command.ts";
import { isFlag, isUsageError, normalise, UsageError } from "./parse.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { commandUsage, programUsage } from "./usage.ts";

/**
 * Runs the command that the words name and gives the exit code: 2 for a command line or a setting that makes no sense, 1
 * for whatever else goes wrong.
 */
export async function dispatch(program: Program, terminal: Terminal): Promise<number> {
  try {
    return await choose(program, terminal);
  } catch (error) {
    return explain(error, terminal);
  }
}

async function choose(program: Program, terminal: Terminal): Promise<number> {
  const { words } = terminal;
  const end = words.indexOf("--");
  const own = end < 0 ? words : words.slice(0, end);
  if (own.includes("--version") || own.includes("-V")) {
    terminal.out(versionLine() + "\n");
    return 0;
  }
  const first = words[0] !== undefined && !isFlag(words[0]) ? words[0] : undefined;
  const rest = first === undefined ? words : words.slice(1);
  const wantsHelp = own.includes("--help") || own.includes("-h");
  if (first === "help" || (first === undefined && wantsHelp)) {
    const about = first === "help" ? rest.find((word) => !isFlag(word)) : undefined;
    terminal.out(await usage(program, about, terminal));
    return 0;
  }
  const name = first ?? program.fallback;
  const { description, load } = commandOf(program, name);
  if (wantsHelp) {
    terminal.out(await usage(program, name, terminal));
    return 0;
  }
  checkVariables(terminal.variableNames(PREFIX));
  const command = await load();
  const { result } = await runCommand(cittyCommand(name, description, command), {
    rawArgs: normalise(rest, command.args),
  });
  return typeof result === "number" ? result : 0;
}

function commandOf(program: Program, name: string): ProgramCommand {
  const command = Object.hasOwn(program.commands, name) ? program.commands[name] : undefined;
  if (command) return command;
  const known = [...Object.keys(program.commands), "help"];
  throw new UsageError(`Unknown command ${JSON.stringify(name)}.${suggestion(name, known)}`);
}

function cittyCommand(name: string, description: string, command: Command): CommandDef {
  return {
    meta: { name, description },
    args: command.args,
    run: ({ args, rawArgs }) => {
      const given = Object.keys(command.args).map((
        flag,
      ) => [flag, args[flag] === undefined ? args[flag] : `${args[flag]}`]);
      return command.run(Object.fromEntries(given), rawArgs);
    },
  };
}

async function usage(program: Program, about: string | undefined, { colours }: Terminal): Promise<string> {
  const bold = (text: string) => colours ? `\x1b[1m${text}\x1b[22m` : text;
  if (about === undefined) return programUsage(program, bold);
  const { description, load } = commandOf(program, about);
  const { args } = await load();
  return commandUsage(about, { description, args }, bold, program.invocation);
}

/** One sentence for what a person can put right; the stack too for what is a bug. */
function explain(error: unknown, terminal: Terminal): number {
  if (isMephistoError(error)) {
    terminal.err(`${messageOf(error)}\n`);
    return error.code.startsWith("INVALID_") ? 2 : 1;
  }
  if (isUsageError(error)) {
    terminal.err(`${error.message} See --help.\n`);
    return 2;
  }
  terminal.err(`${stackOf(error) ?? messageOf(error)}\n`);
  return 1;
}
