import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import process from "node:process";

/**
 * The shell becomes the program (`exec`), so that its pid is the child's and every signal reaches it. It leaves a
 * watcher behind that waits for the end of a pipe which only the test process holds. When the program still runs then,
 * the test process is gone, however it died, and the program and its folder go too.
 */
const script = `
exec 3<&0
( trap '' INT TERM HUP
  read -r _ <&3
  kill -9 $$ || exit
  [ -z "$SCRATCH" ] || for i in 1 2 3; do rm -rf "$SCRATCH"; sleep 0.2; done
) </dev/null >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-`;

/**
 * Starts a program that cannot outlive this process, not even when this process is killed with SIGKILL. Its stdin is
 * empty. It doesn't keep this process alive either.
 *
 * @param options.scratch a folder to remove in case this process dies first
 */
export function spawnGuarded(
  command: string,
  args: readonly string[],
  options: {
    cwd?: string;
    env?: NodeJS.ProcessEnv;
    output: [stdout: "pipe" | number, stderr: "pipe" | number];
    scratch?: string;
  },
): ChildProcess {
  const stdio: StdioOptions = ["pipe", ...options.output];
  const child = spawn("/bin/sh", ["-c", script, "sh", command, ...args], {
    stdio,
    env: { ...(options.env ?? process.env), SCRATCH: options.scratch ?? "" },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const leash = child.stdin;
  leash?.on("error", () => {});
  // Node does so by itself, the others don't.
  child.once("exit", () => leash?.destroy());
  child.unref();
  if (leash !== null && "unref" in leash && typeof leash.unref === "function") leash.unref();
  return child;
}

/**
 * Sends a signal to a process that `spawnGuarded` has started; nothing happens when it has ended. `child.kill` won't do:
 * Deno's closes the child's pipes, whatever the signal, and the watcher takes that for the end of this process.
 */
export function signalChild(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(child.pid, signal);
  } catch (error) {
    // It has ended, and this process is about to learn of it.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
