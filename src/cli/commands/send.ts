import type { ActorDefinition, OutgoingMessage } from "../../core/actor.ts";
import { ask, settingsOf, URL_FLAG } from "./query.ts";
import type { Command } from "../args/command.ts";
import { suggestion } from "../../core/nearest.ts";
import { repeated, UsageError } from "../args/parse.ts";
import type { Host, ScriptDefinition } from "../host.ts";
import { valueOf } from "../args/serializers.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Sends one message to an actor. */
export function sendCommand(definition: ScriptDefinition, host: Host, terminal: Terminal): Command {
  return {
    args: {
      actor: { type: "positional", description: "The actor's name" },
      value: { type: "positional", description: "Value to send; JSON where the actor takes JSON" },
      key: { type: "string", alias: "k", description: "Key: messages of one key go to one partition" },
      header: { type: "string", valueHint: "name=value", description: "Header; may be given several times" },
      url: URL_FLAG,
    },
    async run(flags, words) {
      const actor = actorOf(definition, flags.actor ?? "");
      const settings = settingsOf(definition, flags, terminal);
      const message: OutgoingMessage<unknown, unknown> = { value: valueOf(flags.value ?? "", actor.valueSerializer) };
      if (flags.key !== undefined) message.key = valueOf(flags.key, actor.keySerializer);
      const headers = repeated(words, "header");
      if (headers.length > 0) message.headers = headers.map(headerOf);
      await ask(host, settings, () => host.send(actor, message, settings));
      terminal.out(`sent to ${actor.topic}\n`);
      return 0;
    },
  };
}

function actorOf({ id, actors }: ScriptDefinition, name: string): ActorDefinition {
  const actor = actors.get(name);
  if (actor) return actor;
  if (actors.size === 0) throw new UsageError(`App ${id} has no actor.`);
  const hint = suggestion(name, actors.keys()) || ` It has ${[...actors.keys()].join(", ")}.`;
  throw new UsageError(`App ${id} has no actor ${JSON.stringify(name)}.${hint}`);
}

function headerOf(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UsageError(`--header: ${JSON.stringify(text)} is not of the form name=value.`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
