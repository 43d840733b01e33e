import process from "node:process";

/** How something that was thrown came to nobody: outside of all code that waits for it, or in a promise. */
export type Uncaught = "exception" | "rejection";

/**
 * Calls `listener` with each exception that nobody catches and each rejection that nobody handles, which end the process no
 * longer then: the same on Node, Bun and Deno. A program that listens for them itself decides itself. Gives what takes the
 * listener away.
 */
export function onUncaught(listener: (thrown: unknown, how: Uncaught) => void): () => void {
  const exception = (thrown: unknown) => {
    if (process.listenerCount("uncaughtException") === 1) listener(thrown, "exception");
  };
  const rejection = (thrown: unknown) => {
    if (process.listenerCount("unhandledRejection") === 1) listener(thrown, "rejection");
  };
  process.on("uncaughtException", exception);
  process.on("unhandledRejection", rejection);
  return () => {
    process.off("uncaughtException", exception);
    process.off("unhandledRejection", rejection);
  };
}
