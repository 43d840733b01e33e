import type { BrokerServices } from "./services.ts";
import { Code } from "../wire/error-codes.ts";
import { AppendError, type RecordError } from "./log/error.ts";
import type { Log } from "./log/log.ts";
import type { Verification } from "./log/producers.ts";
import { BATCH_LENGTH, type BatchHeader, LOG_OVERHEAD_BYTES, MAGIC, readBatchHeader } from "../wire/record-batch.ts";
import { WireError } from "../wire/errors.ts";

/** The batch that a Produce has for a partition. */
export interface PartitionWrite {
  readonly topic: string;
  readonly index: number;
  readonly records: Uint8Array | null;
  readonly log: Log | undefined;
  /** The error code for when there is no such log. */
  readonly missing: number;
}

/** Whether a transactional batch may be written: an error code, or what the log wants to see. */
export interface Verified {
  readonly errorCode: number;
  readonly verification?: Verification | undefined;
}

export interface WrittenPartition {
  readonly index: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly recordErrors: readonly RecordError[];
}

/** Refused before the log is asked for a place: the answer does not say where the log begins. */
const UNPLACED: readonly Code[] = [
  Code.CORRUPT_MESSAGE,
  Code.MESSAGE_TOO_LARGE,
  Code.RECORD_LIST_TOO_LARGE,
  Code.KAFKA_STORAGE_ERROR,
  Code.POLICY_VIOLATION,
];
const ZSTD_SINCE = 7;
const BUMPS_SINCE = 12;
// The coordinator's codes that an older producer would not try again after, which become one that it does.
const COORDINATOR_ERRORS: readonly Code[] = [
  Code.COORDINATOR_LOAD_IN_PROGRESS,
  Code.COORDINATOR_NOT_AVAILABLE,
  Code.NOT_COORDINATOR,
];

/**
 * Asks the coordinator about the transactional batches whose transactions are not yet open in their partitions (KIP-890).
 * All of a request belong to one producer. The answer is a promise only if the coordinator takes its time.
 */
export function verify(
  broker: BrokerServices,
  transactionalId: string | null,
  version: number,
  writes: readonly PartitionWrite[],
): Map<PartitionWrite, Verified> | Promise<Map<PartitionWrite, Verified>> {
  const verified = new Map<PartitionWrite, Verified>();
  const asked: PartitionWrite[] = [];
  let producer: BatchHeader | undefined;
  for (const write of writes) {
    const header = headerOf(write.records);
    if (header === undefined || !header.isTransactional || header.producerId < 0) continue;
    const { producerId, producerEpoch, baseSequence } = header;
    if (producer !== undefined && (producer.producerId !== producerId || producer.producerEpoch !== producerEpoch)) {
      // Kafka refuses the whole request.
      const all = writes.map((write) => [write, { errorCode: Code.INVALID_PRODUCER_ID_MAPPING }] as const);
      return new Map(all);
    }
    producer = header;
    if (write.log === undefined) continue;
    const now = broker.clock.wall();
    const bumps = version >= BUMPS_SINCE;
    const verification = write.log.producers.verify(producerId, producerEpoch, baseSequence, bumps, now);
    verified.set(write, { errorCode: 0, verification });
    if (verification !== undefined) asked.push(write);
  }
  if (producer === undefined || asked.length === 0) return verified;
  const take = (code: number) => {
    const errorCode = translate(code, version);
    if (errorCode !== 0) { for (const write of asked) verified.set(write, { errorCode }); }
    return verified;
  };
  const answer = broker.transactions.verify({
    transactionalId: transactionalId ?? "",
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    partitions: asked.map(({ topic, index }) => ({ topic, partition: index })),
    adds: version >= BUMPS_SINCE,
    version,
  });
  return typeof answer === "number" ? take(answer) : answer.then(take);
}

/** Appends one partition's batch; what goes wrong is in the answer. `written` gets the log if something was written. */
export function append(
  write: PartitionWrite,
  version: number,
  verified: Verified | undefined,
  written: Set<Log>,
): WrittenPartition {
  const { log, index, records, missing } = write;
  if (log === undefined || log.isGone) {
    return refused(index, missing, "This server does not host this topic-partition.");
  }
  if (verified !== undefined && verified.errorCode !== 0) {
    return refused(
      index,
      verified.errorCode,
      verified.errorCode === Code.INVALID_TXN_STATE ? "Partition was not added to the transaction" : null,
    );
  }
  let isFormed = false;
  try {
    const formed = checkFormat(records, version);
    isFormed = true;
    const { baseOffset, logAppendTime } = log.append(formed, verified?.verification);
    written.add(log);
    return {
      index,
      errorCode: 0,
      errorMessage: null,
      baseOffset,
      logAppendTimeMs: logAppendTime,
      logStartOffset: log.startOffset,
      recordErrors: [],
    };
  } catch (error) {
    if (!(error instanceof AppendError)) throw error;
    const logStartOffset = isFormed && !UNPLACED.includes(error.code) ? log.startOffset : -1;
    return { ...refused(index, error.code, error.message, error.records), logStartOffset };
  }
}

export function refused(
  index: number,
  errorCode: number,
  errorMessage: string | null,
  recordErrors: readonly RecordError[] = [],
): WrittenPartition {
  return { index, errorCode, errorMessage, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1, recordErrors };
}

/** The one batch that there has to be, with whatever comes after it; the log looks at its content. */
function checkFormat(records: Uint8Array | null, version: number): Uint8Array {
  const size = sizeOf(records, 0);
  if (records === null || size === undefined) {
    throw new AppendError(Code.INVALID_RECORD, "no whole record batch was sent");
  }
  if (sizeOf(records, size) !== undefined) {
    throw new AppendError(Code.INVALID_RECORD, "Produce requests are only allowed to contain exactly one record batch");
  }
  if (records[MAGIC] !== 2) {
    throw new AppendError(Code.INVALID_RECORD, "Produce requests are only allowed to contain batches of magic 2");
  }
  if (version < ZSTD_SINCE && headerOf(records)?.codec === "zstd") {
    throw new AppendError(Code.UNSUPPORTED_COMPRESSION_TYPE, "Produce requests before version 7 cannot use zstd");
  }
  return records;
}

/** Of the batch at a position, as far as its length can be believed; undefined: there is no whole one. */
function sizeOf(records: Uint8Array | null, at: number): number | undefined {
  if (records === null || records.length - at < LOG_OVERHEAD_BYTES) return undefined;
  const size = LOG_OVERHEAD_BYTES + new DataView(records.buffer, records.byteOffset + at).getInt32(BATCH_LENGTH);
  if (size <= MAGIC) throw new AppendError(Code.CORRUPT_MESSAGE, `a batch of ${size} bytes`);
  return records.length - at < size ? undefined : size;
}

function headerOf(records: Uint8Array | null): BatchHeader | undefined {
  try {
    return records === null ? undefined : readBatchHeader(records);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** As Kafka tells its producers, whatever their age. */
function translate(code: number, version: number): number {
  if (COORDINATOR_ERRORS.includes(code)) return Code.NOT_ENOUGH_REPLICAS;
  return code === Code.CONCURRENT_TRANSACTIONS && version < BUMPS_SINCE ? Code.NOT_ENOUGH_REPLICAS : code;
}
