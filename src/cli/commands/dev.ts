import { systemClock } from "../../core/clock.ts";
import { MephistoError } from "../../core/errors.ts";
import { startChild } from "../../dev/child.ts";
import { Dev } from "../../dev/dev.ts";
import { workerName } from "../../dev/fleet.ts";
import { anyPort, freePorts, isFree } from "../../dev/ports.ts";
import { probe } from "../../dev/probe.ts";
import { SourceWatch } from "../../dev/watch.ts";
import { resolveBare } from "../../runtime/resolve.ts";
import { onStopSignals, signalExitCode } from "../../runtime/signals.ts";
import { startedAs } from "../../runtime/started.ts";
import { type SettingSources, stopTimeoutOf } from "../../worker/settings.ts";
import { again, runtimesOf } from "../launch/respawn.ts";
import { brokerSettingsOf } from "../args/broker-settings.ts";
import { BROKER_FLAGS, BROKER_PORT, refuseProduction } from "./broker.ts";
import type { Command } from "../args/command.ts";
import { portOf, resolveLoglevel, WEB_PORT } from "../args/options.ts";
import { UsageError } from "../args/parse.ts";
import { howToUse } from "../launch/connect-hint.ts";
import type { Host, ScriptDefinition } from "../host.ts";
import { folderOf } from "../args/folder.ts";
import { bytesOf } from "../../core/byte-size.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { placeOf } from "../terminal/timer-table.ts";
import { countOf } from "../args/count.ts";
import { counted } from "../../core/counted.ts";
import { keepAlive } from "../../runtime/alive.ts";

const HOST = "127.0.0.1";
const WORKERS = 3;
/** More are a mistake, or a test of something else. */
const MOST_WORKERS = 64;
/** So many of what they run are named. */
const NAMED = 10;

/** Runs a broker and several workers of this script on it, for development. */
export function devCommand(definition: ScriptDefinition, host: Pick<Host, "startBroker">, terminal: Terminal): Command {
  const { options } = definition;
  return {
    args: {
      workers: {
        type: "string",
        alias: "n",
        description: `Number of workers; default ${WORKERS}`,
        valueHint: "number",
      },
      runtime: { type: "string", description: "Runtimes of the workers, in turn", valueHint: "bun,deno,node" },
      restart: { type: "boolean", default: true, description: "Do not restart workers that exit" },
      watch: { type: "boolean", alias: "w", description: "Restart the workers one by one when a file changes" },
      port: { type: "string", description: `Port of the broker; default ${BROKER_PORT}, or any free one` },
      "web-port": {
        type: "string",
        alias: "p",
        description: `Web port of the first worker, the others follow; default ${WEB_PORT} [MEPHISTO_WEB_PORT]`,
      },
      ...BROKER_FLAGS,
    },
    async run(flags, typed) {
      refuseProduction("dev", flags, terminal);
      const secured = (["ssl", "sasl"] as const).find((option) => options[option]);
      if (secured !== undefined) {
        throw new UsageError(
          `The code sets ${secured}, which the broker for development does not speak: leave it out where the script runs ` +
            `under dev, for instance by saying it in MEPHISTO_URL.`,
        );
      }
      const given: SettingSources = {
        flags,
        env: terminal.variables(["MEPHISTO_LOGLEVEL", "MEPHISTO_WEB_PORT", "MEPHISTO_STOP_TIMEOUT"]),
      };
      const loglevel = resolveLoglevel(given);
      if (flags.memory !== undefined) bytesOf(flags.memory, "--memory");
      if (flags.data !== undefined) folderOf(flags.data, "--data");
      const settings = Object.entries(await brokerSettingsOf(flags, typed));
      const count = countOf("workers", flags.workers, 1, MOST_WORKERS, WORKERS);
      const runtimes = runtimesOf(flags.runtime);
      const watch = flags.watch === "true" ? watched() : undefined;
      const [brokerPort, movedBroker] = await brokerPortOf(flags.port);
      const [webPorts, movedWeb] = await webPortsOf(given, count);
      const passed = ["data", "memory"].flatMap((name) =>
        flags[name] === undefined ? [] : [`--${name}=${flags[name]}`]
      );
      const room = () => terminal.drained();
      const url = `kafka://${HOST}:${brokerPort}`;
      const broker = host.startBroker([
        ...["--port", `${brokerPort}`, "--host", HOST, "-l", loglevel, "--brief", ...passed],
        ...settings.map(([name, value]) => `--set=${name}=${value}`),
      ]);
      const words = ["worker", "-l", loglevel, "--url", url, ...(loglevel === "debug" ? [] : ["--brief"])];
      const dev = new Dev({
        brokerPort,
        webPorts,
        brokerCommand: () => broker,
        workerCommand: (index, port) =>
          again(
            [...words, "--name", workerName(index), "-p", `${port}`, "-b", HOST, "--no-without-web"],
            runtimes[index % runtimes.length],
          ),
        trialCommand: (index) => again([...words, "--trial"], runtimes[index % runtimes.length]),
        start: startChild,
        probe,
        out: { colours: terminal.colours, write: (text) => terminal.out(text), room },
        err: { colours: terminal.errColours, write: (text) => terminal.err(text), room },
        restart: flags.restart !== "false",
        keeps: flags.data !== undefined,
        stopTimeout: stopTimeoutOf(options, given).value,
        watch,
        clock: systemClock,
      });
      const on = webPorts.map((port, index) => `http://${HOST}:${port} (${runtimes[index % runtimes.length]})`);
      return await live(dev, terminal, [
        ...[movedBroker, movedWeb].filter((line) => line !== undefined),
        `A broker on ${broker.runtime} at ${HOST}:${brokerPort}, for development; everything is kept in ${
          flags.data ?? "memory"
        }.`,
        howToUse(definition, terminal, url),
        `${count === 1 ? "One worker" : counted(count, "worker")}: ${on.join(", ")}. Ctrl-C ends everything.`,
        ...whatRuns(definition),
        ...(watch ? [`Watching ${counted(watch.count, "file")}.`] : []),
      ]);
    },
  };
}

