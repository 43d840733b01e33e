/** Where the toolkit's own lines go: one line an event, written for people. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** A logger that says nothing: the default of a program that only sends. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
