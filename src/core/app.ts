import { type AppOptions, checkAppOptions } from "./app-options.ts";
import { type App, type AppDefinition, type AppRuntime, keepDefinition } from "./definition.ts";
import { MephistoError } from "./errors.ts";
import { checkName } from "./name.ts";
import { serializer, type SerializerName, type SerializerSpec } from "./serializer.ts";

let makeRuntime: ((definition: Omit<AppDefinition, "runtime">) => AppRuntime) | undefined;

/** Called once by the entry point: how an app is run. */
export function setRuntime(make: (definition: Omit<AppDefinition, "runtime">) => AppRuntime): void {
  makeRuntime = make;
}

/**
 * Defines an app; no I/O happens before `main()`, `start()` or a first `send()`. The id is also the consumer group's.
 *
 * Errors: `INVALID_NAME`, `INVALID_OPTION`, `INVALID_DURATION`.
 *
 * ```ts
 * import { app } from "mephisto";
 * const shop = app("shop", { url: "kafka://localhost:9092" });
 * console.log(shop.id); // shop
 * ```
 */
export function app<V extends SerializerName = "json", K extends SerializerSpec = "text">(
  id: string,
  options?: AppOptions<V, K>,
): App<V, K>;
/** Defines an app whose values have a serializer of one's own; does no I/O. */
export function app<T, In = T, K extends SerializerSpec = "text">(
  id: string,
  options: AppOptions<SerializerSpec, K> & {
    valueSerializer: { encode(value: In): Uint8Array; decode(bytes: Uint8Array): T };
  },
): App<{ encode(value: In): Uint8Array; decode(bytes: Uint8Array): T }, K>;
export function app(id: string, options: AppOptions = {}): App {
  checkName(id, "The id of this app");
  checkAppOptions(options, `app ${id}`);
  if (!makeRuntime) throw new MephistoError("INVALID_OPTION", 'Import app from "mephisto", not from src/core/app.ts.');
  const self: App = {
    id,
    options,
    main: (meta) => runtime.main(meta),
    start: () => runtime.start(),
    stop: () => runtime.stop(),
    [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]: () => runtime.stop(),
  };
  const defined = {
    app: self,
    id,
    options,
    keySerializer: serializer(options.keySerializer ?? "text", "keySerializer"),
    valueSerializer: serializer(options.valueSerializer ?? "json", "valueSerializer"),
    actors: new Map(),
    timers: new Map(),
    tasks: new Map(),
  };
  const runtime = makeRuntime(defined);
  keepDefinition({ ...defined, runtime });
  return self;
}
