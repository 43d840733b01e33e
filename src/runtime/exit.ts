import process from "node:process";

/** How long code that runs after `main()` has before the process is ended. */
const EXIT_GRACE_MS = 2000;

/**
 * Lets the process end with this exit code. It ends by itself as soon as nothing is open any more; if the program keeps
 * something open, it is ended two seconds later.
 */
export function finish(code: number): void {
  process.exitCode = code;
  setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();
}
