#!/usr/bin/env node
import process from "node:process";
import { fileURLToPath } from "node:url";
import { messageOf } from "../core/errors.ts";
import { variable } from "../runtime/env.ts";
import { finish } from "../runtime/exit.ts";
import { replaceProcess } from "../runtime/replace.ts";
import { versionLine } from "./about.ts";
import { COMMANDS } from "./commands.ts";
import { needMain, planLaunch } from "./launch/launch.ts";
import { readRequest } from "./request.ts";
import { table } from "./terminal/table.ts";
import { makeBroker } from "./make-broker.ts";
import { isUsageError } from "./args/parse.ts";

const USAGE = `Runs a Mephisto script with Bun, Deno or Node, whichever is there.

Usage: mephisto <command> <script.ts> [flags] [--runtime bun|deno|node]
       mephisto broker [flags]

Commands:
${table(Object.entries(COMMANDS).map(([name, { description }]) => [`  ${name}`, description]))}
mephisto worker <script.ts> --help shows the flags of a command, and so does mephisto broker --help.
`;

/** The thin command: the script is its own command line, this only finds what runs it. */
async function run(words: readonly string[]): Promise<number> {
  const path = variable("PATH") ?? "";
  const own = fileURLToPath(import.meta.url);
  const request = readRequest(words);
  switch (request.kind) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "version":
      process.stdout.write(versionLine() + "\n");
      return 0;
    case "broker": {
      // This process runs it, unless it is to be another runtime, or is too old a Node.
      const launch = planLaunch(own, ["broker", ...request.words], request.runtime, path);
      if (launch.program !== process.execPath) return await replaceProcess(launch.program, launch.args);
      // Loaded only here: a script brings its own command line.
      const { runBroker } = await import("./broker-alone.ts");
      return await runBroker(request.words, makeBroker);
    }
    case "run": {
      const launch = planLaunch(request.script, request.words, request.runtime, path);
      needMain(request.script);
      if (wantsDebug(request.words)) process.stderr.write(`mephisto: run by ${launch.program}\n`);
      return await replaceProcess(launch.program, launch.args);
    }
  }
}

function wantsDebug(words: readonly string[]): boolean {
  if (variable("MEPHISTO_LOGLEVEL") === "debug") return true;
  return /(^| )(-l ?=?|--loglevel[= ])debug( |$)/.test(words.join(" "));
}

try {
  finish(await run(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${messageOf(error)}${isUsageError(error) ? " See mephisto --help." : ""}\n`);
  process.exitCode = isUsageError(error) ? 2 : 1;
}
