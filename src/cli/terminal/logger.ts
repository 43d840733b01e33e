import { closeSync, openSync, writeSync } from "node:fs";
import { createConsola, LogLevels } from "consola/core";
import { codeOf, isMephistoError, MephistoError, messageOf, stackOf } from "../../core/errors.ts";
import { codeField, guarded, type LogFields, type Logger, withFields } from "../../core/logger.ts";

/** From the most to the least. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** How a worker's own lines are written. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Goes into each line of JSON. */
  readonly worker: string;
  /** Goes into each line of JSON, if there is one. */
  readonly app?: string;
  /** Whether what is said of ordinary life is for those only who debug. */
  readonly brief?: boolean;
  /** Where lines go. */
  write(line: string): void;
}

type Fields = (LogFields & { readonly stack?: string | undefined }) | undefined;

/** The toolkit's logger: one line an event. */
export interface WorkerLogger extends Logger {
  /** What ends the worker: written whatever the level; a bug's stack follows. `sentence`: if it is not the error's own. */
  fatal(error: unknown, sentence?: string, fields?: LogFields): void;
}

/**
 * A logger over consola, whose level it sets, since consola says nothing under NODE_ENV=test, and whose joining of equal
 * lines it turns off, since each of ours is an event.
 */
export function makeLogger({ level, format, worker, app, brief = false, write }: LogOptions): WorkerLogger {
  const json = (date: Date, type: string, message: string, fields: Fields) =>
    jsonLine({ time: date.toISOString(), level: type, message, worker, app, ...fields });
  const lines = createConsola({
    level: LogLevels[level],
    throttle: 0,
    reporters: [{
      log: ({ type, date, args: [message, fields] }) =>
        write(
          format === "json" ? json(date, type, String(message), fields) : textLine(date, type, String(message)),
        ),
    }],
  });
  return {
    debug: (message, fields) => lines.debug(message, fields),
    info: (message, fields) => lines[brief && fields?.routine ? "debug" : "info"](message, fields),
    warn: (message, fields) => lines.warn(message, fields),
    error: (message, fields) => lines.error(message, fields),
    fatal(error, sentence = messageOf(error), fields = {}) {
      const stack = isMephistoError(error) ? undefined : stackOf(error);
      const now = new Date();
      if (format === "json") write(json(now, "error", sentence, { ...fields, ...codeField(error), stack }));
      else write(textLine(now, "error", sentence) + (stack === undefined ? "" : `${stack}\n`));
    },
  };
}

/** The program's own logger, which decides by itself what it keeps; nothing ends when it throws. */
export function loggerOf(own: Logger, app: string, complain: (line: string) => void): WorkerLogger {
  const logger = withFields(guarded(own, (line) => complain(`${line}\n`)), { app });
  return {
    ...logger,
    fatal: (error, sentence = messageOf(error), fields = {}) =>
      logger.error(sentence, { ...fields, ...codeField(error) }),
  };
}

/** A file that lines are appended to. */
export interface LogFile {
  write(line: string): void;
  close(): void;
}

/** Opens a log file. A line that cannot be written, as when the disk is full, is lost; the first one is told. */
export function openLogFile(path: string, from: string, complain: (line: string) => void): LogFile {
  let file: number;
  try {
    file = openSync(path, "a");
  } catch (cause) {
    throw new MephistoError("INVALID_OPTION", `${from}: ${JSON.stringify(path)} cannot be written: ${reason(cause)}.`, {
      cause,
    });
  }
  let complained = false;
  return {
    write(line) {
      try {
        writeSync(file, line);
      } catch (error) {
        if (!complained) complain(`${from}: ${JSON.stringify(path)} cannot be written: ${messageOf(error)}\n`);
        complained = true;
      }
    },
    close: () => closeSync(file),
  };
}

function textLine(date: Date, level: string, message: string): string {
  return `${date.toISOString()} ${level.padEnd(5)} ${visible(message)}\n`;
}

function jsonLine(event: object): string {
  return JSON.stringify(event).replace(CONTROL, unicode) + "\n";
}

/** Control characters, and those that turn the direction of text: with them a message could forge a line. */
// deno-lint-ignore no-control-regex -- that is what it is for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

function visible(message: string): string {
  return message.replaceAll("\r", "\\r").replaceAll("\n", "\\n").replaceAll("\t", "\\t").replace(CONTROL, unicode);
}

function unicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function reason(error: unknown): string {
  switch (codeOf(error)) {
    case "ENOENT":
      return "its folder does not exist, so create it first";
    case "EACCES":
    case "EPERM":
      return "this user may not";
    case "EISDIR":
      return "it is a folder";
    default:
      return messageOf(error);
  }
}
