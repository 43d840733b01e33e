import assert from "node:assert/strict";
import { test } from "node:test";
import { onStopSignals, signalExitCode, type SignalSource, type StopSignal } from "../../src/runtime/signals.ts";

/** Signals and a clock by hand. */
function source() {
  const listeners = new Map<StopSignal, () => void>();
  let time = 0;
  const from: SignalSource = {
    on: (signal, listener) => listeners.set(signal, listener),
    off: (signal, listener) => listeners.get(signal) === listener && listeners.delete(signal),
    now: () => time,
  };
  const send = (signal: StopSignal, after: number) => {
    time += after;
    listeners.get(signal)?.();
  };
  return { from, send, listeners };
}

test("the first signal stops, the second aborts", () => {
  const heard: string[] = [];
  const { from, send } = source();
  onStopSignals((signal) => heard.push(`stop ${signal}`), (signal) => heard.push(`abort ${signal}`), from);
  send("SIGTERM", 0);
  send("SIGINT", 301);
  assert.deepEqual(heard, ["stop SIGTERM", "abort SIGINT"]);
});

test("a repetition within 300 ms is the same one", () => {
  const heard: string[] = [];
  const { from, send } = source();
  onStopSignals(() => heard.push("stop"), () => heard.push("abort"), from);
  for (const after of [0, 10, 280]) send("SIGINT", after);
  assert.deepEqual(heard, ["stop"]);
  send("SIGINT", 20);
  assert.deepEqual(heard, ["stop", "abort"]);
});

test("the listeners can be taken away", () => {
  const { from, listeners } = source();
  const forget = onStopSignals(() => {}, () => {}, from);
  assert.deepEqual([...listeners.keys()].sort(), ["SIGHUP", "SIGINT", "SIGTERM"]);
  forget();
  assert.equal(listeners.size, 0);
});

test("exit codes are those of a shell", () => {
  assert.deepEqual((["SIGHUP", "SIGINT", "SIGTERM"] as const).map(signalExitCode), [129, 130, 143]);
});
