import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import {
  codeOf,
  describeThrown,
  describeValue,
  isMephistoError,
  MephistoError,
  messageOf,
  stackOf,
} from "../../src/core/errors.ts";

const throws = () => {
  throw new Error("a trap");
};
const traps = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, throws]));

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function cyclic(): Error {
  const error = new Error("round");
  error.cause = new Error("and round", { cause: error });
  return error;
}

function withGetters(names: readonly string[]): Error {
  const error = new Error("plain");
  for (const name of names) Object.defineProperty(error, name, { get: throws });
  return error;
}

function long(): Error {
  const error = new Error("x".repeat(1_000_000));
  error.stack = `Error\n    at ${"y".repeat(1_000_000)}`;
  return error;
}

/** What a program may throw, with what is said of it. */
const HOSTILE: Record<string, [thrown: unknown, words: RegExp]> = {
  "no prototype": [Object.create(null), /^\{\}$/],
  "no prototype, with a message": [Object.assign(Object.create(null), { message: "m", stack: "s" }), /^m$/],
  "a Proxy whose traps throw": [new Proxy({}, traps), /^an object that cannot be read$/],
  "a Proxy of an error whose traps throw": [new Proxy(new Error("x"), traps), /^an object that cannot be read$/],
  "a Proxy of a function whose traps throw": [new Proxy(() => {}, traps), /^a function$/],
  "a revoked Proxy": [revoked(), /^an object that cannot be read$/],
  "a message that is an object": [
    Object.assign(new Error(), { message: { status: 500 } }),
    /^\{ status: 500 \}/,
  ],
  "a message that throws": [withGetters(["message"]), /^Error without a message/],
  "everything throws": [
    withGetters(["message", "stack", "name", "cause", "errors", "toString", "constructor", "code"]),
    /^an error without a message$/,
  ],
  "a stack that is no text": [Object.defineProperty(new Error("plain"), "stack", { value: [] }), /^plain$/],
  "a toString that throws": [
    { toString: throws, a: 1 },
    /^\{ a: 1, toString: function throws \}$|^\{ toString: function throws, a: 1 \}$/,
  ],
  "a toString that gives no text": [{ toString: () => ({}) }, /^\{ toString: function toString \}$/],
  "a toPrimitive that throws": [{ [Symbol.toPrimitive]: throws, a: 1 }, /^\{ a: 1 \}$/],
  "a tag that throws": [{
    get [Symbol.toStringTag]() {
      return throws();
    },
    a: 1,
  }, /^\{ a: 1 \}$/],
  "a huge text": ["z".repeat(10_000_000), /^z{2000}…$/],
  "a huge error": [long(), /^x{2000}…/],
  "a huge list": [Array.from({ length: 1_000_000 }, (_, index) => index), /^\[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …\]$/],
  "many bytes": [new Uint8Array(5_000_000), /^Uint8Array\(5000000\)$/],
  "causes in a circle": [cyclic(), /^round: and round/],
  "an error of another realm": [runInNewContext("new TypeError('abroad')"), /^abroad/],
  "several errors": [new AggregateError([new Error("one"), "two"], "all failed"), /^all failed: one; two/],
  "several errors and no message": [new AggregateError([new Error("one"), new Error("two")]), /^one; two/],
  "errors that cannot be listed": [Object.assign(new Error("m"), { errors: new Proxy([], traps) }), /^m/],
  "an empty error": [new TypeError(), /^TypeError without a message/],
  "undefined": [undefined, /^undefined$/],
  "null": [null, /^null$/],
  "a symbol": [Symbol("s"), /^Symbol\(s\)$/],
  "a function": [function charge() {}, /^function charge$/],
  "a class": [class Order {}, /^function Order$/],
  "a bigint": [5n, /^5$/],
  "a text": ["no error at all", /^no error at all$/],
  "an object": [
    { status: 500, body: { deep: { deeper: 1 } }, "a-b": "c" },
    /^\{ status: 500, body: \{ deep: \{…\} \}, "a-b": "c" \}$/,
  ],
  "a getter that throws": [{
    get a() {
      return throws();
    },
  }, /^\{ a: … \}$/],
  "a date": [new Date("2026-01-01T00:00:00Z"), /2026/],
  "a date that is none": [new Date(NaN), /^Invalid Date$/],
  "an address": [new URL("http://a.example/"), /^http:\/\/a\.example\/$/],
  "a map": [new Map([[1, 2]]), /^Map\(1\)$/],
};

for (const [what, [thrown, words]] of Object.entries(HOSTILE)) {
  test(`${what} is described, and nothing throws`, () => {
    assert.match(describeThrown(thrown), words);
    assert.match(`${messageOf(thrown)} `.replace(/ $/, ""), /./);
    assert.ok(describeThrown(thrown).length < 5000);
    assert.ok(messageOf(thrown).length < 2100);
    assert.ok(describeValue(thrown).length < 2100);
    assert.ok((stackOf(thrown) ?? "").length < 20_100);
    assert.ok(["string", "undefined"].includes(typeof codeOf(thrown)));
    assert.equal(isMephistoError(thrown), false);
  });
}

test("a cause is told, and not twice", () => {
  const failed = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:1") });
  assert.match(describeThrown(failed), /^fetch failed: connect ECONNREFUSED 127\.0\.0\.1:1 \(at /);
  assert.match(describeThrown(new Error("A: b.", { cause: new Error("b") })), /^A: b\. \(at /);
});

test("an error of ours is known, and what is around it is not", () => {
  const error = new MephistoError("STOPPED", "Over.");
  assert.equal(isMephistoError(error), true);
  assert.equal(isMephistoError(new Proxy(error, {})), false);
  assert.equal(isMephistoError({ name: "MephistoError", code: "STOPPED" }), false);
  assert.equal(codeOf(error), "STOPPED");
});

test("an error of ours can be made where stacks are lists, or cannot be made", () => {
  const before = Error.prepareStackTrace;
  try {
    for (const prepare of [(_: unknown, sites: unknown) => sites, throws]) {
      Error.prepareStackTrace = prepare;
      assert.equal(messageOf(new MephistoError("STOPPED", "Over.")), "Over.");
    }
  } finally {
    if (before) Error.prepareStackTrace = before;
    else Reflect.deleteProperty(Error, "prepareStackTrace");
  }
});
