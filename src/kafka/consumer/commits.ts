import type { Acknowledgements } from "../../core/acknowledgements.ts";
import { BACKOFF, Backoff } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { CommitLoop, type CommitOutcome, isBehind } from "../../core/commit-loop.ts";
import { MephistoError, messageOf } from "../../core/errors.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import { delay } from "../../core/delay.ts";
import { partitionName } from "../../core/topic-partition.ts";
import type { Report } from "../../core/background-reports.ts";
import type { JoinOptions } from "../../driver/driver.ts";
import { Code, errorName, isRetriableCode } from "../../wire/error-codes.ts";
import type { Cluster } from "../connection/cluster.ts";
import { ProtocolError } from "../connection/errors.ts";
import type { Group } from "../group/group.ts";
import { commitOf } from "./offsets.ts";

export interface CommitsParts {
  readonly cluster: Pick<Cluster, "refresh" | "topic">;
  readonly group: Pick<Group, "ask" | "generationId" | "memberId">;
  readonly options: Pick<JoinOptions, "group" | "instanceId" | "sessionTimeout">;
  /** What is reported of commits that are not accepted. */
  readonly report: Report;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Nothing is committed any more. */
  readonly signal: AbortSignal;
  /** Of all partitions that are held. */
  active(): Acknowledgements[];
}

/** Tells the group what was handled: now and then of all partitions, firmly of those that are given up. */
export class Commits {
  readonly #parts: CommitsParts;
  readonly #loop: CommitLoop;

  constructor(parts: CommitsParts) {
    this.#parts = parts;
    const { clock, options, signal } = parts;
    this.#loop = new CommitLoop({
      clock,
      commit: (acks) => this.#once(acks),
      closeGone: (acks) => this.#closeGone(acks),
      pauses() {
        const backoff = new Backoff(BACKOFF.coordinator);
        return () => delay(backoff.next(), signal);
      },
      refusalMs: options.sessionTimeout,
      stopped: () => signal.aborted,
    });
  }

  /** Commits once what is behind of all. */
  async now(): Promise<void> {
    await this.#loop.commit(this.#parts.active());
  }

  /** Commits until it is accepted, or refused for a session, or the partitions are lost, or time is over. */
  async firmly(acks: readonly Acknowledgements[], until: number): Promise<void> {
    await this.#loop.firmly(acks, until);
  }

  /** The same of partitions that are given up: what Kafka refuses is reported. */
  async last(acks: readonly Acknowledgements[], until: number): Promise<void> {
    this.#sayWhatIsRefused(acks, await this.#loop.firmly(acks, until));
  }

  /** A partition is not kept for ever for a commit that is refused: whoever has it next handles some of it again. */
  #sayWhatIsRefused(acks: readonly Acknowledgements[], outcome: CommitOutcome): void {
    if (outcome !== "refused") return;
    const again = acks.filter((each) => isBehind(each) && each.committed >= 0);
    if (again.length === 0 || this.#parts.signal.aborted) return;
    const where = again.map((each) => `${partitionName(each)} from offset ${each.committed} to ${each.position - 1}`);
    this.#parts.logger.warn(
      `Given up without a commit, which Kafka refuses: ${where.join(", ")}. It is handled again by the next worker.`,
    );
  }

  /**
   * Of a topic or a partition that is gone nothing can be committed, nor may it be: the next one of its name is another
   * log.
   */
  async #closeGone(acks: readonly Acknowledgements[]): Promise<void> {
    const { cluster } = this.#parts;
    try {
      await cluster.refresh([...new Set(acks.map(({ topic }) => topic))]);
    } catch {
      return; // the next commit asks again
    }
    for (const each of acks) {
      const { topicId, leaders = [] } = cluster.topic(each.topic) ?? {};
      if (each.partition >= leaders.length || topicId !== each.topicId) each.closed = true;
    }
  }

  /**
   * Commits once what is behind. In the middle of a rebalance the coordinator may answer that the generation is not the
   * current one any more, or not settled yet: then it is kept, for the next time.
   */
  async #once(acks: readonly Acknowledgements[]): Promise<CommitOutcome> {
    const { group, logger, options, active, report } = this.#parts;
    const { memberId, generationId } = group;
    if (memberId === "" || generationId < 0) return "waits";
    const { group: groupId, instanceId: groupInstanceId = null } = options;
    const commit = commitOf({ groupId, generationId, memberId, groupInstanceId }, acks);
    if (commit === undefined) {
      if (!active().some(isBehind)) report.drop(); // what was refused has been given up, or is another's
      return "accepted";
    }
    try {
      const refused = commit.apply(await group.ask(commit.call));
      const code = refused?.errorCode ?? Code.NONE;
      if (refused === undefined) report.over();
      else {
        logger.debug(`A commit waits: ${errorName(code)}`, { code: errorName(code) });
        if (!OF_THE_GROUP.has(code)) report.failed(new ProtocolError(code, `Offsets of ${refused.topic}`), refused);
      }
      return outcomeOf(code);
    } catch (error) {
      if (!(error instanceof MephistoError)) throw error; // a fault of ours
      logger.debug(`A commit waits: ${messageOf(error)}`, codeField(error));
      report.failed(error);
      return "waits";
    }
  }
}

/** What the group's next generation settles, or whoever looks after the topics. */
const OF_THE_GROUP: ReadonlySet<number> = new Set([
  Code.ILLEGAL_GENERATION,
  Code.UNKNOWN_MEMBER_ID,
  Code.REBALANCE_IN_PROGRESS,
  Code.UNKNOWN_TOPIC_OR_PARTITION,
]);

function outcomeOf(code: number): CommitOutcome {
  if (code === Code.NONE) return "accepted";
  if (code === Code.UNKNOWN_TOPIC_OR_PARTITION) return "gone";
  return isRetriableCode(code) || OF_THE_GROUP.has(code) ? "waits" : "refused";
}
