import { spawn } from "node:child_process";
import process from "node:process";

type Execve = (file: string, args: readonly string[], env: Record<string, string | undefined>) => void;

/**
 * Goes on as another program: in place of this process where the runtime can (signals and the exit code are then the
 * program's own), else as a child whose end is this process's end.
 */
export function replaceProcess(program: string, args: readonly string[]): Promise<number> {
  const { execve } = process as { execve?: Execve };
  if (execve !== undefined && process.platform !== "win32") {
    process.removeAllListeners("warning"); // execve is experimental, as Node says each time
    process.on("warning", () => {});
    execve.call(process, program, [program, ...args], process.env);
  }
  return asChild(program, args);
}

function asChild(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: "inherit" });
  process.on("SIGINT", () => {}); // a terminal's Ctrl-C reaches the child by itself; passed on it would be two
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (signal === null) return resolve(code ?? 1);
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  });
}
