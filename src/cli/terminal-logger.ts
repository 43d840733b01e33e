import type { Logger } from "../core/logger.ts";
import { workerId } from "../runtime/info.ts";
import { makeLogger } from "./logger.ts";
import { terminal } from "./terminal.ts";

/** Where a worker that runs inside another program says what happens to it, unless that program has a logger of its own. */
export function terminalLogger(): Logger {
  return makeLogger({ level: "info", format: "text", worker: workerId(), write: terminal().err });
}
