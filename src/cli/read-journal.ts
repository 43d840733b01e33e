import { MephistoError } from "../core/errors.ts";
import { type Journal, journalTopic } from "../worker/journal.ts";
import { type Given, resolveSettings } from "../worker/settings.ts";
import type { Host, ScriptDefinition } from "./script.ts";

/** What the journal says, or, in a sentence, why there is nothing to be said. `patience` in ms. Errors: those of the settings. */
export async function readJournal(
  definition: ScriptDefinition,
  host: Host,
  given: Given,
  patience: number,
): Promise<{ journal: Journal | undefined; why: string | undefined }> {
  const settings = resolveSettings(definition.options, given);
  try {
    const journal = await host.journal(settings, patience);
    return {
      journal,
      why: journal ? undefined : `There is no journal ${journalTopic(definition.id)} yet: no master has run a timer.`,
    };
  } catch (error) {
    if (!(error instanceof MephistoError)) throw error;
    const from = error.code === "UNREACHABLE" ? ` The address is from ${settings.url.from}.` : "";
    return { journal: undefined, why: `What has run is not known: ${error.message}${from}` };
  } finally {
    await host.close();
  }
}
