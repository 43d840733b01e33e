import { isMephistoError, isRetriable } from "../core/errors.ts";
import { codeField, ROUTINE } from "../core/logger.ts";
import { journalTopic } from "../core/journal-topic.ts";
import { Outage } from "../core/outage.ts";
import { BACKOFF, Backoff } from "../core/backoff.ts";
import type { MasterWork } from "../driver/driver.ts";
import type { JournalState } from "../driver/master-log.ts";
import type { WorkerParts } from "./worker-parts.ts";

export type ConnectParts = Pick<
  WorkerParts,
  "advice" | "clock" | "definition" | "driver" | "logger" | "random" | "settings" | "sleep"
>;

/** What a worker needs before it joins its group. */
export interface Connected {
  readonly clusterId: string;
  /** How many partitions each topic has. */
  readonly partitionCounts: ReadonlyMap<string, number>;
  /** Undefined when nothing of the script runs on the master. */
  readonly journal: JournalState | undefined;
}

/**
 * Until a broker answers and the topics are there; undefined when that is given up. Throws what waiting does not mend.
 */
export async function connect(parts: ConnectParts, signal: AbortSignal): Promise<Connected | undefined> {
  const { clock, definition, driver, logger, settings, sleep } = parts;
  const outage = new Outage(logger, clock);
  const refusal = driver.troubles.of("The start");
  const backoff = new Backoff(BACKOFF.start, parts.random);
  const topics = [...definition.actors.values()].map(({ topic, partitions }) => ({
    topic,
    partitions,
    replicationFactor: definition.options.replicationFactor ?? -1,
  }));
  while (!signal.aborted) {
    try {
      const { brokers, clusterId, warnings = [] } = await driver.connect();
      const partitionCounts = await driver.ensureTopics(topics);
      const journal = await journalOf(parts);
      outage.over("Kafka answers");
      refusal.over();
      for (const warning of warnings) logger.warn(warning);
      logger.debug(`Connected to ${brokers.join(", ")}`);
      return { clusterId, partitionCounts, journal };
    } catch (error) {
      if (signal.aborted) return undefined;
      // Others may be about to allow it.
      if (isMephistoError(error) && error.code === "NOT_AUTHORIZED") {
        refusal.failed(error);
        await sleep(backoff.next(), signal);
        continue;
      }
      if (!isRetriable(error)) throw error;
      outage.failed(
        `${error.message} The address is from ${settings.url.from}. Start Kafka there, or give another with --url or ` +
          `MEPHISTO_URL.${parts.advice}`,
        codeField(error),
      );
      await sleep(backoff.next(), signal);
    }
  }
  return undefined;
}

/**
 * Begins anew when the broker is one that keeps nothing and another than before: all topics and the journal are gone for
 * good, and nobody has to be warned that they might be found again. Otherwise nothing, and undefined.
 */
export async function connectAnew(
  parts: ConnectParts,
  before: string,
  signal: AbortSignal,
): Promise<Connected | undefined> {
  const { clusterId, isInMemory } = await parts.driver.connect();
  if (!isInMemory || clusterId === before) return undefined;
  const connected = await connect(parts, signal);
  if (connected === undefined) return undefined;
  parts.logger.warn(
    "The broker keeps everything in memory and has been started again: its topics and the journal are new, and the " +
      "schedule begins anew.",
  );
  return connected;
}

/** What runs on the master, as the others are told. */
export function masterWork({ timers, tasks }: Pick<WorkerParts["definition"], "timers" | "tasks">): MasterWork[] {
  return [
    ...[...timers.values()].filter(({ onMaster }) => onMaster).map(({ name, rule }) => ({ name, rule: rule.text })),
    ...[...tasks.values()].filter(({ onMaster }) => onMaster).map(({ name }) => ({ name, rule: "task" })),
  ];
}

/** Makes sure of the journal, if there is anything to be written in it. */
async function journalOf({ definition, driver, logger }: ConnectParts): Promise<JournalState | undefined> {
  if (masterWork(definition).length === 0) return undefined;
  const { id, options } = definition;
  const topic = journalTopic(id);
  const journal = await driver.master.ensureJournal({ topic, replicationFactor: options.replicationFactor ?? -1 });
  if (journal.created) logger.info(`New journal ${topic}: the schedule begins anew.`, ROUTINE);
  for (const warning of journal.warnings) logger.warn(warning);
  return journal;
}
