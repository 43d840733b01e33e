import type { ActorDefinition } from "../../core/actor.ts";
import { MESSAGE_RETRIES_MS } from "../../core/backoff.ts";
import { formatDuration } from "../../core/duration.ts";
import { describeThrown, isMephistoError, isRetriable, MephistoError, messageOf } from "../../core/errors.ts";
import type { InFlight } from "../../core/feed.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import type { Message, RecordBatchCursor } from "../../core/message.ts";
import type { BackgroundReports, Report } from "../../core/background-reports.ts";
import type { DeadLetters } from "../dead-letters/dead-letters.ts";
import type { PartitionBuffers } from "./partition-buffers.ts";

/** How long a partition waits after its handler has ended as its signal said. */
const TOLD_PAUSE_MS = 1000;
/** How long a partition waits whose message cannot be handled nor be dead-lettered. */
const DEAD_LETTER_RETRY_MS = 5000;

/** What has happened to an actor's messages. */
export interface ActorCounts {
  handled: number;
  failed: number;
  deadLettered: number;
}

export interface FailuresParts {
  readonly actor: Pick<ActorDefinition, "name" | "topic">;
  readonly counts: ActorCounts;
  readonly buffers: PartitionBuffers;
  readonly deadLetters: DeadLetters;
  readonly troubles: BackgroundReports;
  readonly logger: Logger;
}

/** What becomes of messages that a handler has failed with, or that cannot be decoded: tried again, or dead-lettered. */
export class Failures {
  readonly #parts: FailuresParts;
  /** Partitions whose message waits for what its handler sends, and how often it has. */
  readonly #waiting = new Map<number, number>();
  /** Partitions whose message can be dead-lettered nowhere. */
  readonly #undelivered = new Set<number>();

  constructor(parts: FailuresParts) {
    this.#parts = parts;
  }

  /** The handler has failed with these in hand. What is no longer ours of them is not its fault: the next owner has it. */
  async failed(held: readonly InFlight[], error: unknown): Promise<void> {
    const { actor, counts, buffers, logger } = this.#parts;
    const ours = held.filter(({ run }) => run.ours);
    const told = ours.filter(({ run }) => run.holder?.handling.notified === true);
    const isBatch = sizeOf(held) > 1;
    const waits = isRetriable(error);
    const again = buffers.requeue(ours, told.length === 0 && !waits);
    counts.handled -= sizeOf(ours);
    // It did as its signal said, which others than itself are the reason for.
    if (told.length > 0) {
      for (const { run } of told) buffers.retryIn(run, TOLD_PAUSE_MS);
      return logger.debug(
        `The handler of ${actor.name} has ended, as told: ${describeThrown(error)}`,
        codeField(error),
      );
    }
    if (waits) return this.#waits(again, error);
    if (!isBatch) { for (const run of again) await this.#messageFailed(run, error); }
    else if (again.length > 0) {
      counts.failed++;
      logger.error(
        `A batch of ${sizeOf(held)} of ${actor.topic} failed: ${describeThrown(error)}. Trying them one at a time.`,
      );
    }
  }

  /** Whether anything waits, and `done` wants to know what is done. */
  get waiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** What was in hand of a partition is done. */
  done(partition: number): void {
    if (this.#waiting.delete(partition)) this.#handling.over(String(partition));
  }

  /** A partition is another's now. */
  gone(partition: number): void {
    if (this.#waiting.delete(partition)) this.#handling.drop(String(partition));
    if (this.#undelivered.delete(partition)) this.#deadLettering.drop(String(partition));
  }

  get #handling(): Report {
    const { actor: { topic }, troubles } = this.#parts;
    return troubles.of(`Handling ${topic}`, { graceMs: 0, meaning: `What is in hand of ${topic} waits.` });
  }

  get #deadLettering(): Report {
    const { actor: { topic }, troubles } = this.#parts;
    return troubles.of(`Setting aside what ${topic} cannot handle`, { graceMs: 0, meaning: "" });
  }

  /** What waiting mends, such as a send that nobody acknowledges, is no message's fault: it is no attempt of it. */
  #waits(again: readonly RecordBatchCursor[], error: MephistoError): void {
    // Of each partition the first: the others stand behind it.
    for (const run of new Map(again.toReversed().map((run) => [run.partition, run])).values()) {
      const { topic, partition, messages } = run;
      const times = this.#waiting.get(partition) ?? 0;
      this.#waiting.set(partition, times + 1);
      this.#parts.buffers.retryIn(run, MESSAGE_RETRIES_MS[times] ?? DEAD_LETTER_RETRY_MS);
      const { name: actor } = this.#parts.actor;
      this.#handling.failed(error, { actor, topic, partition, offset: messages[0]?.offset }, String(partition));
    }
  }

  /** A handler that throws when the worker stops has not failed; what it had in hand is its next owner's. */
  endedUnfinished(held: readonly InFlight[], error: unknown): void {
    const { name: actor } = this.#parts.actor;
    for (const { run, from } of held) {
      const message = run.messages[from];
      if (message === undefined) continue;
      const { topic, partition } = run;
      this.#parts.logger.info(
        `The handler of ${actor} ended as the worker stops (${describeThrown(error)}), before it was done with ${
          at(run, message)
        }: it is handled again.`,
        { actor, topic, partition, offset: message.offset },
      );
    }
  }

