import type { Acknowledgements } from "../../core/acknowledgements.ts";
import { BACKOFF, Backoff } from "../../core/backoff.ts";
import { partitionKey, partitionName } from "../../core/topic-partition.ts";
import type { Clock } from "../../core/clock.ts";
import { MephistoError, messageOf } from "../../core/errors.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import { delay } from "../../core/delay.ts";
import type { Report } from "../../core/background-reports.ts";
import type { MemberListener, TopicPartition } from "../../driver/driver.ts";
import type { Cluster } from "../connection/cluster.ts";
import type { Group } from "../group/group.ts";
import type { Commits } from "./commits.ts";
import type { Fetcher } from "./fetch/fetcher.ts";
import { acksOf, type Held, type HeldPartitions } from "./held.ts";
import type { Positions } from "./positions.ts";

export interface BeginningsParts {
  readonly cluster: Cluster;
  readonly group: Group;
  readonly groupId: string;
  readonly sessionTimeout: number;
  readonly listener: Pick<MemberListener, "assigned">;
  readonly held: HeldPartitions;
  readonly positions: Positions;
  readonly commits: Commits;
  readonly fetcher: Fetcher;
  /** What is reported while positions are not known. */
  readonly report: Report;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called when the first partitions that were assigned have been begun with. */
  ready(): void;
}

/** Finds where to begin with partitions that were assigned, and begins to read. */
export class Beginnings {
  readonly #parts: BeginningsParts;
  /** By topic: what was begun last of it. */
  readonly #lastOf = new Map<string, Acknowledgements>();
  /** What was handled of partitions that were lost: it counts if they come back. */
  readonly #lost = new Map<string, Acknowledgements>();
  /** How often partitions have been begun. */
  #begun = 0;

  constructor(parts: BeginningsParts) {
    this.#parts = parts;
  }

  /** A partition was lost; what was handled of it counts if it comes back. */
  lost(acks: Acknowledgements): void {
    this.#lost.set(partitionKey(acks), acks);
  }

  /** Finds the positions of new partitions, and begins to read. */
  async begin(added: readonly Held[]): Promise<void> {
    const { group, groupId, held, positions, report, logger, ready, signal } = this.#parts;
    const backoff = new Backoff(BACKOFF.topic);
    const mine = () => added.filter((each) => held.isOurs(each) && !each.leaving && each.acks === undefined);
    const part = String(++this.#begun);
    while (!signal.aborted) {
      try {
        const wanted = mine();
        if (wanted.length > 0) {
          // What is known of the topics may be older than what the leader of the group has planned with.
          const refused = await this.#refresh(wanted);
          const there = wanted.filter((each) => this.#exists(each));
          const { found, error } = await positions.committed(group, groupId, there);
          await this.#read(mine(), found);
          // What is refused of one topic keeps no other from being read.
          if (error ?? refused) throw error ?? refused;
          report.over(part);
        } else report.drop(part); // others have them
        ready();
        // What is not there, of a topic that was deleted meanwhile, keeps nothing else from being read.
        if (mine().length === 0) return;
        await delay(backoff.next(), signal);
      } catch (error) {
        if (!(error instanceof MephistoError)) throw error; // a fault of ours
        logger.debug(`The positions are not known yet: ${messageOf(error)}`, codeField(error));
        report.failed(error, {}, part);
        await delay(backoff.next(), signal);
      }
    }
    report.drop(part);
  }

  /** Asks how their topics are; what some of them are refused with. Errors: those that pass. */
  async #refresh(partitions: readonly TopicPartition[]): Promise<MephistoError | undefined> {
    try {
      await this.#parts.cluster.refresh([...new Set(partitions.map(({ topic }) => topic))]);
      return undefined;
    } catch (error) {
      if (error instanceof MephistoError && !error.retriable) return error;
      throw error;
    }
  }

  #exists({ topic, partition }: TopicPartition): boolean {
    return partition < (this.#parts.cluster.topic(topic)?.leaders.length ?? 0);
  }

  async #read(wanted: readonly Held[], found: readonly Acknowledgements[]): Promise<void> {
    const { listener, logger, commits, sessionTimeout, clock, held, fetcher } = this.#parts;
    const begun: Held[] = [];
    const known = new Map(found.map((acks) => [partitionKey(acks), acks]));
    for (const each of wanted) {
      const acks = known.get(partitionKey(each));
      each.acks = acks && this.#resumed(acks);
      if (acks) begun.push(each);
    }
    this.#sayWhatBeginsAnew(begun);
    if (begun.length > 0) listener.assigned(begun);
    // At once, and before anything more is handled: whoever is removed after each message would get no further.
    const carried = acksOf(begun).filter(({ position, committed }) => position > committed);
    if (carried.length > 0) {
      const where = carried.map((each) => `${partitionName(each)} at ${each.position}`);
      logger.info(`Goes on where this worker had got to before: ${where.join(", ")}.`);
      await commits.firmly(carried, clock.monotonic() + sessionTimeout / 4);
    }
    for (const each of begun) {
      const { acks, leaving } = each;
      if (acks && !leaving && held.isOurs(each)) fetcher.add(acks);
    }
  }

  /** A topic may be another one since its partitions were read here last: given up when it was gone, and assigned again. */
  #sayWhatBeginsAnew(begun: readonly Held[]): void {
    for (const { acks } of begun) {
      if (acks === undefined) continue;
      const { topic, topicId } = acks;
      const former = this.#lastOf.get(topic)?.topicId;
      this.#lastOf.set(topic, acks);
      if (former === undefined || former === topicId) continue;
      const what = `Topic ${topic} has been deleted and created again`;
      this.#parts.logger.warn(`${what}: what is read from now on is of the new one.`, { topic });
    }
  }

  /** The acknowledgements of before, if the partition was lost and what was handled of it still counts. */
  #resumed(found: Acknowledgements): Acknowledgements {
    const key = partitionKey(found);
    const before = this.#lost.get(key);
    this.#lost.delete(key);
    return before?.resume(found.topicId, found.position) ? before : found;
  }
}
