/** What the tests of this floor hand in: an app that is never run, clocks that stand still, a logger that remembers. */
import { type App, type AppDefinition, definitionOf } from "../../src/core/definition.ts";
import { app, setRuntime } from "../../src/core/app.ts";
import type { AppOptions } from "../../src/core/app-options.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { ErrorCode, MephistoError } from "../../src/core/errors.ts";
import type { LogFields, Logger } from "../../src/core/logger.ts";
import { Supervisor, type SupervisorParts } from "../../src/core/supervisor.ts";
import type { Serializer, SerializerSpec } from "../../src/core/serializer.ts";

/** An app of these options, with a runtime that notes what it is asked for. */
export function fakeApp(
  options: AppOptions<"raw" | "text" | "json", SerializerSpec> = {},
  id = "shop",
): { shop: App<"raw" | "text" | "json", SerializerSpec>; definition: AppDefinition; asked: string[] } {
  const asked: string[] = [];
  const note = (what: string) => () => {
    asked.push(what);
    return Promise.resolve();
  };
  setRuntime(() => ({
    send: (actor, { value }) => note(`send ${actor.name} ${JSON.stringify(value)}`)(),
    main: note("main"),
    start: note("start"),
    stop: note("stop"),
  }));
  const shop = app(id, options);
  return { shop, definition: definitionOf(shop), asked };
}

/** For `assert.throws` and `assert.rejects`: an error of this code whose sentence matches. */
export function coded(code: ErrorCode, sentence = /./): (error: unknown) => boolean {
  return (error) => {
    const { name, code: found, message } = error as MephistoError;
    if (name === "MephistoError" && found === code && sentence.test(message)) return true;
    throw new Error(`not ${code} ${sentence}: ${error}`, { cause: error });
  };
}

/** Looks after loops; `ended`: what made it end the worker. */
export function supervisorOf(parts: Omit<SupervisorParts, "failed">): Supervisor & { readonly ended: MephistoError[] } {
  const ended: MephistoError[] = [];
  return Object.assign(new Supervisor({ ...parts, failed: (error) => ended.push(error) }), { ended });
}

/** Clocks that stand still until they are told to move. */
export class StillClock implements Clock {
  /** `boot`: missing where it cannot be asked. */
  at: { monotonic: number; wall: number; boot?: number };

  constructor(monotonic = 1000, wall = Date.UTC(2026, 0, 1)) {
    this.at = { monotonic, wall };
  }

  monotonic(): number {
    return this.at.monotonic;
  }

  wall(): number {
    return this.at.wall;
  }

  boot(): number | undefined {
    return this.at.boot;
  }

  /** Time passes on all. */
  pass(ms: number): void {
    const { monotonic, wall, boot } = this.at;
    this.at = { monotonic: monotonic + ms, wall: wall + ms, ...(boot !== undefined && { boot: boot + ms }) };
  }
}

/** A logger that keeps its lines as `level: message`. */
export class Lines implements Logger {
  readonly all: string[] = [];
  readonly fields: (LogFields | undefined)[] = [];
  /** The next line that matches throws, once: a fault of ours in the loop that logs it. */
  breakAt: RegExp | undefined;

  debug(message: string, fields?: LogFields): void {
    this.#add(`debug: ${message}`, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#add(`info: ${message}`, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#add(`warn: ${message}`, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#add(`error: ${message}`, fields);
  }

  #add(line: string, fields: LogFields | undefined): void {
    this.all.push(line);
    this.fields.push(fields);
    if (!this.breakAt?.test(line)) return;
    this.breakAt = undefined;
    throw new TypeError("undefined is not a function");
  }

  /** Those that match. */
  of(pattern: RegExp): string[] {
    return this.all.filter((line) => pattern.test(line));
  }
}

/** Numbers as four bytes, and nothing else. */
export const numbers: Serializer<number> = {
  encode(value) {
    if (typeof value !== "number") throw new TypeError("no number");
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value);
    return bytes;
  },
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0),
};
