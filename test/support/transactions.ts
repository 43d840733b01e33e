import { type KeyValueJournal, MemoryJournal } from "../../src/broker/key-value-journal.ts";
import { type Marker, TransactionCoordinator } from "../../src/broker/transactions/coordinator.ts";
import type { TransactionSettings } from "../../src/broker/transactions/settings.ts";
import type { TopicPartition } from "../../src/core/topic-partition.ts";
import { FakeTime } from "./fake-time.ts";

/** A coordinator on time that is moved by hand, which notes the markers that it would write. */
export function transactionSetting(
  settings: Partial<TransactionSettings> = {},
  journal: KeyValueJournal = new MemoryJournal(),
  time = new FakeTime(),
) {
  const markers: (Marker & { partitions: readonly TopicPartition[] })[] = [];
  const disk = { broken: false };
  const writeMarkers = (partitions: readonly TopicPartition[], marker: Marker) => {
    if (disk.broken) return Promise.reject(new Error("the disk is full"));
    markers.push({ ...marker, partitions });
    return Promise.resolve();
  };
  const transactions = new TransactionCoordinator({ settings, clock: time, timers: time, journal, writeMarkers });
  transactions.start();
  /** As a client does: again while the transaction before is being aborted. */
  const begin = async (transactionalId: string, timeoutMs = 60_000) => {
    for (;;) {
      const { errorCode, ...producer } = await transactions.initialize(transactionalId, timeoutMs, null);
      if (errorCode === 0) return producer;
      if (errorCode !== 51) throw new Error(`InitProducerId: ${errorCode}`);
    }
  };
  return { transactions, time, journal, markers, disk, begin };
}

/** Time for what was begun to be done. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
