import { closeSync, openSync, writeSync } from "node:fs";
import { createConsola, LogLevels } from "consola/core";
import { MephistoError, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";

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
  /** Where lines go. */
  write(line: string): void;
}

/** The toolkit's logger: one line an event. */
export interface WorkerLogger extends Logger {
  /** What ends the worker: written whatever the level; a bug's stack follows. */
  fatal(error: unknown): void;
}

/**
 * A logger over consola, whose level it sets, since consola says nothing under NODE_ENV=test, and whose joining of equal
 * lines it turns off, since each of ours is an event.
 */
export function makeLogger({ level, format, worker, write }: LogOptions): WorkerLogger {
  const lines = createConsola({
    level: LogLevels[level],
    throttle: 0,
    reporters: [{
      log: ({ type, date, args }) =>
        write(
          format === "json" ? jsonLine(date, type, String(args[0]), worker) : textLine(date, type, String(args[0])),
        ),
    }],
  });
  return {
    debug: (message) => lines.debug(message),
    info: (message) => lines.info(message),
    warn: (message) => lines.warn(message),
    error: (message) => lines.error(message),
    fatal(error) {
      const stack = error instanceof MephistoError || !(error instanceof Error) ? undefined : error.stack;
      const now = new Date();
      if (format === "json") write(jsonLine(now, "error", messageOf(error), worker, stack));
      else write(textLine(now, "error", messageOf(error)) + (stack === undefined ? "" : `${stack}\n`));
    },
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

function jsonLine(date: Date, level: string, message: string, worker: string, stack?: string): string {
  const event = { time: date.toISOString(), level, message, worker, ...(stack === undefined ? {} : { stack }) };
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
  switch ((error as { code?: unknown } | null)?.code) {
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
