import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppOptions } from "../../src/core/app-options.ts";
import { type ErrorCode, MephistoError } from "../../src/core/errors.ts";
import { redact } from "../../src/core/redact.ts";
import { resolveSettings, SETTING_VARIABLES, type SettingSources } from "../../src/worker/settings.ts";
import { checkVariables, OPTION_VARIABLES } from "../../src/worker/variables.ts";

const nothing = { flags: {}, env: {} };

function fails(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof MephistoError && error.code === code && message.test(error.message);
}

test("settings are looked up in the order flag, environment, code, default", () => {
  const code = { url: "kafka://code" };
  const env = { MEPHISTO_URL: "kafka://env" };
  const flags = { url: "kafka://flag" };
  assert.deepEqual(resolveSettings(code, { flags, env }).url, { value: "kafka://flag", from: "--url" });
  assert.deepEqual(resolveSettings(code, { flags: {}, env }).url, { value: "kafka://env", from: "MEPHISTO_URL" });
  assert.deepEqual(resolveSettings(code, nothing).url, { value: "kafka://code", from: "the code" });
  assert.deepEqual(resolveSettings({}, nothing).url, { value: "kafka://localhost:9092", from: "the default" });
});

test("an empty environment variable counts as not set", () => {
  const { url } = resolveSettings({ url: "kafka://code" }, { flags: {}, env: { MEPHISTO_URL: "" } });
  assert.equal(url.from, "the code");
});

test("settings have their defaults", () => {
  const { sessionTimeout, heartbeatInterval, instanceId, version } = resolveSettings({}, nothing);
  assert.deepEqual(sessionTimeout, { value: 6000, from: "the default" });
  assert.deepEqual(heartbeatInterval, { value: 300, from: "the default" });
  assert.deepEqual(instanceId, { value: undefined, from: "the default" });
  assert.deepEqual(version, { value: "", from: "the default" });
});

test("the stop timeout: flag, variable, code, default", () => {
  const env = { MEPHISTO_STOP_TIMEOUT: "1m" };
  const code = { stopTimeout: 3 };
  const of = (options: AppOptions, flags: SettingSources["flags"], env: SettingSources["env"]) =>
    resolveSettings(options, { flags, env }).stopTimeout;
  assert.deepEqual(of(code, { "stop-timeout": "2s" }, env), { value: 2000, from: "--stop-timeout" });
  assert.deepEqual(of(code, {}, env), { value: 60_000, from: "MEPHISTO_STOP_TIMEOUT" });
  assert.deepEqual(of(code, {}, {}), { value: 3000, from: "the code" });
  assert.deepEqual(of({}, {}, {}), { value: 25_000, from: "the default" });
  assert.throws(() => of({}, { "stop-timeout": "soon" }, {}), fails("INVALID_DURATION", /^--stop-timeout/));
});

test("the default heartbeat follows a session that is shorter", () => {
  assert.equal(resolveSettings({ sessionTimeout: 2 }, nothing).heartbeatInterval.value, 100);
  assert.equal(resolveSettings({ sessionTimeout: "1m" }, nothing).heartbeatInterval.value, 300);
});

test("durations are numbers of seconds in the code and text elsewhere", () => {
  const given = { flags: { "session-timeout": "10" }, env: { MEPHISTO_HEARTBEAT_INTERVAL: "250ms" } };
  const { sessionTimeout, heartbeatInterval } = resolveSettings({ sessionTimeout: 7, heartbeatInterval: 0.2 }, given);
  assert.deepEqual(sessionTimeout, { value: 10_000, from: "--session-timeout" });
  assert.deepEqual(heartbeatInterval, { value: 250, from: "MEPHISTO_HEARTBEAT_INTERVAL" });
});

test("the instance id and the version come from the environment too", () => {
  const env = { MEPHISTO_INSTANCE_ID: "box-1", MEPHISTO_VERSION: "7f3a" };
  const { instanceId, version } = resolveSettings({ version: "1" }, { flags: {}, env });
  assert.deepEqual(instanceId, { value: "box-1", from: "MEPHISTO_INSTANCE_ID" });
  assert.deepEqual(version, { value: "7f3a", from: "MEPHISTO_VERSION" });
});

