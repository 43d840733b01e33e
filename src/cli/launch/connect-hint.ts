import { startedAs } from "../../runtime/started.ts";
import { DEFAULT_URL, SETTING_VARIABLES } from "../../worker/settings.ts";
import type { ScriptDefinition } from "../host.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** How a worker of the script finds the broker at an address: one that looks there anyway needs no flag. */
export function howToUse({ options }: Pick<ScriptDefinition, "options">, terminal: Terminal, url: string): string {
  const env = terminal.variables(SETTING_VARIABLES);
  const finds = near(env.MEPHISTO_URL ?? options.url ?? DEFAULT_URL) === near(url);
  return `In other terminals: ${startedAs().shown} worker -p 0${finds ? "" : ` --url ${url}`}`;
}

function near(url: string): string {
  return url.replace("//localhost", "//127.0.0.1").replace(/\/$/, "");
}
