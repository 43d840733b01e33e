import { MephistoError } from "../../core/errors.ts";
import type { FenceOptions, MayTry } from "../../driver/master-log.ts";
import { Code, isRetriableCode } from "../../wire/error-codes.ts";
import { initProducerId, type InitProducerIdResponse } from "../../wire/requests/22-init-producer-id.ts";
import { endTxn, type EndTxnResponse } from "../../wire/requests/26-end-txn.ts";
import type { Identity } from "../producer/batch.ts";
import { check, ProtocolError } from "../connection/errors.ts";
import type { TransactionCoordinator, TransactionSupport } from "./transaction-coordinator.ts";

/** The last epoch that a broker gives to a producer id; after it comes another id. */
const LAST_EPOCH = 32_766;

/** What may have become of the last transaction: nothing is open, it is not committed, or that is not known. */
type State = "settled" | "open" | "undecided";

/**
 * The producer id and epoch of one term of mastership. It is begun by a plain InitProducerId, which fences all before it;
 * that is never sent again, since it would fence whoever came after. From then on the epoch is moved on only by who has
 * it: by EndTxn, and by InitProducerId as compare-and-swap.
 */
export class ProducerEpoch {
  readonly #coordinator: TransactionCoordinator;
  readonly #options: FenceOptions;
  readonly #support: TransactionSupport;
  #identity: Identity;
  #state: State = "settled";

  private constructor(
    coordinator: TransactionCoordinator,
    options: FenceOptions,
    support: TransactionSupport,
    identity: Identity,
  ) {
    this.#coordinator = coordinator;
    this.#options = options;
    this.#support = support;
    this.#identity = identity;
  }

  /** One attempt to fence all before. Errors: `NOT_MASTER`, `PROTOCOL` and `UNREACHABLE`, also those that pass. */
  static async begin(
    coordinator: TransactionCoordinator,
    options: FenceOptions,
    mayTry: MayTry,
  ): Promise<ProducerEpoch> {
    const support = await coordinator.support();
    const { transactionalId, transactionTimeout: transactionTimeoutMs } = options;
    const answer = await coordinator.ask(initProducerId({ transactionalId, transactionTimeoutMs }), mayTry);
    coordinator.heard(answer.errorCode);
    check(answer.errorCode, `Fencing the masters before as ${transactionalId}`);
    return new ProducerEpoch(coordinator, options, support, identityOf(answer));
  }

  /** What batches are stamped with: another object whenever it changes. */
  get identity(): Identity {
    return this.#identity;
  }

  get support(): TransactionSupport {
    return this.#support;
  }

  /** A transaction begins. */
  open(): void {
    this.#state = "open";
  }

