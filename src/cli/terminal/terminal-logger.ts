import type { Logger } from "../../core/logger.ts";
import { workerId } from "../../runtime/info.ts";
import { makeLogger } from "./logger.ts";
import { terminal } from "./terminal.ts";

/** Where a worker that runs inside another program tells what goes wrong, unless that program has a logger of its own. */
export function terminalLogger(): Logger {
  return makeLogger({ level: "warn", format: "text", worker: workerId(), write: terminal().err });
}
