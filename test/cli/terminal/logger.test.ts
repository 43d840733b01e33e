import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  LOG_LEVELS,
  type LogFormat,
  loggerOf,
  type LogLevel,
  makeLogger,
  openLogFile,
} from "../../../src/cli/terminal/logger.ts";
import { MephistoError } from "../../../src/core/errors.ts";

function recorded(level: LogLevel, format: LogFormat = "text") {
  const lines: string[] = [];
  const logger = makeLogger({ level, format, worker: "box-1-abcd", write: (line) => lines.push(line) });
  return { lines, logger };
}

test("a line of text has time, level and message", () => {
  const { lines, logger } = recorded("info");
  logger.warn("careful");
  assert.match(lines.join(""), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn {2}careful\n$/);
});

test("a line of JSON has time, level, message and worker", () => {
  const { lines, logger } = recorded("info", "json");
  logger.info("hello");
  const { time, ...rest } = JSON.parse(lines.join(""));
  assert.deepEqual(rest, { level: "info", message: "hello", worker: "box-1-abcd" });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
});

test("each level tells itself and what is worse, under NODE_ENV=test too", () => {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = "test";
  try {
    const told = LOG_LEVELS.map((level) => {
      const { lines, logger } = recorded(level);
      for (const method of ["debug", "info", "warn", "error"] as const) logger[method](method);
      return lines.length;
    });
    assert.deepEqual(told, [4, 3, 2, 1, 0]);
  } finally {
    if (before === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = before;
  }
});

test("equal lines are not joined: each is an event", () => {
  const { lines, logger } = recorded("info");
  for (let index = 0; index < 20; index++) logger.info("again");
  assert.equal(lines.length, 20);
});

test("a message cannot forge a line", () => {
  const evil = "a\nb\r\tc\u001b[2Jd\u009be\u2028f\u202eg";
  const text = recorded("info");
  text.logger.info(evil);
  assert.ok(text.lines.join("").endsWith(" a\\nb\\r\\tc\\u001b[2Jd\\u009be\\u2028f\\u202eg\n"));
  const json = recorded("info", "json");
  json.logger.info(evil);
  const line = json.lines.join("");
  assert.equal(JSON.parse(line).message, evil);
  // deno-lint-ignore no-control-regex -- that is what is looked for
  assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u0080-\u009f\u2028\u202e]/);
});

test("what ends the worker is told at any level; a bug's stack with it, and no other", () => {
  const { lines, logger } = recorded("silent");
  logger.fatal(new MephistoError("PROTOCOL", "The group is gone."));
  logger.fatal(new TypeError("a bug"));
  const [mine = "", bug = ""] = lines;
  assert.match(mine, /error The group is gone\.\n$/);
  assert.match(bug, /error a bug\n/);
  assert.match(bug, /logger\.test\.ts/);
  const json = recorded("silent", "json");
  json.logger.fatal(new TypeError("a bug"));
  assert.match(JSON.parse(json.lines.join("")).stack, /logger\.test\.ts/);
});

test("a log file is appended to", () => {
  const folder = mkdtempSync(join(tmpdir(), "mephisto-log-"));
  try {
    const path = join(folder, "worker.log");
    for (const line of ["one\n", "two\n"]) {
      const file = openLogFile(path, "--logfile", () => {});
      file.write(line);
      file.close();
    }
    assert.equal(readFileSync(path, "utf8"), "one\ntwo\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a log file that cannot be opened is a clear error", () => {
  assert.throws(
    () => openLogFile("/no/such/folder/x.log", "MEPHISTO_LOGFILE", () => {}),
    (error) =>
      error instanceof MephistoError &&
      error.message === 'MEPHISTO_LOGFILE: "/no/such/folder/x.log" cannot be written: ' +
          "its folder does not exist, so create it first.",
  );
  assert.throws(() => openLogFile(tmpdir(), "--logfile", () => {}), /it is a folder/);
});

test("the fields of a line are in its JSON, and an error's code", () => {
  const lines: string[] = [];
  const logger = makeLogger({
    level: "info",
    format: "json",
    worker: "w",
    app: "shop",
    write: (line) => lines.push(line),
  });
  logger.error("no", { actor: "orders", topic: "shop-orders", partition: 3, offset: 7, code: "DECODE_FAILED" });
  logger.fatal(new MephistoError("PROTOCOL", "The group is gone."));
  const [line, fatal] = lines.map((text) => JSON.parse(text));
  assert.deepEqual([line.app, line.actor, line.topic, line.partition, line.offset, line.code], [
    "shop",
    "orders",
    "shop-orders",
    3,
    7,
    "DECODE_FAILED",
  ]);
  assert.deepEqual([fatal.app, fatal.code], ["shop", "PROTOCOL"]);
});

test("what ends the worker is told whatever it is", () => {
  const { lines, logger } = recorded("silent");
  logger.fatal(Object.create(null));
  logger.fatal(Object.defineProperty(new Error("plain"), "stack", { value: [] }));
  assert.equal(lines.length, 2);
  assert.match(lines.join(""), / error \{\}\n.* error plain\n/);
});

test("a program's own logger that throws ends nothing, and is told of once", () => {
  const complaints: string[] = [];
  const error = () => {
    throw Object.create(null);
  };
  const logger = loggerOf({ debug() {}, info() {}, warn() {}, error }, "shop", (line) => complaints.push(line));
  logger.fatal(new Error("over"));
  logger.error("again");
  assert.deepEqual(complaints, ["The logger failed: {}. This line was lost, and others may be: over\n"]);
});
