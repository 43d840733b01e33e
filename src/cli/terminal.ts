import process from "node:process";
import { variable, variables } from "../runtime/env.ts";

/** What a command line reads and where it writes; a test brings its own. */
export interface Terminal {
  /** The words after the script's name. */
  readonly words: readonly string[];
  /** Whether the output may be coloured: it goes to a person, who has not said no. */
  readonly colours: boolean;
  variables(names: readonly string[]): Record<string, string | undefined>;
  /** Results: what a pipe is to get. */
  out(text: string): void;
  /** The toolkit's own lines and errors. */
  err(text: string): void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** The process's own. */
export function terminal(): Terminal {
  return {
    words: process.argv.slice(2),
    // https://no-color.org: set to anything but nothing
    colours: process.stdout.isTTY === true && variable("NO_COLOR") === undefined,
    variables,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    exit: (code) => process.exit(code),
  };
}
