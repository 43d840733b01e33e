import { spawn } from "node:child_process";
import process from "node:process";

/** A program to start, and its arguments. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** How a program has ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A program that runs. */
export interface Child {
  readonly pid: number;
  /** What it writes; what is not read holds it up when the pipe is full. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Resolves when it has ended; what it had started is ended then too. */
  readonly exited: Promise<Exit>;
  /** SIGKILL ends what it has started too. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/**
 * How long a program may take to stop when what started it is gone, in half seconds: shorter than a worker takes at most,
 * since its broker is gone by then.
 */
const PATIENCE = 8;

/**
 * The shell becomes the program, so that its pid is the program's. Beside it waits a watcher for the end of a pipe that
 * only the process which started it holds: whichever way that ends, SIGKILL too, the program is asked to stop, and
 * killed with its whole group if it does not. This needs nothing of the program, which may be busy or still loading.
 */
const ORPHAN_GUARD = `
exec 3<&0
( trap '' INT TERM HUP
  read -r _ <&3
  sleep "$1"
  kill -TERM $$ || exit
  i=0
  while [ $i -lt ${PATIENCE} ] && kill -0 $$; do sleep 0.5 || sleep 1; i=$((i + 1)); done
  kill -KILL -$$ ) </dev/null >/dev/null 2>&1 &
shift
exec "$@" </dev/null 3<&-`;

/**
 * Starts a program that does not outlive this process, however this process ends. It leads a group of its own: a Ctrl-C
 * of the terminal does not reach it, so that this process decides in which order things stop. It gets no NODE_ENV.
 *
 * @param options.linger how many seconds later than others it is asked to stop when this process has been killed
 */
export function startChild({ program, args }: Command, { linger = 0 }: { linger?: number } = {}): Child {
  const { NODE_ENV: _, ...env } = process.env;
  const child = spawn("/bin/sh", ["-c", ORPHAN_GUARD, "sh", String(linger), program, ...args], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env,
  });
  const { pid = 0, stdin: orphanGuard, stdout, stderr } = child;
  orphanGuard.on("error", () => {}); // the watcher has ended
  const exited = new Promise<Exit>((resolve) => {
    child.once("error", () => resolve({ code: 127, signal: null })); // there is no shell
    child.once("exit", (code, signal) => {
      // The watcher, and what the program has left behind. It is a group until the watcher has gone, so the number is
      // nobody else's.
      if (pid > 0) send(-pid, "SIGKILL");
      orphanGuard.destroy();
      resolve({ code, signal });
    });
  });
  return { pid, stdout, stderr, exited, kill: (signal) => pid > 0 && send(signal === "SIGKILL" ? -pid : pid, signal) };
}

/** Not `child.kill`: Deno's closes the child's pipes too, whatever the signal. */
function send(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended
  }
}
