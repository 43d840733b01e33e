import { systemClock } from "../../core/clock.ts";
import type { Journal } from "../../worker/master/journal/journal.ts";
import { settingsOf, URL_FLAG } from "./query.ts";
import type { Command } from "../args/command.ts";
import { readJournal } from "./read-journal.ts";
import type { Host, ScriptDefinition } from "../host.ts";
import { serializerName } from "../args/serializers.ts";
import { table } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { comingSlots, comingTable, listedTimers, placeOf, timerTable } from "../terminal/timer-table.ts";

/** A listing is worth this much waiting for what the journal says, and no error. */
const JOURNAL_TIMEOUT_MS = 800;

/** Shows what the script defines, and, where Kafka answers at once, what its timers have done. */
export function listCommand(
  definition: ScriptDefinition,
  host: Host,
  terminal: Terminal,
  now: () => number = () => systemClock.wall(),
): Command {
  return {
    args: {
      json: { type: "boolean", description: "Print JSON" },
      url: URL_FLAG,
    },
    async run(flags) {
      const { journal } = await readJournal(
        definition,
        host,
        settingsOf(definition, flags, terminal),
        JOURNAL_TIMEOUT_MS,
      );
      terminal.out(
        flags.json === "true"
          ? JSON.stringify(asJson(definition, journal, now()), undefined, 2) + "\n"
          : asTables(definition, journal, now()),
      );
      return 0;
    },
  };
}

function actorRows({ actors }: ScriptDefinition) {
  return [...actors.values()].map(({ name, topic, partitions, keySerializer, valueSerializer }) => ({
    name,
    topic,
    partitions,
    key: serializerName(keySerializer),
    value: serializerName(valueSerializer),
  }));
}

function taskRows({ tasks }: ScriptDefinition) {
  return [...tasks.values()].map(({ name, onMaster }) => ({ name, onMaster }));
}

function asJson(definition: ScriptDefinition, journal: Journal | undefined, now: number) {
  const coming = comingSlots(definition, now, 1);
  const timers = listedTimers(definition, journal).map((row) => {
    const [next] = coming.get(row.name) ?? [];
    return { ...row, next: next ? new Date(next.slot).toISOString() : null };
  });
  return { app: definition.id, actors: actorRows(definition), timers, tasks: taskRows(definition) };
}

function asTables(definition: ScriptDefinition, journal: Journal | undefined, now: number): string {
  const timers = listedTimers(definition, journal);
  if (definition.actors.size + timers.length + definition.tasks.size === 0) {
    return `App ${definition.id} defines no actor, no timer and no task.\n`;
  }
  const parts: string[] = [];
  if (definition.actors.size > 0) {
    const rows = actorRows(definition).map(({ name, topic, partitions, key, value }) => [
      name,
      topic,
      `${partitions}`,
      key,
      value,
    ]);
    parts.push(table([["ACTOR", "TOPIC", "PARTITIONS", "KEY", "VALUE"], ...rows]));
  }
  if (timers.length > 0) parts.push(timerTable(timers, journal));
  if (definition.timers.size > 0) parts.push(comingTable(comingSlots(definition, now, 1)));
  if (definition.tasks.size > 0) {
    parts.push(table([["TASK", "ON"], ...taskRows(definition).map(({ name, onMaster }) => [name, placeOf(onMaster)])]));
  }
  return parts.join("\n");
}
