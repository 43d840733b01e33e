import { variable } from "../../runtime/env.ts";
import { type Runtime, runtime } from "../../runtime/info.ts";
import { startedAs } from "../../runtime/started.ts";
import type { Start } from "../host.ts";
import { planLaunch, RUNTIMES } from "./launch.ts";
import { suggestion } from "../../core/nearest.ts";
import { UsageError } from "../args/parse.ts";

/**
 * How to start this program again with other words: the same binary if it has been compiled, else the same script, on
 * this runtime or another.
 */
export function again(words: readonly string[], on: Runtime["name"] = runtime().name): Start {
  const { script, flags } = startedAs();
  const program = process.execPath;
  if (script === undefined) return { program, args: words };
  const launch = planLaunch(script, words, on, variable("PATH") ?? "");
  return launch.runtime === runtime().name ? { program, args: [...flags, ...launch.args] } : launch;
}

/** Reads `bun,deno,node`. Errors: `UsageError`, also for a runtime that is not there. */
export function runtimesOf(list: string | undefined): readonly Runtime["name"][] {
  if (list === undefined) return [runtime().name];
  if (startedAs().script === undefined) {
    throw new UsageError("--runtime: a compiled program runs on what was compiled into it.");
  }
  return list.split(",").map((word) => {
    const name = RUNTIMES.find((known) => known === word.trim());
    if (name === undefined) {
      const hint = suggestion(word, RUNTIMES);
      throw new UsageError(`--runtime: ${JSON.stringify(word)} is none of ${RUNTIMES.join(", ")}.${hint}`);
    }
    again([], name);
    return name;
  });
}