  /** Sets a message aside that cannot be decoded; false: that was not possible, and its partition waits. */
  async undecodable(run: RecordBatchCursor, message: Message, error: unknown): Promise<boolean> {
    return await this.#deadLetter(run, message, error, 0, `cannot be decoded: ${messageOf(error)}`);
  }

  async #messageFailed(run: RecordBatchCursor, error: unknown): Promise<void> {
    const { counts, buffers, logger } = this.#parts;
    const [message] = run.messages;
    if (message === undefined) return;
    counts.failed++;
    const wait = MESSAGE_RETRIES_MS[run.attempts++];
    if (wait !== undefined) {
      buffers.retryIn(run, wait);
      logger.error(
        `${at(run, message)} failed: ${describeThrown(error)}. Attempt ${run.attempts + 1} follows in ${
          formatDuration(wait)
        }.`,
        { partition: run.partition, offset: message.offset, ...codeField(error) },
      );
      return;
    }
    buffers.hold(run);
    try {
      const what = `failed ${run.attempts} times: ${describeThrown(error)}`;
      const isAside = await this.#deadLetter(run, message, error, run.attempts, what);
      if (!isAside) run.attempts--; // its next failure leads here again
      else if (run.ours) buffers.done({ run, from: 0, to: run.index = 1 });
    } finally {
      buffers.release(run);
    }
  }

  /**
   * Whether the message is out of the way, in a topic, a file or the log. While the log is away its partition waits, and it
   * is tried again from the start: a message that can be found nowhere is lost. `what`: what happened to it, for people.
   */
  async #deadLetter(
    run: RecordBatchCursor,
    message: Message,
    error: unknown,
    attempts: number,
    what: string,
  ): Promise<boolean> {
    if (!run.ours) return false; // its next owner will come to it
    const { actor, counts, deadLetters, buffers, logger } = this.#parts;
    const { topic, partition } = run;
    const fields = { actor: actor.name, topic, partition, offset: message.offset, ...codeField(error) };
    let place: string;
    try {
      place = await deadLetters.add(run, message, error, attempts);
    } catch (trouble) {
      const sentence = `${at(run, message)} ${what}. It cannot be dead-lettered: ${
        messageOf(trouble)
      } Its partition waits.`;
      const { code, retriable } = asOurs(trouble);
      this.#undelivered.add(partition);
      this.#deadLettering.failed(
        new MephistoError(code, sentence, { cause: trouble, retriable }),
        fields,
        String(partition),
      );
      buffers.retryIn(run, DEAD_LETTER_RETRY_MS);
      return false;
    }
    if (this.#undelivered.delete(partition)) this.#deadLettering.over(String(partition));
    counts.deadLettered++;
    logger.error(`${at(run, message)} ${what}. Dead-lettered in ${place}.`, fields);
    return true;
  }
}

function asOurs(thrown: unknown): MephistoError {
  return isMephistoError(thrown) ? thrown : new MephistoError("INTERNAL", messageOf(thrown), { cause: thrown });
}

/** `shop-orders[0] at offset 17` */
export function at({ topic, partition }: RecordBatchCursor, { offset }: Message): string {
  return `${topic}[${partition}] at offset ${offset}`;
}

function sizeOf(hands: readonly InFlight[]): number {
  return hands.reduce((sum, { from, to }) => sum + to - from, 0);
}
