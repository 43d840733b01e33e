import type { ArgsDef } from "citty";
import type { Command, Program, ProgramCommand } from "./command.ts";
import { table } from "../terminal/table.ts";

/** What `--help` shows of a script; citty's own is aligned for short names. */
export function programUsage(
  { name, description, commands, fallback }: Program,
  bold: (text: string) => string,
): string {
  const rows = Object.entries(commands).map(([command, { description }]) => [
    `  ${command}`,
    description + (command === fallback ? " (when none is named)" : ""),
  ]);
  return `${name}: ${description}\n\n${bold("Usage:")} <this script> [command] [flags]\n\n` +
    `${bold("Commands:")}\n${table(rows)}\n` +
    `--help after a command shows its flags; --version shows the toolkit's and the runtime's.\n`;
}

/** What `<command> --help` shows. */
export function commandUsage(
  name: string,
  { description, args }: Pick<ProgramCommand, "description"> & Pick<Command, "args">,
  bold: (text: string) => string,
  invocation = "<this script>",
): string {
  const words: string[][] = [];
  const flags: string[][] = [];
  const synopsis: string[] = [];
  for (const [argument, definition] of Object.entries(args)) {
    if (definition.type === "positional") {
      synopsis.push(`<${argument}>`);
      words.push([`  <${argument}>`, definition.description ?? ""]);
    } else flags.push([flagForm(argument, definition), definition.description ?? ""]);
  }
  return `${description}\n\n${bold("Usage:")} ${invocation} ${[name, ...synopsis, "[flags]"].join(" ")}\n` +
    (words.length > 0 ? `\n${bold("Arguments:")}\n${table(words)}` : "") +
    (flags.length > 0 ? `\n${bold("Flags:")}\n${table(flags)}` : "");
}

function flagForm(name: string, definition: ArgsDef[string]): string {
  const alias = "alias" in definition && typeof definition.alias === "string" ? `-${definition.alias}, ` : "    ";
  const value = definition.type === "boolean" ? "" : ` <${definition.valueHint ?? name}>`;
  // What is on by default is shown as it is turned off.
  const no = definition.type === "boolean" && definition.default === true ? "no-" : "";
  return `  ${alias}--${no}${name}${value}`;
}
