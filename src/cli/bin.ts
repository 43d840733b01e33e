#!/usr/bin/env node
import process from "node:process";
import { messageOf } from "../core/errors.ts";
import { variable } from "../runtime/env.ts";
import { replaceProcess } from "../runtime/replace.ts";
import { versionLine } from "./about.ts";
import { planLaunch, readRequest } from "./launch.ts";
import { UsageError } from "./parse.ts";

const USAGE = `Runs a Mephisto script with Bun, Deno or Node, whichever is there.

Usage: mephisto <command> <script.ts> [flags] [--runtime bun|deno|node]

Commands:
  worker  runs a worker
  send    sends one message to an actor
  list    lists the actors and timers of the script

mephisto worker <script.ts> --help shows the flags of a command.
`;

/** The thin command: the script is its own command line, this only finds what runs it. */
async function run(words: readonly string[]): Promise<number> {
  const request = readRequest(words);
  switch (request.kind) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "version":
      process.stdout.write(versionLine() + "\n");
      return 0;
    case "run": {
      const launch = planLaunch(request.script, request.words, request.runtime, variable("PATH") ?? "");
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
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${messageOf(error)}${error instanceof UsageError ? " See mephisto --help." : ""}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
