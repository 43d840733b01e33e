import { MephistoError } from "../../core/errors.ts";
import { journalTopic } from "../../core/journal-topic.ts";
import type { Journal } from "../../worker/master/journal/journal.ts";
import type { WorkerSettings } from "../../worker/settings.ts";
import { ask } from "./query.ts";
import type { Host, ScriptDefinition } from "../host.ts";

/** What the journal says, or, in a sentence, why there is nothing to be said. `timeoutMs`: how long it may take. */
export async function readJournal(
  { id }: Pick<ScriptDefinition, "id">,
  host: Host,
  settings: WorkerSettings,
  timeoutMs: number,
): Promise<{ journal: Journal | undefined; why: string | undefined }> {
  try {
    const journal = await ask(host, settings, () => host.journal(settings, timeoutMs));
    return {
      journal,
      why: journal ? undefined : `There is no journal ${journalTopic(id)} yet: no master has run a timer.`,
    };
  } catch (error) {
    if (!(error instanceof MephistoError)) throw error;
    return { journal: undefined, why: `What has run is not known: ${error.message}` };
  }
}
