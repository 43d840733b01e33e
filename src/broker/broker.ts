import { type Clock, systemClock } from "../core/clock.ts";
import { MephistoError } from "../core/errors.ts";
import { type Logger, silent } from "../core/logger.ts";
import type { Codecs } from "../wire/codec.ts";
import { MemoryBudget } from "./log/budget.ts";
import { clusterIdOf } from "./cluster-id.ts";
import { InternalTopics } from "./topics/internal-topics.ts";
import { Coordinators } from "./coordinators.ts";
import type { GroupCoordinator } from "./groups/coordinator.ts";
import type { GroupSettings } from "./groups/settings.ts";
import { NODE_ID } from "./node.ts";
import type { AnyApi } from "./requests/api.ts";
import { apis } from "./requests/index.ts";
import { BrokerServer, defaultLimits, type ServerLimits } from "./net/server.ts";
import { groupSettingsOf, limitsOf, transactionSettingsOf } from "./effects.ts";
import type { BrokerServices } from "./services.ts";
import { OtherResources } from "./settings/resources.ts";
import { BrokerSettings, checkSettings } from "./settings/settings.ts";
import type { KeyValueJournal } from "./key-value-journal.ts";
import { folderStorage, type LogDir, memoryStorage, type Storage } from "./storage.ts";
import { JournaledTopics } from "./topics/topic-store.ts";
import { Topics } from "./topics/topics.ts";
import type { TransactionCoordinator } from "./transactions/coordinator.ts";
import type { TransactionSettings } from "./transactions/settings.ts";

export interface BrokerOptions {
  /** Default 127.0.0.1: nobody else can connect. */
  readonly host?: string;
  /** Default 9092; 0: any that is free. */
  readonly port?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<ServerLimits>;
  /** A folder where everything is kept; missing: in memory, and gone with the process. */
  readonly data?: string;
  /** Whether what is acknowledged survives a loss of power too, not only the end of the process. Default true. */
  readonly sync?: boolean;
  /** Memory for all records together, in bytes. Default 512 MiB. */
  readonly memoryLimit?: number;
  /** Kafka's settings of a broker by their names, such as `num.partitions`: those that have an effect here. */
  readonly settings?: Readonly<Record<string, string>>;
  /** For compacting compressed batches, and for finding a time in them. They are always stored as sent. */
  readonly codecs?: Codecs;
  /** Session limits and such, where they are not among the settings; see there for the defaults. */
  readonly groups?: Partial<GroupSettings>;
  /** Timeouts and such; see there for the defaults. */
  readonly transactions?: Partial<TransactionSettings>;
}

/** The names of journals. */
const [SETTINGS, RESOURCES] = ["settings", "resources"] as const;
const MEMORY_LIMIT_BYTES = 512 * 1024 * 1024;

/**
 * A broker for one machine that speaks Kafka's protocol.
 *
 *     const broker = new Broker({ port: 0 });
 *     const { port } = await broker.start();
 *     await broker.stop();
 */
export class Broker implements BrokerServices {
  readonly options: BrokerOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly codecs: Codecs;
  readonly memory: MemoryBudget;
  /** What is served, and so what ApiVersions advertises. */
  readonly apis: readonly AnyApi[] = apis;
  readonly nodeId = NODE_ID;
  readonly #given: ReadonlyMap<string, string>;
  #topics: Topics | undefined;
  #settings: BrokerSettings | undefined;
  #resources: OtherResources | undefined;
  #internal: InternalTopics | undefined;
  #clusterId: string | undefined;
  #storage: Storage | undefined;
  #keeper: JournaledTopics | undefined;
  #maintainer: NodeJS.Timeout | undefined;
  #coordinators: Coordinators | undefined;
  #server: BrokerServer | undefined;
  #port = 0;

