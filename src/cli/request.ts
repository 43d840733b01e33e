import { suggestion } from "../core/nearest.ts";
import { isFlag, UsageError } from "./args/parse.ts";
import { COMMANDS } from "./commands.ts";
import { RUNTIMES } from "./launch/launch.ts";

/** What `mephisto …` asks for. */
export type Request =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "broker"; readonly words: string[]; readonly runtime: string | undefined }
  | { readonly kind: "run"; readonly script: string; readonly words: string[]; readonly runtime: string | undefined };

/** Reads `<command> <script> [flags] [--runtime bun|deno|node]`, or `broker [flags]`; the script reads the rest. */
export function readRequest(words: readonly string[]): Request {
  const { own, runtime } = takeRuntime(words);
  const [command, script, ...rest] = own;
  if (command === "--version" || command === "-V") return { kind: "version" };
  if (command === undefined || command === "help" || command === "--help" || command === "-h") return { kind: "help" };
  if (/\.[cm]?[jt]sx?$/.test(command)) {
    throw new UsageError(`Say the command first: mephisto worker ${command}.`);
  }
  if (!Object.hasOwn(COMMANDS, command)) {
    throw new UsageError(
      `Unknown ${isFlag(command) ? "flag" : "command"} ${JSON.stringify(command)}.${
        suggestion(command, Object.keys(COMMANDS))
      }`,
    );
  }
  // It needs no script.
  if (command === "broker") return { kind: "broker", words: own.slice(1), runtime };
  if (script === "--help" || script === "-h") return { kind: "help" };
  if (script === undefined || isFlag(script)) {
    throw new UsageError(`Which script? The command is followed by its file: mephisto ${command} <script.ts> [flags].`);
  }
  // `dev` runs its workers on several: the list is the script's to read.
  if (command === "dev" && runtime !== undefined) {
    return { kind: "run", script, words: [command, `--runtime=${runtime}`, ...rest], runtime: undefined };
  }
  return { kind: "run", script, words: [command, ...rest], runtime };
}

function takeRuntime(words: readonly string[]): { own: string[]; runtime: string | undefined } {
  const own: string[] = [];
  let runtime: string | undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "--") {
      own.push(...words.slice(index));
      break;
    }
    if (word === "--runtime") {
      runtime = words[++index];
      if (runtime === undefined) throw new UsageError(`--runtime needs a value: ${RUNTIMES.join(", ")}.`);
    } else if (word.startsWith("--runtime=")) runtime = word.slice("--runtime=".length);
    else own.push(word);
  }
  return { own, runtime };
}
