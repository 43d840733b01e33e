import type { Command } from "./dispatch.ts";
import type { ScriptDefinition } from "./script.ts";
import { serializerName } from "./serializers.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** Shows what the script defines; connects to nothing. */
export function listCommand(definition: ScriptDefinition, terminal: Terminal): Command {
  return {
    description: "Lists the actors and timers of this script",
    args: { json: { type: "boolean", description: "As JSON" } },
    run(flags) {
      const listed = describe(definition);
      terminal.out(flags.json === "true" ? JSON.stringify(listed, undefined, 2) + "\n" : asTables(listed));
      return Promise.resolve(0);
    },
  };
}

function describe({ id, actors, timers }: ScriptDefinition) {
  return {
    app: id,
    actors: [...actors.values()].map(({ name, topic, partitions, keySerializer, valueSerializer }) => ({
      name,
      topic,
      partitions,
      key: serializerName(keySerializer),
      value: serializerName(valueSerializer),
    })),
    timers: [...timers.values()].map(({ name, rule, onMaster, policy }) => ({
      name,
      /** In ms; null for one that goes by the calendar. */
      every: rule.every ?? null,
      rule: rule.text,
      onMaster,
      overlap: policy.overlap,
    })),
  };
}

function asTables({ app, actors, timers }: ReturnType<typeof describe>): string {
  if (actors.length + timers.length === 0) return `App ${app} defines no actor and no timer.\n`;
  const parts: string[] = [];
  if (actors.length > 0) {
    const rows = actors.map(({ name, topic, partitions, key, value }) => [name, topic, `${partitions}`, key, value]);
    parts.push(table([["ACTOR", "TOPIC", "PARTITIONS", "KEY", "VALUE"], ...rows]));
  }
  if (timers.length > 0) {
    const rows = timers.map(({ name, rule, onMaster, overlap }) => [
      name,
      rule,
      onMaster ? "the master" : "every worker",
      overlap,
    ]);
    parts.push(table([["TIMER", "RUNS", "ON", "OVERLAP"], ...rows]));
  }
  return parts.join("\n");
}
