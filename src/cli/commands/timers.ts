import { systemClock } from "../../core/clock.ts";
import { slotJson } from "../../core/upcoming.ts";
import type { MasterRecord } from "../../worker/master/journal/journal.ts";
import { settingsOf, URL_FLAG } from "./query.ts";
import type { Command } from "../args/command.ts";
import { countOf } from "../args/count.ts";
import { readJournal } from "./read-journal.ts";
import type { Host, ScriptDefinition } from "../host.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { comingSlots, comingTable, failures, idleTimers, listedTimers, timerTable } from "../terminal/timer-table.ts";

/** How many slots are shown of each timer, and how many at most. */
const NEXT = 3;
const MOST_NEXT = 1000;
/** How long a broker is looked for. */
const CONNECT_TIMEOUT_MS = 5000;

/** Shows what the timers have done, by the journal, and what they will do. */
export function timersCommand(
  definition: ScriptDefinition,
  host: Host,
  terminal: Terminal,
  now: () => number = () => systemClock.wall(),
): Command {
  return {
    args: {
      next: { type: "string", alias: "n", description: `Number of slots shown; default ${NEXT}`, valueHint: "number" },
      json: { type: "boolean", description: "Print JSON" },
      url: URL_FLAG,
    },
    async run(flags) {
      const count = countOf("next", flags.next, 0, MOST_NEXT, NEXT);
      const { journal, why } = await readJournal(
        definition,
        host,
        settingsOf(definition, flags, terminal),
        CONNECT_TIMEOUT_MS,
      );
      const rows = listedTimers(definition, journal);
      const coming = comingSlots(definition, now(), count);
      if (why !== undefined) terminal.err(`${why}\n`);
      if (flags.json === "true") {
        const timers = rows.map((row) => ({ ...row, next: coming.get(row.name)?.map(slotJson) ?? null }));
        terminal.out(
          JSON.stringify({ app: definition.id, lastMaster: journal?.master ?? null, timers }, undefined, 2) + "\n",
        );
        return 0;
      }
      const parts = rows.length === 0 ? [`App ${definition.id} has no timer.\n`] : [timerTable(rows, journal)];
      if (coming.size > 0 && count > 0) parts.push(comingTable(coming));
      if (journal?.master) parts.push(failures(rows) + idleTimers(rows) + aboutMaster(journal.master));
      terminal.out(parts.join("\n"));
      return 0;
    },
  };
}

function aboutMaster({ worker, epoch, version, resigned }: MasterRecord): string {
  const of = version === "" ? "" : ` of version ${version}`;
  return `The last master is ${worker}${of}, epoch ${epoch}${resigned ? ", which has resigned" : ""}.\n`;
}
