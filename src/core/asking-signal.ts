/**
 * Has a signal ask when it is read. The abort event of a lease that is over comes with a timer, and in a process that was
 * frozen another timer may be due before: what runs then must not read that all is well. `ask` aborts what the signal
 * follows if that is due. The event comes as before, once; the signal stays the runtime's own, for `fetch`,
 * `AbortSignal.any` and listeners. A signal that somebody makes of it by `AbortSignal.any` is not asked: it aborts with
 * the event, or when this one has been read.
 */
export function askingSignal(signal: AbortSignal, ask: () => void): AbortSignal {
  const native = {
    aborted: getter("aborted", signal),
    reason: getter("reason", signal),
  };
  // To abort may read in turn whether the signal has aborted (it does on Deno).
  let asks = false;
  const asked = <T>(read: () => T) => (): T => {
    if (asks || native.aborted() === true) return read();
    asks = true;
    try {
      ask();
    } finally {
      asks = false;
    }
    return read();
  };
  Object.defineProperties(signal, {
    aborted: { get: asked(native.aborted), configurable: true },
    reason: { get: asked(native.reason), configurable: true },
    throwIfAborted: {
      value: asked(() => {
        if (native.aborted() === true) throw native.reason();
      }),
      configurable: true,
      writable: true,
    },
  });
  return signal;
}

/** Reads what the runtime itself holds. */
function getter(name: "aborted" | "reason", signal: AbortSignal): () => unknown {
  const get = Object.getOwnPropertyDescriptor(AbortSignal.prototype, name)?.get;
  return () => get?.call(signal);
}
