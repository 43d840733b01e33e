/** Programs that only seem to run, and what is told of them. */
import { systemClock } from "../../src/core/clock.ts";
import type { Child, Exit } from "../../src/dev/child.ts";

let lastPid = 1000;

/** A program that ends when it is told to, or by itself. */
export class FakeChild implements Child {
  readonly pid: number = ++lastPid;
  readonly stdout: AsyncIterable<Uint8Array> = nothing();
  readonly stderr: AsyncIterable<Uint8Array> = nothing();
  readonly signals: string[] = [];
  /** Whether it ends when it is asked to. */
  obeys = true;
  readonly exited: Promise<Exit>;
  readonly end: (exit: Exit) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.exited = promise;
    this.end = resolve;
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.signals.push(signal);
    if (signal === "SIGKILL") this.end({ code: null, signal });
    else if (this.obeys) this.end({ code: 0, signal: null });
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** A clock that is set by hand, beside the real one's wall time. */
export class FakeClock {
  now = 0;
  monotonic(): number {
    return this.now;
  }
  wall(): number {
    return systemClock.wall();
  }
}