  constructor(options: BrokerOptions = {}) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silent;
    this.codecs = options.codecs ?? {};
    this.#given = checkSettings(options.settings ?? {});
    this.memory = new MemoryBudget(options.memoryLimit ?? MEMORY_LIMIT_BYTES);
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#server?.connections ?? 0;
  }

  /** Only while it runs. */
  get topics(): Topics {
    return running(this.#topics);
  }

  /** Only while it runs. */
  get groups(): GroupCoordinator {
    return running(this.#coordinators).groups;
  }

  /** Also asked by Produce about transactional batches. Only while it runs. */
  get transactions(): TransactionCoordinator {
    return running(this.#coordinators).transactions;
  }

  /** Where clients are told to connect. */
  get host(): string {
    return this.options.host ?? "127.0.0.1";
  }

  get port(): number {
    return this.#port;
  }

  /** As old as what the broker keeps. Only while it runs. */
  get clusterId(): string {
    return running(this.#clusterId);
  }

  /** Only while it runs. */
  get settings(): BrokerSettings {
    return running(this.#settings);
  }

  /** What was set for groups and such. Only while it runs. */
  get resources(): OtherResources {
    return running(this.#resources);
  }

  /** Only while it runs. */
  get internalTopics(): InternalTopics {
    return running(this.#internal);
  }

  /** The journal of that name, such as "groups"; the same object for the same name. Only while it runs. */
  journal(name: string): KeyValueJournal {
    return running(this.#storage).journal(name);
  }

  /** Where all logs are kept, and the room that there is. Only while it runs. */
  get logDir(): LogDir {
    return running(this.#storage).describe();
  }

  /** Resolves once what was said of topics so far survives a crash. */
  async flushed(): Promise<void> {
    await this.#keeper?.flushed();
    await this.#storage?.journal(SETTINGS).flushed();
    await this.#storage?.journal(RESOURCES).flushed();
  }

  /**
   * Listens. Rejects with the system's error, such as one of the code EADDRINUSE, and with a `MephistoError` if another
   * process uses the folder.
   */
  async start(): Promise<{ port: number }> {
    try {
      this.#open();
      return await this.#listen();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** What was there before. */
  #open(): void {
    const { data, sync = true } = this.options;
    const { memory, clock, codecs, logger } = this;
    const storage = this.#storage = data === undefined ? memoryStorage(memory) : folderStorage(data, sync, logger);
    this.#clusterId = clusterIdOf(storage.journal("cluster"), data !== undefined);
    this.#internal = new InternalTopics(storage.journal("internal-topics"));
    this.#resources = new OtherResources(storage.journal(RESOURCES));
    const settings = new BrokerSettings(this.#given, () => this.#identity(), storage.journal(SETTINGS));
    this.#settings = settings;
    const keeper = this.#keeper = new JournaledTopics({ storage, memory, clock, codecs });
    const topics = this.#topics = new Topics(keeper, () => settings.topicDefaults);
    for (const topic of keeper.remembered()) topics.recall(topic);
    const groups = { ...groupSettingsOf(this.#given), ...this.options.groups };
    const transactions = { ...transactionSettingsOf(this.#given), ...this.options.transactions };
    const journal = (name: string) => this.journal(name);
    this.#coordinators = new Coordinators({ topics, journal, clock, logger, groups, transactions });
    this.#coordinators.start();
  }

  async #listen(): Promise<{ port: number }> {
    const { port = 9092, limits } = this.options;
    this.#server = new BrokerServer({
      host: this.host,
      port,
      broker: this,
      apis: this.apis,
      limits: { ...defaultLimits, ...limitsOf(this.#given), ...limits },
      clock: this.clock,
      logger: this.logger,
    });
    this.#port = await this.#server.listen();
    this.#maintainer = setInterval(() => this.maintain(), this.settings.number("log.retention.check.interval.ms"));
    this.#maintainer.unref();
    return { port: this.#port };
  }

  /** What is said of the broker itself, in the words of Kafka's settings. */
  #identity(): Readonly<Record<string, string>> {
    const listeners = `PLAINTEXT://${this.host}:${this.port}`;
    return {
      "advertised.listeners": listeners,
      "broker.id": String(this.nodeId),
      listeners,
      "log.dirs": this.options.data ?? "memory",
      "node.id": String(this.nodeId),
      "process.roles": "broker,controller",
    };
  }

  /** Ends every connection at once and frees the port. */
  async stop(): Promise<void> {
    clearInterval(this.#maintainer);
    await this.#server?.close();
    this.#server = undefined;
    this.#coordinators?.stop();
    this.#coordinators = undefined;
    for (const topic of this.#topics?.all() ?? []) {
      for (const { log } of topic.partitions) {
        await log.flushed();
        log.close();
      }
    }
    await this.#keeper?.flushed();
    this.#storage?.close();
    this.#storage = this.#keeper = this.#topics = undefined;
    this.#settings =
      this.#resources =
      this.#internal =
      this.#clusterId =
        undefined;
  }

  /** Retention and compaction of all logs; done from time to time. */
  maintain(): void {
    const now = this.clock.wall();
    for (const topic of this.topics.all()) for (const { log } of topic.partitions) log.maintain(now);
  }
}

function running<T>(part: T | undefined): T {
  if (part === undefined) throw new MephistoError("STOPPED", "the broker does not run");
  return part;
}
