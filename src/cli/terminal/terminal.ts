import process from "node:process";
import { variable, variableNames, variables } from "../../runtime/env.ts";

/** What a command line reads and where it writes; a test brings its own. */
export interface Terminal {
  /** The words after the script's name. */
  readonly words: readonly string[];
  /** Whether the output may be coloured: it goes to a person, who has not said no. */
  readonly colours: boolean;
  /** The same of what goes to `err`. */
  readonly errColours: boolean;
  variables(names: readonly string[]): Record<string, string | undefined>;
  /** The names of the environment variables that begin so. */
  variableNames(prefix: string): readonly string[];
  /** Results: what a pipe is to get. */
  out(text: string): void;
  /** The toolkit's own lines and errors. */
  err(text: string): void;
  /** Resolves when what was written has gone out. Rejects when nobody reads it any more. */
  drained(): Promise<void>;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** The process's own. */
export function terminal(): Terminal {
  const [out, err] = [writer(process.stdout), writer(process.stderr)];
  return {
    words: process.argv.slice(2),
    colours: coloured(process.stdout),
    errColours: coloured(process.stderr),
    variables,
    variableNames,
    out: (text) => out.write(text),
    err: (text) => err.write(text),
    drained: () => Promise.all([out.drained(), err.drained()]).then(() => {}),
    exit: (code) => process.exit(code),
  };
}

/** https://no-color.org: set to anything but nothing. */
function coloured(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && variable("NO_COLOR") === undefined;
}

/** Streams whose errors are heard. */
const heard = new WeakSet<NodeJS.WriteStream>();

/**
 * Writes, and knows when the last of it has gone out. By the callback of the write itself: on Bun a stream says neither
 * that it is full nor that it has drained.
 */
function writer(stream: NodeJS.WriteStream): { write(text: string): void; drained(): Promise<void> } {
  // A reader that has gone away must not end a worker before it has left its group. Once a stream, however many apps there
  // are in the process: from the eleventh listener on runtimes warn of a leak.
  if (!heard.has(stream)) stream.on("error", () => {});
  heard.add(stream);
  let last: Promise<Error | null | undefined> = Promise.resolve(null);
  return {
    write(text) {
      last = new Promise((resolve) => stream.write(text, resolve));
    },
    async drained() {
      const error = await last;
      if (error) throw error;
    },
  };
}
