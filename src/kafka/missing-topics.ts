import type { Clock } from "../core/clock.ts";
import { formatDuration } from "../core/duration.ts";
import { messageOf } from "../core/errors.ts";
import { codeField, type Logger, REPEAT_LOG_MS } from "../core/logger.ts";
import { delay } from "../core/delay.ts";
import { BackgroundReports } from "../core/background-reports.ts";
import type { MissingTopic, TopicSpec } from "../driver/driver.ts";
import type { Cluster } from "./connection/cluster.ts";
import { counted } from "../core/counted.ts";

/** Whoever deletes a topic to create it anew has so long to do it before we do. */
const GRACE_MS = 10_000;
/** How often it is looked whether a topic is there again, and tried to create one that could not be created. */
const LOOK_MS = 500;
const TRY_AGAIN_MS = 30_000;

interface Missing {
  readonly spec: TopicSpec;
  /** On the monotonic clock, as all that follows. */
  readonly since: number;
  tryAt: number;
  logAt: number;
  /** Why it could not be created. */
  error: string | undefined;
}

/** Looks after the topics that a program needs: one that is deleted while it runs is told, and created again. */
export class MissingTopics {
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #specs = new Map<string, TopicSpec>();
  readonly #missing = new Map<string, Missing>();
  readonly #stop = new AbortController();
  #looking = false;

  constructor(cluster: Cluster, logger: Logger, clock: Clock, troubles = new BackgroundReports(logger, clock)) {
    this.#cluster = cluster;
    this.#logger = logger;
    this.#clock = clock;
    cluster.onChange((topic) => this.#changed(topic));
    // Its state is asked for again and again, so that it is noticed when it is allowed.
    cluster.onAnswer((topic, refused) => {
      if (!this.#specs.has(topic) || this.#stop.signal.aborted) return;
      if (refused) troubles.of(`Asking for topic ${topic}`).failed(refused, { topic });
      else troubles.of(`Asking for topic ${topic}`).over();
    });
  }

  /** These topics are there, and needed. */
  need(specs: readonly TopicSpec[]): void {
    for (const spec of specs) this.#specs.set(spec.topic, spec);
  }

  /** Those that are gone. */
  get all(): readonly MissingTopic[] {
    return [...this.#missing].map(([topic, missing]) => ({ topic, why: sentence(missing) }));
  }

  close(): void {
    this.#stop.abort();
  }

  #changed(topic: string): void {
    if (this.#stop.signal.aborted) return;
    const state = this.#cluster.topic(topic);
    const known = this.#missing.get(topic);
    if (state !== undefined) {
      if (known === undefined) return;
      this.#missing.delete(topic);
      const count = state.leaders.length;
      this.#logger.info(`Topic ${topic} is there again, with ${counted(count, "partition")}.`, {
        topic,
      });
      return;
    }
    const spec = this.#specs.get(topic);
    if (known !== undefined || spec === undefined) return;
    const since = this.#clock.monotonic();
    const missing: Missing = { spec, since, tryAt: since + GRACE_MS, logAt: since + REPEAT_LOG_MS, error: undefined };
    this.#missing.set(topic, missing);
    this.#logger.warn(sentence(missing));
    if (!this.#looking) void this.#look();
  }

  /** Until all are there again. */
  async #look(): Promise<void> {
    this.#looking = true;
    const { signal } = this.#stop;
    while (this.#missing.size > 0 && !signal.aborted) {
      await delay(LOOK_MS, signal);
      if (signal.aborted) break;
      try {
        await this.#cluster.refresh([...this.#missing.keys()]);
        for (const missing of this.#missing.values()) await this.#create(missing);
      } catch (error) {
        this.#logger.debug(`Whether topics are there again is not known: ${messageOf(error)}`, codeField(error));
      }
    }
    this.#looking = false;
  }

  async #create(missing: Missing): Promise<void> {
    const { spec } = missing;
    const now = this.#clock.monotonic();
    if (now >= missing.tryAt) {
      missing.tryAt = now + TRY_AGAIN_MS;
      try {
        await this.#cluster.create([spec]);
        await this.#cluster.refresh([spec.topic]);
        return;
      } catch (error) {
        if (missing.error === undefined) missing.logAt = now;
        missing.error = messageOf(error);
      }
    }
    if (now < missing.logAt) return;
    missing.logAt = now + REPEAT_LOG_MS;
    this.#logger.warn(sentence(missing));
  }
}

function sentence({ spec: { topic, partitions }, error }: Missing): string {
  if (error === undefined) {
    return `Topic ${topic} has been deleted. Unless somebody creates it within ${
      formatDuration(GRACE_MS)
    }, it is created ` +
      `again, with ${counted(partitions, "partition")}.`;
  }
  return `Topic ${topic} has been deleted, and could not be created again: ${
    error.replace(/\.$/, "")
  }. Create it; all ` +
    `goes on by itself then.`;
}
