import type { LogFields } from "../core/logger.ts";
import { type Context, context } from "../runtime/context.ts";

/** Whose code is running: an actor's, a timer's or a task's. Found by async context, one for the process. */
export const origin: Context<Pick<LogFields, "actor" | "timer" | "task" | "slot">> = context();

/** ` in actor orders`, or nothing where it is not known. */
export function originInWords(): string {
  const { actor, timer, task } = origin.get() ?? {};
  if (actor !== undefined) return ` in actor ${actor}`;
  if (timer !== undefined) return ` in timer ${timer}`;
  return task === undefined ? "" : ` in task ${task}`;
}
