import process from "node:process";
import { variable, variables } from "../runtime/env.ts";

/** What a command line reads and where it writes; a test brings its own. */
export interface Terminal {
  /** The words after the script's name. */
  readonly words: readonly string[];
  /** Whether the output may be coloured: it goes to a person, who has not said no. */
  readonly colours: boolean;
  /** The same of what goes to `err`. */
  readonly errColours: boolean;
  variables(names: readonly string[]): Record<string, string | undefined>;
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
  // A reader that has gone away must not end a worker before it has left its group.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  return {
    words: process.argv.slice(2),
    colours: coloured(process.stdout),
    errColours: coloured(process.stderr),
    variables,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    drained: () => Promise.all([process.stdout, process.stderr].map(room)).then(() => {}),
    exit: (code) => process.exit(code),
  };
}

/** https://no-color.org: set to anything but nothing. */
function coloured(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && variable("NO_COLOR") === undefined;
}

function room(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.errored) return Promise.reject(stream.errored ?? new Error("Nobody reads."));
  if (!stream.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const over = (error?: unknown) => {
      stream.off("drain", over);
      stream.off("error", over);
      stream.off("close", over);
      if (error === undefined) resolve();
      else reject(error);
    };
    stream.on("drain", over);
    stream.on("error", over);
    stream.on("close", over);
  });
}
