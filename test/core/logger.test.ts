import assert from "node:assert/strict";
import { test } from "node:test";
import { guarded, type LogFields, withFields } from "../../src/core/logger.ts";
import { settle } from "../worker/fakes.ts";

const nothing = { debug() {}, info() {}, warn() {}, error() {} };

function complaints() {
  const all: string[] = [];
  return { all, complain: (line: string) => all.push(line) };
}

test("a logger that throws, whatever it throws, ends nothing, and is told of once", () => {
  const { all, complain } = complaints();
  const logger = guarded({
    ...nothing,
    error() {
      throw Object.create(null);
    },
  }, complain);
  logger.error("first");
  logger.error("second");
  logger.info("fine");
  assert.deepEqual(all, ["The logger failed: {}. This line was lost, and others may be: first"]);
});

test("so does one whose promise is rejected, or whose then throws", async () => {
  const { all, complain } = complaints();
  const rejected = guarded({ ...nothing, error: () => Promise.reject(new Error("full")) }, complain);
  rejected.error("one");
  const then = () => {
    throw new Error("then");
  };
  const thenable = guarded({ ...nothing, warn: () => ({ then }) }, complain);
  thenable.warn("two");
  const hidden = guarded({ ...nothing, info: () => Object.defineProperty({}, "then", { get: then }) }, complain);
  hidden.info("three");
  await settle();
  assert.equal(all.length, 3);
  assert.deepEqual(all.map((line) => line.split(": ").at(-1)).sort(), ["one", "three", "two"]);
});

test("one that lacks a method loses a line and no more", () => {
  const { all, complain } = complaints();
  const logger = guarded({ ...nothing, debug: undefined } as unknown as typeof nothing, complain);
  logger.debug("lost");
  assert.match(all[0] ?? "", /This line was lost, and others may be: lost$/);
});

test("one that is a Proxy whose traps throw loses its lines and no more", () => {
  const { all, complain } = complaints();
  const logger = guarded(
    new Proxy(nothing, {
      get() {
        throw new Error("a trap");
      },
    }),
    complain,
  );
  logger.debug("lost");
  assert.match(all[0] ?? "", /a trap/);
});

test("it is called as a method, with the message and its fields", () => {
  const seen: unknown[] = [];
  const own = {
    ...nothing,
    lines: seen,
    info(this: { lines: unknown[] }, message: string, fields?: LogFields) {
      this.lines.push(message, fields);
    },
  };
  withFields(guarded(own, () => {}), { app: "shop" }).info("hello", { actor: "orders" });
  assert.deepEqual(seen, ["hello", { app: "shop", actor: "orders" }]);
});
