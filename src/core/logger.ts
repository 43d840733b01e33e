import { codeOf, describeThrown } from "./describe.ts";

/** What a line is about, for programs that read logs: each is there where it is known. */
export interface LogFields {
  /** The app's id. */
  readonly app?: string | undefined;
  readonly actor?: string | undefined;
  readonly timer?: string | undefined;
  readonly task?: string | undefined;
  /** The slot of a timer's run: `2026-12-01T08:00:00.000Z`. */
  readonly slot?: string | undefined;
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  readonly offset?: number | undefined;
  /** The stable code of the error that the line tells of: an `ErrorCode`, or the runtime's (`ECONNREFUSED`). */
  readonly code?: string | undefined;
  /** That it is said of a worker's ordinary life: what it is, joins, partitions that move. `--brief` leaves it out. */
  readonly routine?: boolean | undefined;
}

/** How often the same is logged again while it lasts. */
export const REPEAT_LOG_MS = 60_000;

/** What lines of ordinary life carry. */
export const ROUTINE: LogFields = { routine: true };

/**
 * Where the toolkit's own lines go: one line an event, written for people. The message says all by itself; a logger that
 * takes nothing but a message will do. What it throws, or what its promise is rejected with, ends nothing.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A logger that says nothing: the default of a program that only sends. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The field `code` of whatever was thrown, if it has one. */
export function codeField(thrown: unknown): Pick<LogFields, "code"> {
  const code = codeOf(thrown);
  return code === undefined ? {} : { code };
}

/** A logger that adds these fields to each line; a line's own come before. */
export function withFields(logger: Logger, common: LogFields): Logger {
  return eachLevel((level) => (message, fields) => logger[level](message, { ...common, ...fields }));
}

/**
 * The program's own logger, which may throw, reject, or lack a method: nothing of ours ends by it. `complain` gets the
 * first line that was lost, and why.
 */
export function guarded(logger: Logger, complain: (line: string) => void): Logger {
  let complained = false;
  const lost = (message: string, error: unknown) => {
    if (complained) return;
    complained = true;
    complain(`The logger failed: ${describeThrown(error)}. This line was lost, and others may be: ${message}`);
  };
  return eachLevel((level) => (message, fields) => {
    try {
      const result: unknown = logger[level](message, fields);
      if (typeof result === "object" && result !== null && "then" in result) {
        Promise.resolve(result).catch((error: unknown) => lost(message, error));
      }
    } catch (error) {
      lost(message, error);
    }
  });
}

function eachLevel(make: (level: keyof Logger) => (message: string, fields?: LogFields) => void): Logger {
  return { debug: make("debug"), info: make("info"), warn: make("warn"), error: make("error") };
}
