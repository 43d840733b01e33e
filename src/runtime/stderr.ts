import process from "node:process";

let heard = false;

/** A line on standard error, for what has nowhere else to go. Never throws, also when nobody reads it. */
export function writeError(line: string): void {
  try {
    if (!heard) process.stderr.on("error", () => {});
    heard = true;
    process.stderr.write(`${line}\n`);
  } catch {
    // There is nobody left to tell.
  }
}