test("errors say what is wrong and where it came from", () => {
  const given = (flags: Record<string, string>, env: Record<string, string> = {}) => () =>
    resolveSettings({}, { flags, env });
  assert.throws(given({ "session-timeout": "soon" }), fails("INVALID_DURATION", /^--session-timeout: "soon"/));
  assert.throws(
    given({ "session-timeout": "2d" }),
    fails("INVALID_DURATION", /^A session timeout of 2d \(from --session-timeout\) is too long: the longest is 1d/),
  );
  assert.throws(
    given({}, { MEPHISTO_SESSION_TIMEOUT: "0" }),
    fails("INVALID_DURATION", /^MEPHISTO_SESSION_TIMEOUT: "0" is too short/),
  );
  assert.throws(
    given({ "heartbeat-interval": "3s" }),
    fails("INVALID_OPTION", /3s \(from --heartbeat-interval\).*6s \(from the default\)/),
  );
  assert.throws(given({ "instance-id": "a b" }), fails("INVALID_NAME", /^--instance-id: "a b"/));
  assert.throws(
    () => resolveSettings({ url: "localhost" }, nothing),
    fails("INVALID_URL", /^url in the code: "localhost"/),
  );
  assert.throws(given({ url: "" }), fails("INVALID_URL", /^--url: ""/));
});

test("no error shows a password", () => {
  for (const url of ["http://me:secret@host", "me:secret@host:9092", "kafka:/me:secret@host"]) {
    assert.throws(
      () => resolveSettings({ url }, nothing),
      (error) => error instanceof MephistoError && !error.message.includes("secret"),
    );
  }
});

test("an address without its password keeps the hosts and drops who connects", () => {
  assert.equal(redact("kafka://a:9092,b:9092"), "kafka://a:9092,b:9092");
  assert.equal(redact("kafka+ssl://me:p@ss/w,ord@host:9093?sasl=plain"), "kafka+ssl://host:9093?sasl=plain");
  assert.equal(redact("me:secret@host"), "host");
});

test("presence is on this machine's own address unless it is given another, or off", () => {
  const of = (presenceBind?: string, flags = {}, env = {}) =>
    resolveSettings(presenceBind === undefined ? {} : { presenceBind }, { flags, env }).presence;
  assert.deepEqual(of(), { value: "127.0.0.1", from: "the default" });
  assert.deepEqual(of("10.0.0.5"), { value: "10.0.0.5", from: "the code" });
  assert.deepEqual(of("10.0.0.5", { "presence-bind": "[::1]" }), { value: "::1", from: "--presence-bind" });
  assert.deepEqual(of(undefined, {}, { MEPHISTO_PRESENCE_BIND: "off" }), {
    value: undefined,
    from: "MEPHISTO_PRESENCE_BIND",
  });
  // What all addresses are is nowhere to be found.
  for (const address of ["0.0.0.0", "::", "box", "10.0.0.5:80", ""]) {
    assert.throws(
      () => of(address),
      fails("INVALID_OPTION", /^presenceBind in the code: .* is not an address at which/),
    );
  }
});

test("dead letters that no topic takes go to a folder, or nowhere", () => {
  const of = (code?: string, flags = {}, env = {}) =>
    resolveSettings(code === undefined ? {} : { deadLetterDir: code }, { flags, env }).deadLetterDir;
  assert.deepEqual(of(), { value: ".", from: "the default" });
  assert.deepEqual(of("a"), { value: "a", from: "the code" });
  assert.deepEqual(of("a", {}, { MEPHISTO_DEAD_LETTER_DIR: "b" }), { value: "b", from: "MEPHISTO_DEAD_LETTER_DIR" });
  assert.deepEqual(of("a", { "dead-letter-dir": "off" }, { MEPHISTO_DEAD_LETTER_DIR: "b" }), {
    value: undefined,
    from: "--dead-letter-dir",
  });
});

test("who may be master, and what death is concluded from, are settings too", () => {
  const of = (options = {}, flags = {}, env = {}) => resolveSettings(options, { flags, env });
  assert.deepEqual(of().master, { value: true, from: "the default" });
  assert.deepEqual(of({ master: false }).master, { value: false, from: "the code" });
  assert.deepEqual(of({}, { master: "false" }).master, { value: false, from: "--no-master" });
  assert.deepEqual(of({}, { master: "true" }, { MEPHISTO_NO_MASTER: "1" }).master.value, false);
  assert.deepEqual(of({ master: false }, {}, { MEPHISTO_NO_MASTER: "0" }).master.value, true);
  assert.throws(
    () => of({}, {}, { MEPHISTO_NO_MASTER: "maybe" }),
    fails("INVALID_OPTION", /^MEPHISTO_NO_MASTER: "maybe"/),
  );
  assert.deepEqual(of().evictOn, { value: "proof", from: "the default" });
  assert.deepEqual(of({}, { "evict-on": "reset" }).evictOn, { value: "reset", from: "--evict-on" });
  assert.throws(() => of({}, { "evict-on": "doubt" }), fails("INVALID_OPTION", /^--evict-on: "doubt" is neither/));
});

