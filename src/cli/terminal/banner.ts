import { formatDuration } from "../../core/duration.ts";
import { redact } from "../../core/redact.ts";
import type { WorkerStatus } from "../../worker/status.ts";
import type { WorkerSettings } from "../../worker/settings.ts";
import type { ScriptDefinition } from "../host.ts";
import { placeOf } from "./timer-table.ts";
import { VERSION } from "../version.ts";

/** So many of a kind are named, each in a line. */
const NAMED = 20;

/** The few lines in which a worker says what it is; no password is among them. */
export function introduce(
  definition: ScriptDefinition,
  settings: WorkerSettings,
  { worker, runtime }: Pick<WorkerStatus, "worker" | "runtime">,
  web: string | undefined,
): string[] {
  const { id, actors, timers, tasks } = definition;
  const { url, sessionTimeout, heartbeatInterval, instanceId, version, master, evictOn } = settings;
  const session = `session ${formatDuration(sessionTimeout.value)}, heartbeat ${
    formatDuration(heartbeatInterval.value)
  }`;
  return [
    `Worker ${worker} of app ${id}${version.value && ` ${version.value}`}: mephisto ${VERSION} on ${runtime}`,
    `Kafka at ${redact(url.value)} (from ${url.from}), group ${id}, ${session}` +
    (instanceId.value === undefined ? "" : `, instance ${instanceId.value}`),
    ...named("actors", actors, ({ name, topic }) => `Actor ${name} handles topic ${topic}`),
    ...named(
      "timers",
      timers,
      ({ name, rule, onMaster }) =>
        `Timer ${name} runs ${rule.every === undefined ? "by " : ""}${rule.text} on ${placeOf(onMaster)}`,
    ),
    ...named("tasks", tasks, ({ name, onMaster }) => `Task ${name} runs on ${placeOf(onMaster)}`),
    ...(actors.size + timers.size + tasks.size === 0
      ? [`App ${id} has no actor, no timer and no task: this worker has nothing to do`]
      : []),
    ...(master.value ? [] : [`It never becomes master (from ${master.from})`]),
    ...(evictOn.value === "reset"
      ? [`It takes a worker whose address refuses connections for dead (evict-on reset, from ${evictOn.from})`]
      : []),
    web === undefined ? "No web port" : `Web port at ${web}`,
  ];
}

function named<T>(kind: string, all: ReadonlyMap<string, T>, line: (one: T) => string): string[] {
  const left = all.size - NAMED;
  const lines = [...all.values()].slice(0, NAMED).map(line);
  return left > 0 ? [...lines, `… and ${left.toLocaleString("en")} more ${kind}`] : lines;
}
