import type { Message } from "../wire/protocol/message.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Codecs } from "../wire/codec.ts";
import type { GroupCoordinator } from "./groups/coordinator.ts";
import type { OtherResources } from "./settings/resources.ts";
import type { BrokerSettings } from "./settings/settings.ts";
import type { LogDir } from "./storage.ts";
import type { InternalTopics } from "./topics/internal-topics.ts";
import type { Topics } from "./topics/topics.ts";
import type { TransactionCoordinator } from "./transactions/coordinator.ts";

/** A request that is served, as ApiVersions advertises it. */
export type ServedApi = Pick<Message, "key" | "versions" | "advertisedFrom">;

/** What the handlers of requests are given of the broker. */
export interface BrokerServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly codecs: Codecs;
  /** What is served, and so what ApiVersions advertises. */
  readonly apis: readonly ServedApi[];
  readonly nodeId: number;
  /** Where clients are told to connect. */
  readonly host: string;
  readonly port: number;
  readonly clusterId: string;
  readonly topics: Topics;
  readonly internalTopics: InternalTopics;
  readonly groups: GroupCoordinator;
  /** Also asked by Produce about transactional batches. */
  readonly transactions: TransactionCoordinator;
  readonly settings: BrokerSettings;
  /** What was set for groups and such. */
  readonly resources: OtherResources;
  /** Where all logs are kept, and the room that there is. */
  readonly logDir: LogDir;
  /** Resolves once what was said of topics so far survives a crash. */
  flushed(): Promise<void>;
}