test("session and heartbeat are judged together, as they are resolved, wherever each comes from", () => {
  const env = { MEPHISTO_SESSION_TIMEOUT: "30s" };
  const { sessionTimeout, heartbeatInterval } = resolveSettings({ heartbeatInterval: "3s" }, { flags: {}, env });
  assert.deepEqual([sessionTimeout.value, heartbeatInterval.value], [30_000, 3000]);
  const both = { sessionTimeout: 6, heartbeatInterval: "3s" };
  assert.equal(resolveSettings(both, { flags: {}, env }).heartbeatInterval.value, 3000);
  const wrong: [AppOptions, SettingSources["flags"], RegExp][] = [
    [both, {}, /3s \(from the code\) is too long for a session timeout of 6s \(from the code\)/],
    [
      { heartbeatInterval: "3s" },
      {},
      /3s \(from the code\) is too long for a session timeout of 6s \(from the default\)/,
    ],
    [{ heartbeatInterval: "3s" }, { "session-timeout": "5s" }, /5s \(from --session-timeout\)/],
    [{ sessionTimeout: 6 }, { "heartbeat-interval": "3s" }, /3s \(from --heartbeat-interval\)/],
  ];
  for (const [code, flags, sentence] of wrong) {
    assert.throws(() => resolveSettings(code, { flags, env: {} }), fails("INVALID_OPTION", sentence));
  }
});

test("an environment variable of ours that is not known is told, with the one that was meant", () => {
  const known = [...SETTING_VARIABLES, ...OPTION_VARIABLES, "MEPHISTO_TEST_BROKER"];
  const ofServices = [
    "MEPHISTO_SERVICE_HOST",
    "MEPHISTO_PORT",
    "MEPHISTO_PORT_6066_TCP_ADDR",
    "MEPHISTO_WEB_SERVICE_PORT",
  ];
  checkVariables([...known, ...ofServices]);
  assert.throws(
    () => checkVariables([...known, "MEPHISTO_SESION_TIMEOUT"]),
    fails(
      "INVALID_OPTION",
      /^There is no environment variable MEPHISTO_SESION_TIMEOUT\. Did you mean MEPHISTO_SESSION_TIMEOUT\? /,
    ),
  );
  assert.throws(
    () => checkVariables(["MEPHISTO_NOTHING_LIKE_IT"]),
    fails("INVALID_OPTION", /There are MEPHISTO_URL, /),
  );
});

test("what may be a secret in an address is not told", () => {
  assert.equal(redact("kafka://me:secret@h?pasword=secret&sasl=plain"), "kafka://h?pasword=…&sasl=plain");
});

test("the memory for messages: flag, environment, code, default; sizes have a unit", () => {
  const env = { MEPHISTO_BUFFER_MEMORY: "32MiB" };
  const { bufferMemory } = resolveSettings({ bufferMemory: "1GiB" }, { flags: { "buffer-memory": "16m" }, env });
  assert.deepEqual(bufferMemory, { value: 16 << 20, from: "--buffer-memory" });
  assert.deepEqual(resolveSettings({ bufferMemory: 5 << 20 }, { flags: {}, env }).bufferMemory.value, 32 << 20);
  assert.deepEqual(resolveSettings({ bufferMemory: 5 << 20 }, { flags: {}, env: {} }).bufferMemory.value, 5 << 20);
  assert.deepEqual(resolveSettings({}, { flags: {}, env: {} }).bufferMemory.value, 32 << 20);
  for (const size of ["64", "much"]) {
    const given = { flags: { "buffer-memory": size }, env: {} };
    assert.throws(() => resolveSettings({}, given), fails("INVALID_OPTION", /--buffer-memory/));
  }
});

test("a version is as long as all members may tell each other", () => {
  const resolve = (length: number) => resolveSettings({ version: "v".repeat(length) }, { flags: {}, env: {} });
  assert.equal(resolve(64).version.value.length, 64);
  assert.throws(() => resolve(65), fails("INVALID_OPTION", /^The version from .* has 65 characters, and may have 64/));
});
