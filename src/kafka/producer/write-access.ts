import { type MephistoError, messageOf } from "../../core/errors.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import { delay } from "../../core/delay.ts";
import type { BackgroundReports, Report } from "../../core/background-reports.ts";
import { metadata } from "../../wire/requests/03-metadata.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Code } from "../../wire/error-codes.ts";

/** How often it is asked whether a topic that may not be written to may be by now. */
const LOOK_MS = 2000;
/** Of the operations on a topic, as bits: Write. */
const WRITE = 1 << 4;

/**
 * The topics to which this user may not write. Whoever sent is told by an error of the send; the worker is not ready until
 * it is allowed, which is asked for, since nobody may send there again for long.
 */
export class WriteAccess {
  readonly #cluster: Cluster;
  readonly #troubles: BackgroundReports;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #refused = new Map<string, Report>();

  constructor(cluster: Cluster, troubles: BackgroundReports, logger: Logger, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#troubles = troubles;
    this.#logger = logger;
    this.#signal = signal;
  }

  /** A write was refused, whatever was in it. */
  refused(topic: string, error: MephistoError): void {
    const looking = this.#refused.size > 0;
    const report = this.#troubles.of(`Writing to ${topic}`);
    report.failed(error, { topic });
    this.#refused.set(topic, report);
    if (!looking) void this.#look();
  }

  async #look(): Promise<void> {
    while (this.#refused.size > 0 && !this.#signal.aborted) {
      await delay(LOOK_MS, this.#signal);
      if (this.#signal.aborted) return;
      try {
        const topics = [...this.#refused.keys()];
        const answer = await this.#cluster.ask(metadata({ topics, authorizedOperations: true }));
        for (const { name, errorCode, authorizedOperations } of answer.topics) {
          if (name === null) continue;
          const isGone = errorCode === Code.UNKNOWN_TOPIC_OR_PARTITION;
          if (!isGone && (errorCode !== 0 || (authorizedOperations & WRITE) === 0)) continue;
          if (isGone) this.#refused.get(name)?.drop(); // nobody writes there, allowed or not
          else this.#refused.get(name)?.over();
          this.#refused.delete(name);
        }
      } catch (error) {
        this.#logger.debug(`Whether topics may be written to is not known: ${messageOf(error)}`, codeField(error));
      }
    }
  }
}
