import { MephistoError } from "../../core/errors.ts";
import { resolveSettings, SETTING_VARIABLES, type WorkerSettings } from "../../worker/settings.ts";
import type { Host, ScriptDefinition } from "../host.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The flag of all commands that ask Kafka something, and end. */
export const URL_FLAG = { type: "string", description: "Kafka's address [MEPHISTO_URL]" } as const;

/** What such a command runs with. Errors: those of the settings. */
export function settingsOf(
  { options }: Pick<ScriptDefinition, "options">,
  { url }: Readonly<Record<string, string | undefined>>,
  terminal: Terminal,
): WorkerSettings {
  return resolveSettings(options, { flags: { url }, env: terminal.variables(SETTING_VARIABLES) });
}

/** Asks, and closes the host. An address at which nobody answers is told with where it came from. */
export async function ask<T>(host: Host, { url }: WorkerSettings, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (cause) {
    if (!(cause instanceof MephistoError) || cause.code !== "UNREACHABLE") throw cause;
    throw new MephistoError("UNREACHABLE", `${cause.message} The address is from ${url.from}.`, { cause });
  } finally {
    await host.close();
  }
}
