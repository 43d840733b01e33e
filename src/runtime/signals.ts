import process from "node:process";

/** The signals that ask a process to stop. */
export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

const NUMBERS: Record<StopSignal, number> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
const SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Watch modes of Node and Deno send a Ctrl-C twice. */
const SAME_SIGNAL_MS = 300;

/** Where signals come from and the time in ms; a test brings its own. */
export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
  now(): number;
}

const system: SignalSource = {
  on: (signal, listener) => process.on(signal, listener),
  off: (signal, listener) => process.off(signal, listener),
  now: () => performance.now(),
};

/**
 * Calls `stop` at the first signal that asks the process to stop, and `abort` at each later one. A repetition within
 * 300 ms is the same one. Gives what takes the listeners away again.
 */
export function onStopSignals(
  stop: (signal: StopSignal) => void,
  abort: (signal: StopSignal) => void,
  source: SignalSource = system,
): () => void {
  let last: number | undefined;
  const listeners = SIGNALS.map((signal) => {
    const listener = () => {
      const now = source.now();
      if (last === undefined) stop(signal);
      else if (now - last < SAME_SIGNAL_MS) return;
      else abort(signal);
      last = now;
    };
    source.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) source.off(signal, listener);
  };
}

/** The exit code of a process that a signal ended, as shells report it. */
export function signalExitCode(signal: StopSignal): number {
  return 128 + NUMBERS[signal];
}
