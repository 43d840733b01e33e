import { BatchBuilder } from "../../wire/batch-builder.ts";
import { crc32c } from "../../wire/crc32c.ts";
import { ATTRIBUTES, CONTROL, CRC, RECORDS } from "../../wire/record-batch.ts";
import { Writer } from "../../wire/writer.ts";
import { scanRecords } from "./scan.ts";

export type MarkerType = "commit" | "abort";

const ABORT = 0; // the type in a control record's key
const COMMIT = 1;

/** The control batch that ends a transaction in a partition (KIP-98). */
export function makeMarker(
  type: MarkerType,
  producerId: number,
  producerEpoch: number,
  coordinatorEpoch: number,
  timestamp: number,
): Uint8Array {
  const key = new Writer(4).int16(0).int16(type === "commit" ? COMMIT : ABORT).finish();
  const value = new Writer(6).int16(0).int32(coordinatorEpoch).finish();
  const builder = new BatchBuilder(RECORDS + 32);
  builder.append(key, value, [], timestamp);
  const batch = builder.build({ producerId, producerEpoch, transactional: true });
  const view = new DataView(batch.buffer, batch.byteOffset, RECORDS);
  view.setInt16(ATTRIBUTES, view.getInt16(ATTRIBUTES) | CONTROL);
  view.setUint32(CRC, crc32c(batch, ATTRIBUTES));
  return batch;
}

/** What a control batch says; undefined for one of another kind, or whose record has been compacted away. */
export function readMarker(
  batch: Uint8Array,
  recordCount: number,
): { type: MarkerType; coordinatorEpoch: number } | undefined {
  let marker: { type: MarkerType; coordinatorEpoch: number } | undefined;
  scanRecords(batch, RECORDS, batch.length, recordCount, ({ keyAt, keyLength, valueLength }) => {
    if (keyLength < 4) return;
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    const type = view.getInt16(keyAt + 2);
    // The value follows the key and its own length, a byte.
    const coordinatorEpoch = valueLength >= 6 ? view.getInt32(keyAt + keyLength + 1 + 2) : 0;
    if (type === ABORT || type === COMMIT) marker = { type: type === COMMIT ? "commit" : "abort", coordinatorEpoch };
  });
  return marker;
}
