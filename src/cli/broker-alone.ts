import { brokerCommand } from "./commands/broker.ts";
import { COMMANDS } from "./commands.ts";
import type { MakeBroker } from "./host.ts";
import { dispatch } from "./args/dispatch.ts";
import { type Terminal, terminal as processTerminal } from "./terminal/terminal.ts";

/** Runs `mephisto broker`, which belongs to no script. */
export function runBroker(
  words: readonly string[],
  make: MakeBroker,
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const use = (url: string) => `In other terminals: mephisto worker <script.ts> -p 0 --url ${url}`;
  const broker = brokerCommand(make, terminal, use);
  return dispatch({
    name: "mephisto",
    description: "",
    commands: { broker: { description: COMMANDS.broker?.description ?? "", load: () => broker } },
    fallback: "broker",
    invocation: "mephisto",
  }, { ...terminal, words: ["broker", ...words] });
}
