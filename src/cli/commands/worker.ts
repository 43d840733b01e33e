import { systemClock } from "../../core/clock.ts";
import { ROUTINE } from "../../core/logger.ts";
import { describeThrown, messageOf, withoutStop } from "../../core/errors.ts";
import { LogThrottle } from "../../core/log-throttle.ts";
import { workerId } from "../../runtime/info.ts";
import { onStopSignals, signalExitCode, type StopSignal } from "../../runtime/signals.ts";
import { startedAs } from "../../runtime/started.ts";
import { onUncaught, type Uncaught } from "../../runtime/uncaught.ts";
import { makeInformedHandler } from "../../web/handler.ts";
import { serve } from "../../web/server.ts";
import { origin, originInWords } from "../../worker/calls/origin.ts";
import { isScopeless } from "../../worker/calls/scope-sends.ts";
import { resolveSettings, SETTING_VARIABLES, type SettingSources } from "../../worker/settings.ts";
import { OPTION_VARIABLES } from "../../worker/variables.ts";
import type { RunningWorker } from "../../worker/status.ts";
import type { Command } from "../args/command.ts";
import { introduce } from "../terminal/banner.ts";
import { loggerOf, makeLogger, openLogFile } from "../terminal/logger.ts";
import { OPTION_ARGS, resolveOptions, SETTING_ARGS } from "../args/options.ts";
import type { Host, ScriptDefinition } from "../host.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { keepAlive } from "../../runtime/alive.ts";

/** How long the web port waits for what the journal says. */
const JOURNAL_TIMEOUT_MS = 500;

/** More than these that nobody caught are not told while the worker stops. */
const MOST_UNCAUGHT = 10;

/** Runs a worker until it is told to stop. */
export function workerCommand(definition: ScriptDefinition, host: Host, terminal: Terminal): Command {
  return {
    args: {
      ...OPTION_ARGS,
      ...SETTING_ARGS,
      trial: { type: "boolean", description: "Connect, create missing topics and end, without joining the group" },
    },
    async run(flags) {
      const given: SettingSources = { flags, env: terminal.variables([...SETTING_VARIABLES, ...OPTION_VARIABLES]) };
      const settings = resolveSettings(definition.options, given);
      const options = resolveOptions(given);
      const file = options.logfile && openLogFile(options.logfile.value, options.logfile.from, terminal.err);
      const own = definition.options.logger;
      const write = (line: string) => file ? file.write(line) : terminal.err(line);
      const { loglevel: level, logFormat: format, brief } = options;
      const logger = own
        ? loggerOf(own, definition.id, terminal.err)
        : makeLogger({ level, format, worker: settings.name.value ?? workerId(), app: definition.id, brief, write });
      const unsent = new LogThrottle((sentence) => logger.error(sentence), systemClock);
      try {
        if (flags.trial === "true") {
          await host.tryOut(settings, logger, advice());
          return 0;
        }
        const worker = host.worker(settings, logger, advice());
        const journal = () => host.journal(settings, JOURNAL_TIMEOUT_MS);
        const web = options.web && await serve(makeInformedHandler(worker, journal), options.web);
        const failed = await live(worker, terminal, {
          ready() {
            for (const line of introduce(definition, settings, worker.status(), web?.address)) {
              logger.info(line, ROUTINE);
            }
          },
          stopping: (signal) => logger.info(`Stopping after ${signal}; a second one ends at once`, ROUTINE),
          failed(error) {
            logger.fatal(error);
            if (file || own) terminal.err(`${messageOf(error)}\n`);
          },
          unsent: (error) => unsent.log(`A send that nobody waits for failed: ${messageOf(error)}`),
          uncaught(thrown, how) {
            const what = how === "rejection"
              ? "A rejected promise was handled by nobody"
              : "An exception was not caught";
            const sentence =
              `${what}${originInWords()}: ${withoutStop(describeThrown(thrown))}. The worker finishes what ` +
              `it can, commits, and ends with exit code 1.`;
            logger.fatal(thrown, sentence, origin.get()?.about);
            if (file || own) terminal.err(`${sentence}\n`);
          },
        });
        logger.info("Stopped", ROUTINE);
        await web?.close();
        return failed ? 1 : 0;
      } finally {
        await host.close();
        file?.close();
      }
    },
  };
}

/** Only said: a worker that looks for Kafka never goes to a broker for development by itself. */
function advice(): string {
  const { shown } = startedAs();
  return ` For development: ${shown} dev, or ${shown} broker.`;
}

/** What is told of a worker's life. */
interface WorkerEvents {
  /** It is about to start, and signals are heard. */
  ready(): void;
  stopping(signal: StopSignal): void;
  failed(error: unknown): void;
  /** Code of the program has thrown something that came to nobody. */
  uncaught(thrown: unknown, how: Uncaught): void;
  /** A send outside of all handlers, timers and tasks has failed, and nobody waits for it. */
  unsent(error: unknown): void;
}

/** From start to stop; whether something else than a signal ended it. */
async function live(worker: RunningWorker, terminal: Terminal, events: WorkerEvents): Promise<boolean> {
  // Whatever the worker has open, the process must not end before it has stopped.
  const letEnd = keepAlive();
  let forget = () => {};
  let thrown = 0;
  let hearNothing = () => {};
  const failed = await new Promise<boolean>((resolve) => {
    let over = false;
    const end = (failed: boolean, tell: () => void) => {
      if (over) return;
      over = true;
      tell();
      resolve(failed);
    };
    const fail = (error: unknown) => end(true, () => events.failed(error));
    forget = onStopSignals(
      (signal) => end(false, () => events.stopping(signal)),
      (signal) => terminal.exit(signalExitCode(signal)),
    );
    hearNothing = onUncaught((error, how) => {
      if (how === "rejection" && isScopeless(error)) return events.unsent(error);
      if (++thrown <= MOST_UNCAUGHT) events.uncaught(error, how);
      end(true, () => {});
    });
    events.ready();
    worker.failed.then(fail, fail);
    // By a stop() in the script itself.
    void worker.stopped.then(() => end(false, () => {}));
    worker.start().catch(fail);
  });
  await worker.stop();
  forget();
  hearNothing();
  letEnd();
  return failed || thrown > 0;
}
