import { inspect } from "node:util";
import process from "node:process";
import type { Readable } from "node:stream";
import { signalChild, spawnGuarded } from "./guard.ts";
import { executable, root, type Runtime } from "./runtimes.ts";

/** A line that a program has written, with its time in ms on the clock of `performance.now()`. */
export type Line = { text: string; stream: "stdout" | "stderr"; at: number };

/** How a program has ended. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** A running program. */
export type Program = {
  pid: number;
  /** Whole lines written so far. */
  stdout: string[];
  stderr: string[];
  /** Both, as they came in. */
  lines: Line[];
  /**
   * Resolves with the first line, also an earlier one, that matches.
   *
   * @param within limit in ms, 30 000 by default
   * @throws Error with the whole output when the time is up or the program has ended without such a line
   */
  waitFor(match: RegExp | ((line: Line) => boolean), within?: number): Promise<Line>;
  /** Sends a signal to the program itself, SIGTERM by default. */
  kill(signal?: NodeJS.Signals): void;
  /** Resolves when it has ended and all its output has been read. */
  readonly exit: Promise<Exit>;
  /** All output, for an assertion's message. */
  output(): string;
};

const defaultFlags: Record<Runtime, string[]> = { bun: [], deno: ["-A", "--no-check"], node: [] };

/**
 * Starts a script under a runtime. It cannot outlive this process.
 *
 * @param options.env added to this process's environment; `undefined` takes a variable away
 * @param options.cwd the repository's folder by default
 * @param options.flags for the runtime itself; Deno has `-A --no-check` by default
 * @param options.scratch a folder to remove in case this process dies first
 *
 * ```ts
 * const worker = run("deno", "examples/master.ts", ["worker"], { env: { MEPHISTO_URL: kafka.url } });
 * await worker.waitFor(/PUBLISHING ON MASTER/, 10_000);
 * worker.kill("SIGINT");
 * assert.deepEqual(await worker.exit, { code: 0, signal: null });
 * ```
 */
export function run(
  runtime: Runtime,
  script: string,
  args: readonly string[] = [],
  { env = {}, cwd = root, flags = defaultFlags[runtime], scratch }: {
    env?: Record<string, string | undefined>;
    cwd?: string;
    flags?: readonly string[];
    scratch?: string;
  } = {},
): Program {
  const command = runtime === "node" ? [] : ["run"];
  return runProgram(executable(runtime), [...command, ...flags, script, ...args], {
    name: runtime,
    cwd,
    // NODE_ENV (`test` under `bun test`) changes kafkajs and consola; NODE_TEST_CONTEXT makes a Node program that has
    // tests report to the runner's channel; FORCE_COLOR and NO_COLOR together make Node warn.
    env: { ...process.env, NODE_ENV: undefined, NODE_TEST_CONTEXT: undefined, FORCE_COLOR: undefined, ...env },
    ...(scratch !== undefined && { scratch }),
  });
}

/** Starts any program, as `run` does a script; `name`: what it is called in messages. */
export function runProgram(
  command: string,
  args: readonly string[],
  { name = command, cwd = root, env = process.env, scratch }: {
    name?: string;
    cwd?: string;
    env?: NodeJS.ProcessEnv;
    scratch?: string;
  } = {},
): Program {
  const child = spawnGuarded(command, args, {
    cwd,
    env,
    output: ["pipe", "pipe"],
    ...(scratch !== undefined && { scratch }),
  });
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw new Error(`${name} cannot be started`);

  const lines: Line[] = [];
  let ended: Exit | undefined;
  const watchers = new Set<() => void>();
  const changed = () => {
    for (const watcher of watchers) watcher();
  };
  const add = (line: Line) => {
    lines.push(line);
    changed();
  };
  collect(stdout, (text) => add({ text, stream: "stdout", at: performance.now() }));
  collect(stderr, (text) => add({ text, stream: "stderr", at: performance.now() }));
  const exit = new Promise<Exit>((resolve) => {
    child.once("close", (code: number | null, signal: NodeJS.Signals | null) => {
      ended = { code, signal };
      resolve(ended);
      changed();
    });
  });
  const texts = (stream: Line["stream"]) => lines.filter((line) => line.stream === stream).map((line) => line.text);
  const output = () =>
    [
      `--- ${name} ${args.join(" ")} (pid ${pid}${ended === undefined ? "" : `, ended: ${inspect(ended)}`})`,
      ...lines.map((line) => `${line.stream === "stderr" ? "!" : " "} ${line.text}`),
      "---",
    ].join("\n");

  return {
    pid,
    lines,
    get stdout() {
      return texts("stdout");
    },
    get stderr() {
      return texts("stderr");
    },
    get exit() {
      // Whoever waits must not have this process end for lack of anything else to do.
      child.ref();
      for (const stream of [stdout, stderr]) if ("ref" in stream && typeof stream.ref === "function") stream.ref();
      return exit;
    },
    kill: (signal = "SIGTERM") => signalChild(child, signal),
    output,
    waitFor: (match, within = 30_000) => {
      const matches = typeof match === "function" ? match : (line: Line) => match.test(line.text);
      // The stack is taken here, where it still shows the test that waits.
      const failure = new Error();
      return new Promise((resolve, reject) => {
        let next = 0;
        const finish = (end: () => void) => {
          clearTimeout(timer);
          watchers.delete(look);
          end();
        };
        const fail = (what: string) => {
          failure.message = `${what} without ${inspect(match)}\n${output()}`;
          finish(() => reject(failure));
        };
        const look = () => {
          for (; next < lines.length; next++) {
            const line = lines[next];
            if (line !== undefined && matches(line)) return finish(() => resolve(line));
          }
          if (ended !== undefined) fail("the program has ended");
        };
        const timer = setTimeout(() => fail(`${within} ms have passed`), within);
        watchers.add(look);
        look();
      });
    },
  };
}

/** Cuts a stream into lines; a last one without a line end counts too. */
function collect(stream: Readable, add: (text: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (piece: string) => {
    const parts = (rest + piece).split(/\r?\n/);
    rest = parts.pop() ?? "";
    for (const part of parts) add(part);
  });
  stream.on("end", () => {
    if (rest !== "") add(rest);
    rest = "";
  });
  // Output that nobody waits for keeps no process alive.
  if ("unref" in stream && typeof stream.unref === "function") stream.unref();
}
