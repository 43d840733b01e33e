import { brokerCommand, type MakeBroker } from "./broker.ts";
import { dispatch } from "./dispatch.ts";
import { type Terminal, terminal as processTerminal } from "./terminal.ts";

/** Runs `mephisto broker`, which belongs to no script. */
export function runBroker(
  words: readonly string[],
  make: MakeBroker,
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const use = (url: string, advice = `In other terminals: mephisto worker <script.ts> -p 0 --url ${url}`) => advice;
  const broker = brokerCommand(make, terminal, use, {
    // `dev` knows the script.
    advice: { type: "string", description: "What is said of how to use it", valueHint: "text" },
  });
  return dispatch({
    name: "mephisto",
    description: "",
    commands: { broker },
    fallback: "broker",
    invocation: "mephisto",
  }, { ...terminal, words: ["broker", ...words] });
}