  /**
   * Commits what is open. Errors: `NOT_MASTER` and any other as long as nothing was sent: it is still open; after that
   * `UNKNOWN_OUTCOME`, or `FENCED` when the broker has refused it in the name of another.
   */
  async commit(mayTry: MayTry): Promise<void> {
    let answer: EndTxnResponse;
    try {
      answer = await this.#endTxn(true, mayTry, () => {
        this.#state = "undecided";
      });
    } catch (error) {
      if (this.#state === "open") throw error;
      throw unknownOutcome(`no answer came: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    const { errorCode } = answer;
    if (errorCode === Code.NONE) return this.#ended(answer);
    const refused = new ProtocolError(errorCode, `Committing as ${this.#options.transactionalId}`);
    // It was refused and is not sent again. Whether that is because of another, its own epoch says.
    if (isFencing(errorCode)) {
      try {
        await this.#swap(mayTry);
      } catch (error) {
        if (error instanceof MephistoError && error.code === "FENCED") throw error;
      }
    }
    throw unknownOutcome(refused.message, refused);
  }

  /**
   * One attempt to make sure that nothing is open or under way. Errors: `FENCED`; `NOT_MASTER`; `PROTOCOL` and
   * `UNREACHABLE`, also those that pass: what was open still may be.
   */
  async settle(mayTry: MayTry): Promise<void> {
    if (this.#state === "settled") return;
    // Aborting under one's own epoch harms nobody who came after, and readers are waiting for it: the lease is not asked.
    const aborted = await this.#endTxn(false, () => true);
    if (isRetriableCode(aborted.errorCode)) {
      throw new ProtocolError(aborted.errorCode, `Aborting as ${this.#options.transactionalId}`);
    }
    if (this.#support.epochs) {
      if (aborted.errorCode === Code.NONE) return this.#ended(aborted);
      if (aborted.errorCode === Code.INVALID_TXN_STATE && this.#state === "undecided") {
        // It had been committed: the same once more tells the epoch that goes on from there.
        const committed = await this.#endTxn(true, mayTry);
        if (committed.errorCode === Code.NONE) return this.#ended(committed);
        if (isRetriableCode(committed.errorCode)) {
          throw new ProtocolError(committed.errorCode, `Committing as ${this.#options.transactionalId}`);
        }
      }
    }
    // Under the same epoch something late would enter the next transaction, or be taken for a part of it.
    await this.#swap(mayTry);
  }

  /** As `settle`, and proves in any case that nobody came after. */
  async prove(mayTry: MayTry): Promise<void> {
    if (this.#state === "settled") await this.#swap(mayTry);
    else await this.settle(mayTry);
  }

  async #endTxn(committed: boolean, mayTry: MayTry, onSent?: () => void): Promise<EndTxnResponse> {
    const { transactionalId } = this.#options;
    const version = this.#support.epochs ? 5 : 3;
    const call = endTxn({ transactionalId, ...this.#identity, committed }, version);
    const answer = await this.#coordinator.ask(call, mayTry, onSent);
    this.#coordinator.heard(answer.errorCode);
    return answer;
  }

  #ended(answer: EndTxnResponse): void {
    if (this.#support.epochs) this.#identity = identityOf(answer);
    this.#state = "settled";
  }

  /** Compare-and-swap: only the one who has the latest epoch is given the next. */
  async #swap(mayTry: MayTry): Promise<void> {
    const { transactionalId, transactionTimeout: transactionTimeoutMs } = this.#options;
    const own = this.#identity;
    const answer = await this.#coordinator.ask(
      initProducerId({ transactionalId, transactionTimeoutMs, ...own }),
      mayTry,
    );
    this.#coordinator.heard(answer.errorCode);
    if (isFencing(answer.errorCode)) throw fenced(transactionalId);
    check(answer.errorCode, `Going on as ${transactionalId}`);
    // Of an id that the broker has forgotten nobody is the latest, and anybody is given a new producer id: then another
    // may have been master, and only the journal knows.
    if (answer.producerId !== own.producerId && own.producerEpoch < LAST_EPOCH) throw forgotten(transactionalId);
    this.#identity = identityOf(answer);
    this.#state = "settled";
  }
}

/** Whether a code says that another producer epoch counts. */
export function isFencing(code: number): boolean {
  return code === Code.PRODUCER_FENCED || code === Code.INVALID_PRODUCER_EPOCH ||
    code === Code.INVALID_PRODUCER_ID_MAPPING;
}

function identityOf({ producerId, producerEpoch }: InitProducerIdResponse | EndTxnResponse): Identity {
  return { producerId, producerEpoch };
}

function fenced(transactionalId: string): MephistoError {
  return new MephistoError("FENCED", `Another worker has become master since: ${transactionalId} has a newer epoch.`);
}

function forgotten(transactionalId: string): MephistoError {
  return new MephistoError(
    "FENCED",
    `Kafka has forgotten ${transactionalId} (transactional.id.expiration.ms), so that others may have been master since.`,
  );
}

function unknownOutcome(why: string, cause: unknown): MephistoError {
  return new MephistoError(
    "UNKNOWN_OUTCOME",
    `A tick may have been published, or not (${why.replace(/\.$/, "")}): the journal will tell.`,
    { cause },
  );
}
