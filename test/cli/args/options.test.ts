import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveOptions } from "../../../src/cli/args/options.ts";
import { MephistoError } from "../../../src/core/errors.ts";

const resolve = (flags: Record<string, string>, env: Record<string, string> = {}) => resolveOptions({ flags, env });

test("options have their defaults", () => {
  assert.deepEqual(resolve({}), {
    loglevel: "info",
    logfile: undefined,
    logFormat: "text",
    brief: false,
    web: { port: 6066, bind: "127.0.0.1" },
  });
});

test("options come from flags, then from the environment", () => {
  const env = {
    MEPHISTO_LOGLEVEL: "debug",
    MEPHISTO_WEB_PORT: "7000",
    MEPHISTO_LOG_FORMAT: "json",
    MEPHISTO_LOGFILE: "x",
  };
  const options = resolve({ "web-port": "0", "web-bind": "::1" }, env);
  assert.deepEqual(options, {
    loglevel: "debug",
    logfile: { value: "x", from: "MEPHISTO_LOGFILE" },
    logFormat: "json",
    brief: false,
    web: { port: 0, bind: "::1" },
  });
});

test("the web port can be left out, and a flag can take that back", () => {
  assert.equal(resolve({ "without-web": "true" }).web, undefined);
  assert.equal(resolve({}, { MEPHISTO_WITHOUT_WEB: "1" }).web, undefined);
  assert.notEqual(resolve({ "without-web": "false" }, { MEPHISTO_WITHOUT_WEB: "1" }).web, undefined);
});

const wrong: [Record<string, string>, Record<string, string>, string][] = [
  [{ loglevel: "inof" }, {}, '--loglevel: "inof" is none of debug, info, warn, error, silent. Did you mean info?'],
  [{}, { MEPHISTO_LOG_FORMAT: "xml" }, 'MEPHISTO_LOG_FORMAT: "xml" is none of text, json.'],
  [{ "web-port": "http" }, {}, '--web-port: "http" is not a port: give a number from 0 (any free one) to 65535.'],
  [{ "web-port": "65536" }, {}, '--web-port: "65536" is not a port: give a number from 0 (any free one) to 65535.'],
  [{ "web-bind": "http://x" }, {}, '--web-bind: "http://x" is not an address to listen on, such as 127.0.0.1 or ::.'],
  [{}, { MEPHISTO_WITHOUT_WEB: "maybe" }, 'MEPHISTO_WITHOUT_WEB: "maybe" is neither true nor false.'],
  [{ logfile: "" }, {}, '--logfile: "" is not the name of a file.'],
];
for (const [flags, env, message] of wrong) {
  test(`options are refused: ${message}`, () => {
    assert.throws(
      () => resolve(flags, env),
      (error) => error instanceof MephistoError && error.code === "INVALID_OPTION" && error.message === message,
    );
  });
}
