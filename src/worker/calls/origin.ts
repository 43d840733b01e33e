import type { LogFields } from "../../core/logger.ts";
import { type Context, context } from "../../runtime/context.ts";
import type { Scope } from "./scope.ts";

/** Code of the program that is running: an actor's, a timer's or a task's. */
export interface Origin {
  readonly about: Pick<LogFields, "actor" | "timer" | "task" | "slot">;
  /** What it starts that does not go through its own app. */
  readonly scope: Pick<Scope, "adopt">;
}

/** Whose code is running. Found by async context, one for the process. */
export const origin: Context<Origin> = context();

/** ` in actor orders`, or nothing where it is not known. */
export function originInWords(): string {
  const { actor, timer, task } = origin.get()?.about ?? {};
  if (actor !== undefined) return ` in actor ${actor}`;
  if (timer !== undefined) return ` in timer ${timer}`;
  return task === undefined ? "" : ` in task ${task}`;
}
