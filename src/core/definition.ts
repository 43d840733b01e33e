import type { ActorDefinition, OutgoingMessage } from "./actor.ts";
import type { AppOptions } from "./app-options.ts";
import { MephistoError } from "./errors.ts";
import type { AnySerializer, SerializerSpec } from "./serializer.ts";
import type { TaskDefinition } from "./task.ts";
import type { TimerDefinition } from "./timer.ts";

/** An app: what was defined on it, and its life. */
export interface App<V extends SerializerSpec = SerializerSpec, K extends SerializerSpec = SerializerSpec>
  extends AsyncDisposable {
  readonly id: string;
  readonly options: AppOptions<V, K>;
  /**
   * Runs the script's command line when this module is the one the process was started with; else does nothing.
   * Settles when the command has ended, and sets the process's exit code.
   */
  main(meta: ImportMeta): Promise<void>;
  /**
   * Starts a worker inside this program; resolves when it has joined its group. Errors: `STOPPED` when `stop()` was called
   * meanwhile, `AUTHENTICATION_FAILED` and others that waiting does not mend.
   */
  start(): Promise<void>;
  /**
   * Finishes what is in hand, commits, leaves the group and closes every connection, within the stop timeout. Never throws.
   * A handler, timer or task that awaits it would be waited for itself: there it resolves when all others have ended.
   */
  stop(): Promise<void>;
}

/** What runs an app: the worker layer gives it to the core, which imports nothing from above. */
export interface AppRuntime {
  send(actor: ActorDefinition, message: OutgoingMessage<unknown, unknown>): Promise<void>;
  main(meta: ImportMeta): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What was defined, as the layers above read it. */
export interface AppDefinition {
  readonly app: App;
  readonly id: string;
  readonly options: AppOptions;
  readonly keySerializer: AnySerializer;
  readonly valueSerializer: AnySerializer;
  readonly actors: Map<string, ActorDefinition>;
  readonly timers: Map<string, TimerDefinition>;
  readonly tasks: Map<string, TaskDefinition>;
  readonly runtime: AppRuntime;
}

const definitions = new WeakMap<object, AppDefinition>();

/** Keeps what was defined, for as long as its app is there. */
export function keepDefinition(definition: AppDefinition): void {
  definitions.set(definition.app, definition);
}

/** What was defined on an app. Errors: `INVALID_OPTION` when it is none, or one of another copy of the package. */
export function definitionOf(app: App<SerializerSpec, SerializerSpec>): AppDefinition {
  const definition = typeof app === "object" && app !== null ? definitions.get(app) : undefined;
  if (definition) return definition;
  throw new MephistoError(
    "INVALID_OPTION",
    "The first argument is not an app made by app() of this copy of mephisto. If it is one, two copies are installed.",
  );
}