async function live(dev: Dev, terminal: Terminal, introduction: readonly string[]): Promise<number> {
  const letEnd = keepAlive();
  let stopping: Promise<void> | undefined;
  const stop = () => stopping ??= dev.stop();
  const forget = onStopSignals(
    (signal) => {
      dev.tell(`Stopping after ${signal}: the workers, then the broker. A second one ends everything at once.`);
      void stop();
    },
    (signal) => {
      dev.kill();
      terminal.exit(signalExitCode(signal));
    },
  );
  for (const line of introduction) dev.tell(line);
  const failed = await dev.run();
  await stop();
  forget();
  letEnd();
  return failed ? 1 : 0;
}

/** What runs, in a line: the workers say it in detail. */
function whatRuns({ actors, timers, tasks }: ScriptDefinition): string[] {
  const parts = [
    ...[...actors.values()].map(({ name }) => `actor ${name}`),
    ...[...timers.values()].map(({ name, rule, onMaster }) => `timer ${name} (${rule.text}, on ${placeOf(onMaster)})`),
    ...[...tasks.values()].map(({ name, onMaster }) => `task ${name} (on ${placeOf(onMaster)})`),
  ];
  const left = parts.length - NAMED;
  if (parts.length === 0) return [];
  return [`They run ${parts.slice(0, NAMED).join(", ")}${left > 0 ? `, and ${left.toLocaleString("en")} more` : ""}.`];
}

function watched(): SourceWatch {
  const { script } = startedAs();
  if (script === undefined) throw new UsageError("--watch: a compiled program has no script to watch.");
  return new SourceWatch(script, resolveBare);
}

/** The port, and what is to be said of it. */
async function brokerPortOf(flag: string | undefined): Promise<[port: number, told?: string]> {
  if (flag !== undefined) {
    const port = portOf({ value: flag, from: "--port" });
    if (port === 0) return [await anyPort()];
    if (await isFree(port)) return [port];
    throw new MephistoError(
      "PORT_IN_USE",
      `Port ${port} is taken by another program: choose another with --port (0 takes any free one).`,
    );
  }
  if (await isFree(BROKER_PORT)) return [BROKER_PORT];
  const port = await anyPort();
  return [
    port,
    `Port ${BROKER_PORT} is taken by another program, so the broker listens on ${port}; a worker in another terminal ` +
    `finds it with --url kafka://${HOST}:${port}`,
  ];
}

async function webPortsOf(given: SettingSources, count: number): Promise<[ports: number[], told?: string]> {
  const text = given.flags["web-port"] ?? given.env.MEPHISTO_WEB_PORT;
  const first = text === undefined
    ? WEB_PORT
    : portOf({ value: text, from: given.flags["web-port"] === undefined ? "MEPHISTO_WEB_PORT" : "--web-port" });
  const ports = await freePorts(first, count);
  if (ports.length < count) {
    throw new MephistoError("PORT_IN_USE", `There are not ${count} free ports from ${first} on.`);
  }
  const taken = first === 0
    ? []
    : Array.from({ length: count }, (_, index) => first + index).filter((port) => !ports.includes(port));
  if (taken.length === 0) return [ports];
  const are = taken.length === 1 ? `Web port ${taken[0]} is` : `Web ports ${taken.join(", ")} are`;
  return [ports, `${are} taken by other programs: the workers take the next free ones.`];
}
