import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { type Transaction, TRANSACTION_STATES, type TransactionState } from "./transaction.ts";

const VERSION = 0;

/** All of a transactional id, for the journal; the id itself is the key. */
export function encodeTransaction(transaction: Transaction): Uint8Array {
  const w = new Writer().int8(VERSION).int8(TRANSACTION_STATES.indexOf(transaction.state));
  w.int64(transaction.producerId).int16(transaction.producerEpoch).int16(transaction.lastProducerEpoch);
  w.int64(transaction.previousProducerId).int64(transaction.nextProducerId).int32(transaction.timeoutMs);
  w.int64(transaction.startedAt).int64(transaction.updatedAt);
  return w.array(transaction.partitions, ({ topic, partition }) => w.string(topic).int32(partition)).finish();
}

export function decodeTransaction(transactionalId: string, value: Uint8Array): Transaction {
  const r = new Reader(value);
  r.int8();
  return {
    transactionalId,
    state: readState(r.int8()),
    producerId: r.int64(),
    producerEpoch: r.int16(),
    lastProducerEpoch: r.int16(),
    previousProducerId: r.int64(),
    nextProducerId: r.int64(),
    timeoutMs: r.int32(),
    startedAt: r.int64(),
    updatedAt: r.int64(),
    partitions: r.array(() => ({ topic: r.string(), partition: r.int32() })),
  };
}

function readState(index: number): TransactionState {
  const state = TRANSACTION_STATES[index];
  if (state === undefined || state === "PrepareEpochFence" || state === "Dead") throw new Error(`state ${index}`);
  return state;
}
