import { type App, definitionOf } from "./definition.ts";
import { MephistoError } from "./errors.ts";
import { nameOf } from "./name.ts";
import { checkOptions, kinds } from "./options.ts";
import type { SerializerSpec } from "./serializer.ts";
import type { TaskFunction, TaskOptions } from "./task.ts";

/**
 * Defines a task: a function that runs for as long as mastership lasts (or, without `onMaster`, the worker), for a
 * listener or a firehose. What it sends on the master is fenced: it is published in transactions of its own, and
 * refused when another worker has become master. One that throws is started again, after a growing pause; one that
 * returns has done its work until the next master.
 *
 * Errors: `INVALID_NAME`, `DUPLICATE_NAME`, `INVALID_OPTION`.
 *
 * ```ts
 * import { app, task } from "mephisto";
 * const shop = app("shop");
 * task(shop, { onMaster: true }, async function listen({ signal }) {
 *   await new Promise((resolve) => signal.addEventListener("abort", resolve));
 * });
 * ```
 */
export function task(app: App<SerializerSpec, SerializerSpec>, options: TaskOptions, fn: TaskFunction): void;
/** Defines a task that runs on every worker. */
export function task(app: App<SerializerSpec, SerializerSpec>, fn: TaskFunction): void;
export function task(app: App, first: TaskOptions | TaskFunction, second?: TaskFunction): void {
  const definition = definitionOf(app);
  const options = typeof first === "function" ? {} : first;
  const fn = typeof first === "function" ? first : second;
  if (typeof fn !== "function") {
    throw new MephistoError("INVALID_OPTION", "task(app, options?, fn): the last argument is not a function.");
  }
  const name = nameOf(options?.name, fn, "task");
  checkOptions(options, { name: kinds.text, onMaster: kinds.flag }, `task ${name}`);
  if (definition.tasks.has(name) || definition.timers.has(name)) {
    throw new MephistoError("DUPLICATE_NAME", `App ${definition.id} has ${JSON.stringify(name)} already.`);
  }
  definition.tasks.set(name, { name, onMaster: options.onMaster ?? false, fn });
}
