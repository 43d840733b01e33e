import { Buffer } from "node:buffer";
import type { Clock } from "../../core/clock.ts";
import { type ErrorCode, isMephistoError, isRetriable, type MephistoError, messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Message } from "../../core/message.ts";
import { topicWith } from "../../core/name.ts";
import { deadline, type Sleep } from "../../core/delay.ts";
import type { Driver, OutgoingRecord, TopicSpec } from "../../driver/driver.ts";
import { AS_IT_WAS, copyOf, type CopyPlan, type Death, lineOf, nextPlan } from "./copy.ts";
import type { Keep } from "./file.ts";

/** What is appended to a topic's name for the messages that could not be handled; and where that topic cannot serve. */
const ENDINGS = [".dead", "-dead-letters"] as const;
/** After this long without an answer it is looked whether the topic is still there. */
const CHECK_AFTER_MS = 2000;

/** How often a topic is tried that could not be made. */
const LOOK_MS = 5000;

/** The worker has no way to the log, or no room: that says nothing of a message or of a topic, and all of them wait. */
const NO_WAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "BUFFER_FULL",
  "STOPPED",
  "AUTHENTICATION_FAILED",
  "UNTRUSTED_CERTIFICATE",
]);

export interface DeadLettersParts {
  readonly driver: Pick<Driver, "publisher" | "ensureTopics" | "troubles">;
  readonly worker: string;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly logger: Logger;
  /** Of topics that are created; -1: the broker's default. */
  readonly replicationFactor: number;
  /** Aborts when nothing more is dead-lettered. */
  readonly signal?: AbortSignal;
  /** Where a message goes that no topic takes. */
  readonly keep: Keep;
}

/**
 * Where messages go that cannot be handled: as they were, with what went wrong in their headers. What one topic refuses
 * is offered with less of what is ours, then to another topic, and at last to a file, or the log: no message may stop
 * its partition for good, and none may be lost.
 */
export class DeadLetters {
  readonly #parts: DeadLettersParts;
  readonly #ensured = new Map<string, Promise<unknown>>();
  /** Topics that could not be made. */
  readonly #refused = new Set<string>();

  constructor(parts: DeadLettersParts) {
    this.#parts = parts;
  }

  /** Resolves to where the message now is, for people. Errors: the driver's, as long as the log is away. */
  async add(
    at: { topic: string; partition: number },
    message: Message,
    error: unknown,
    attempts: number,
  ): Promise<string> {
    const { clock, worker, logger, keep } = this.#parts;
    const { topic, partition } = at;
    const death: Death = { topic, partition, message, error, attempts, worker, now: clock.wall() };
    const refusals: string[] = [];
    const unmade = new Map<TopicSpec, MephistoError>();
    for (const ending of ENDINGS) {
      const place = topicWith(topic, ending);
      const refusal = await this.#write(death, place, unmade);
      if (refusal === undefined) return refusals.length === 0 ? place : `${place}, since ${refusals.join(", and ")}`;
      refusals.push(`${place} does not take it: ${messageOf(refusal).replace(/\.$/, "")}`);
      if (isMephistoError(refusal) && refusal.code === "NOT_AUTHORIZED") break; // nor will it be allowed another
    }
    for (const [spec, error] of unmade) this.#isRefused(spec, error);
    const line = lineOf(death, (bytes) => Buffer.from(bytes).toString("base64"));
    try {
      return `${await keep(topic, line)}, since ${refusals.join(", and ")}`;
    } catch (trouble) {
      const why = [...refusals, `no file: ${messageOf(trouble)}`].join("; ");
      logger.error(`A message of ${topic}[${partition}] is kept in this line, ${line.length} bytes of JSON: ${line}`, {
        topic,
        partition,
        offset: message.offset,
      });
      return `the log, in the line before this one (${why})`;
    }
  }

  /**
   * Writes it to a topic; what it was refused with if that is not possible at all. `unmade` gets the topic if it cannot
   * be made.
   */
  async #write(death: Death, topic: string, unmade: Map<TopicSpec, MephistoError>): Promise<unknown> {
    const spec: TopicSpec = {
      topic,
      partitions: 1,
      replicationFactor: this.#parts.replicationFactor,
      limitsOf: death.topic,
    };
    let plan: CopyPlan | undefined = AS_IT_WAS;
    let refusal: unknown;
    for (let remade = false; plan !== undefined;) {
      try {
        await this.#ensure(spec);
      } catch (error) {
        if (isAway(error)) throw error;
        if (isMephistoError(error)) unmade.set(spec, error);
        return error;
      }
      try {
        await this.#send(spec, copyOf(death, plan, topic));
        return undefined;
      } catch (error) {
        this.#ensured.delete(topic);
        if (isAway(error)) throw error;
        refusal = error;
        const isGone = isMephistoError(error) && error.code === "UNKNOWN_TOPIC";
        if (!isGone || remade) plan = nextPlan(plan, error);
        else remade = true;
      }
    }
    return refusal;
  }

  /** No topic takes dead letters. The worker is not ready until one does, which is tried: the next may be long in coming. */
  #isRefused(spec: TopicSpec, error: MephistoError): void {
    const { driver, sleep } = this.#parts;
    const report = driver.troubles.of(`Setting aside in ${spec.topic}`);
    report.failed(error, { topic: spec.topic });
    if (this.#refused.has(spec.topic)) return;
    this.#refused.add(spec.topic);
    const look = async () => {
      for (;;) {
        await sleep(LOOK_MS, this.#parts.signal);
        if (this.#parts.signal?.aborted) return;
        try {
          await this.#ensure(spec);
          this.#refused.delete(spec.topic);
          return report.over();
        } catch (again) {
          if (isMephistoError(again)) report.failed(again, { topic: spec.topic });
        }
      }
    };
    void look();
  }

  async #send(spec: TopicSpec, record: OutgoingRecord): Promise<void> {
    const { driver, sleep } = this.#parts;
    const sent = driver.publisher.send(record).then(() => true);
    while (await deadline(sent, CHECK_AFTER_MS, sleep) === undefined) {
      // If it has been deleted, what is on its way is written when it is there again.
      await deadline(driver.ensureTopics([spec]), CHECK_AFTER_MS, sleep).catch(() => {});
    }
  }

  /** The topic is created when it is first needed. */
  async #ensure(spec: TopicSpec): Promise<void> {
    let ensured = this.#ensured.get(spec.topic);
    if (ensured === undefined) {
      ensured = this.#parts.driver.ensureTopics([spec]);
      this.#ensured.set(spec.topic, ensured);
      ensured.catch(() => this.#ensured.delete(spec.topic));
    }
    await ensured;
  }
}

/** Whether it has refused nothing. */
function isAway(error: unknown): boolean {
  return isRetriable(error) || isMephistoError(error) && NO_WAY.has(error.code);
}
