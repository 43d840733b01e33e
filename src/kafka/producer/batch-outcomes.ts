import { BACKOFF, backoffMs } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import type { MephistoError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { partitionName } from "../../core/topic-partition.ts";
import { Code, errorName, isRetriableCode } from "../../wire/error-codes.ts";
import type { ProducedPartition } from "../../wire/requests/00-produce.ts";
import { ProtocolError, refusalOf, tooLarge } from "../connection/errors.ts";
import { type Batch, refuse, Trial } from "./batch.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { WriteAccess } from "./write-access.ts";

/** Errors that one message may bring upon its whole batch. */
const OF_A_MESSAGE: ReadonlySet<number> = new Set([
  Code.UNKNOWN_SERVER_ERROR,
  Code.INVALID_TIMESTAMP,
  Code.POLICY_VIOLATION,
  Code.INVALID_RECORD,
]);

export interface BatchOutcomesParts {
  readonly access: WriteAccess;
  readonly logger: Logger;
  readonly clock: Clock;
  /** So many bytes are no longer on their way. */
  freed(bytes: number): void;
  /** A queue has something to send again. */
  retry(queue: PartitionQueue): void;
  /** A batch was written. */
  accepted(): void;
}

/** What comes of a batch that was answered: it is done, goes again, in other pieces, or is refused. */
export class BatchOutcomes {
  readonly #parts: BatchOutcomesParts;

  constructor(parts: BatchOutcomesParts) {
    this.#parts = parts;
  }

  /** `outcome`: missing, where the broker has not said anything of it. */
  answered(queue: PartitionQueue, batch: Batch, outcome: ProducedPartition | undefined): void {
    const code = outcome?.errorCode ?? Code.LEADER_NOT_AVAILABLE;
    switch (code) {
      case Code.NONE:
      case Code.DUPLICATE_SEQUENCE_NUMBER: // a repetition of what had been written
        queue.written(batch);
        batch.trial?.written();
        this.#parts.accepted();
        this.#parts.freed(batch.builder.size);
        batch.resolve();
        return;
      case Code.MESSAGE_TOO_LARGE:
      case Code.RECORD_LIST_TOO_LARGE:
        if (batch.count > 1) this.#replace(queue, batch, batch.split());
        else this.refuse(queue, batch, tooLarge(queue.topic, batch.builder.size));
        return;
      case Code.OUT_OF_ORDER_SEQUENCE_NUMBER:
        // Of a batch behind one that failed this is what had to come. Of the first it means that our numbers have a gap.
        if (queue.isFirst(batch)) queue.disown();
        return this.retry(queue, batch);
      case Code.UNKNOWN_PRODUCER_ID:
      case Code.INVALID_PRODUCER_EPOCH:
      case Code.PRODUCER_FENCED:
        queue.disown();
        return this.retry(queue, batch);
      default:
        if (isRetriableCode(code)) return this.retry(queue, batch, errorName(code));
        if (OF_A_MESSAGE.has(code)) return this.#blame(queue, batch, code, outcome);
        this.refuse(queue, batch, this.#refusal(queue, code, outcome));
    }
  }

  /** A batch that some of its messages are to blame for: only these are refused, the others go again. */
  #blame(queue: PartitionQueue, batch: Batch, code: number, outcome: ProducedPartition | undefined): void {
    const named = outcome?.recordErrors.map(({ index }) => index) ?? [];
    const places = new Set(named.filter((at) => at >= 0 && at < batch.count));
    if (places.size === 0) {
      if (batch.count > 1 && !batch.trial?.isHopeless) {
        return this.#replace(queue, batch, batch.split(batch.trial ?? new Trial()));
      }
      batch.trial?.refused();
      return this.refuse(queue, batch, refusalOf(queue, code, outcome));
    }
    const { taken, rest } = batch.without(places);
    this.#replace(queue, batch, rest === undefined ? [] : [rest]);
    for (const { at, parcel } of taken) refuse(parcel, refusalOf(queue, code, outcome, at));
  }

  /** Of all that is written to a topic, whatever is in it. */
  #refusal(queue: PartitionQueue, code: number, outcome: ProducedPartition | undefined): MephistoError {
    const error = refusalOf(queue, code, outcome);
    if (error.code === "NOT_AUTHORIZED") this.#parts.access.refused(queue.topic, new ProtocolError(code, "A write"));
    return error;
  }

  /** Its messages go on in other batches, as far as they do. */
  #replace(queue: PartitionQueue, batch: Batch, parts: readonly Batch[]): void {
    queue.replace(batch, parts);
    this.#parts.freed(parts.reduce((left, part) => left - part.builder.size, batch.builder.size));
  }

  /** It goes again, after a pause. */
  retry(queue: PartitionQueue, batch: Batch, why?: string): void {
    if (why) {
      this.#parts.logger.debug(`${partitionName(queue)} was not written: ${why}; trying again`, {
        topic: queue.topic,
        partition: queue.partition,
      });
    }
    const wait = backoffMs(BACKOFF.topic, ++queue.attempts);
    queue.notBefore = this.#parts.clock.monotonic() + wait;
    queue.failed(batch);
    if (!queue.held) this.#parts.retry(queue);
  }

  refuse(queue: PartitionQueue, batch: Batch, error: MephistoError): void {
    queue.refused(batch);
    this.#parts.freed(batch.builder.size);
    batch.reject(error);
  }
}
