import type { StringArgDef } from "citty";
import { cannotListen } from "../../core/cannot-listen.ts";
import { messageOf } from "../../core/errors.ts";
import { deadline } from "../../core/delay.ts";
import { workerId } from "../../runtime/info.ts";
import { onStopSignals, signalExitCode } from "../../runtime/signals.ts";
import { SETTING_VARIABLES, type SettingSources } from "../../worker/settings.ts";
import { brokerSettingsOf } from "../args/broker-settings.ts";
import type { Command } from "../args/command.ts";
import type { DevBroker, Host, MakeBroker, ScriptDefinition } from "../host.ts";
import { howToUse } from "../launch/connect-hint.ts";
import { LOG_LEVELS, makeLogger } from "../terminal/logger.ts";
import { portOf, resolveLoglevel } from "../args/options.ts";
import { folderOf } from "../args/folder.ts";
import { UsageError } from "../args/parse.ts";
import { bytesOf } from "../../core/byte-size.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { keepAlive } from "../../runtime/alive.ts";

/** Kafka's own port: what workers look for when nothing else is said. */
export const BROKER_PORT = 9092;

/** How long it may take to stop. */
const STOP_TIMEOUT_MS = 900;

const flag = (description: string, more: Partial<StringArgDef> = {}): StringArgDef => ({
  type: "string",
  description,
  ...more,
});

/** The flags that `dev` hands on to its broker. */
export const BROKER_FLAGS = {
  data: flag("Folder to keep everything in; default: in memory", { valueHint: "folder" }),
  memory: flag("Memory limit", { valueHint: "512MiB" }),
  "auto-create": { type: "boolean", default: true, description: "Do not create topics that clients ask for" },
  partitions: flag("Partitions of a topic made without a number; default 1", { valueHint: "number" }),
  set: flag("Kafka broker setting; may be given several times", { valueHint: "name=value" }),
  loglevel: flag("Log level; default info [MEPHISTO_LOGLEVEL]", { alias: "l", valueHint: LOG_LEVELS.join("|") }),
  "yes-really": { type: "boolean", description: "Start under NODE_ENV=production too" },
} as const;

/** Runs a broker for development until it is told to stop. `use` says how a worker finds the one at an address. */
export function brokerCommand(make: MakeBroker, terminal: Terminal, use: (url: string) => string): Command {
  return {
    args: {
      port: flag(`Port; default ${BROKER_PORT}; 0 takes any free one`),
      host: flag("Address to listen on; default 127.0.0.1", { valueHint: "address" }),
      ...BROKER_FLAGS,
      brief: { type: "boolean", description: "Do not print the address and how to use it" },
    },
    async run(flags, words) {
      refuseProduction("broker", flags, terminal);
      const port = flags.port === undefined ? BROKER_PORT : portOf({ value: flags.port, from: "--port" });
      const host = flags.host ?? "127.0.0.1";
      const given: SettingSources = { flags, env: terminal.variables([...SETTING_VARIABLES, "MEPHISTO_LOGLEVEL"]) };
      const level = resolveLoglevel(given);
      const logger = makeLogger({ level, format: "text", worker: workerId(), write: (line) => terminal.err(line) });
      const broker = await make({
        port,
        host,
        logger,
        settings: await brokerSettingsOf(flags, words),
        ...(flags.data !== undefined && { data: folderOf(flags.data, "--data") }),
        ...(flags.memory !== undefined && { memoryLimit: bytesOf(flags.memory, "--memory") }),
      });
      const where = flags.data ?? "memory";
      const introduce = (address: string, url: string) => {
        if (flags.brief === "true") return;
        terminal.out(
          `Speaks Kafka's protocol at ${address}, for development; everything is kept in ${where}.\n${use(url)}\n`,
        );
      };
      return await live(broker, { port, host }, terminal, introduce);
    },
  };
}

/** The same as a command of a script. */
export function scriptBrokerCommand(definition: ScriptDefinition, host: Host, terminal: Terminal): Command {
  return brokerCommand(host.broker, terminal, (url) => howToUse(definition, terminal, url));
}

/** Errors: a `UsageError` where a broker for development has no place. */
export function refuseProduction(
  command: string,
  flags: Record<string, string | undefined>,
  terminal: Terminal,
): void {
  if (flags["yes-really"] === "true" || terminal.variables(["NODE_ENV"]).NODE_ENV !== "production") return;
  throw new UsageError(
    `NODE_ENV is production, and the broker that ${command} starts is for development: it keeps one copy of everything, ` +
      `for one machine. Use Apache Kafka, or say --yes-really.`,
  );
}

async function live(
  broker: DevBroker,
  { port, host }: { port: number; host: string },
  terminal: Terminal,
  introduce: (address: string, url: string) => void,
): Promise<number> {
  const letEnd = keepAlive();
  const told = Promise.withResolvers<void>();
  const forget = onStopSignals(() => told.resolve(), (signal) => terminal.exit(signalExitCode(signal)));
  const where = { what: "Port", port, host, portFlag: "--port", hostFlag: "--host" };
  try {
    const listening = await broker.start().catch((error) => Promise.reject(cannotListen(error, where) ?? error));
    const address = `${host.includes(":") ? `[${host}]` : host}:${listening.port}`;
    introduce(address, `kafka://${address.replace(/^(0\.0\.0\.0|\[::\]):/, "localhost:")}`);
    await told.promise;
    const stopped = broker.stop().then(() => true, (error) => {
      terminal.err(`${messageOf(error)}\n`);
      return true;
    });
    if (!await deadline(stopped, STOP_TIMEOUT_MS)) terminal.exit(0);
    return 0;
  } finally {
    forget();
    letEnd();
  }
}
