import { mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Logger } from "../core/logger.ts";
import { FileJournal } from "./data/file-journal.ts";
import { FileStores } from "./data/file-stores.ts";
import { lockFolder } from "./data/lock.ts";
import type { MemoryBudget } from "./log/budget.ts";
import { MemoryStores, type Stores } from "./log/stores.ts";
import { type KeyValueJournal, MemoryJournal } from "./key-value-journal.ts";

/** Where everything is kept. */
export interface Storage {
  /** The journal of that name; the same object for the same name. */
  journal(name: string): KeyValueJournal;
  /** Of a partition, by its topic's id and its number. */
  stores(topicId: string, partition: number): Stores;
  /** Takes away the logs of topics that are not among these. */
  keepOnly(topicIds: ReadonlySet<string>): void;
  /** What Kafka calls a log directory: its name, and its room in bytes. */
  describe(): LogDir;
  close(): void;
}

export interface LogDir {
  readonly name: string;
  readonly total: number;
  readonly usable: number;
}

/** In memory: it ends with the process. */
export function memoryStorage(budget: MemoryBudget): Storage {
  const journals = new Map<string, KeyValueJournal>();
  return {
    journal: (name) => getOrMake(journals, name, () => new MemoryJournal()),
    stores: () => new MemoryStores(budget),
    keepOnly: () => {},
    describe: () => ({ name: "memory", total: budget.limit, usable: budget.limit - budget.used }),
    close: () => {},
  };
}

/**
 * In a folder, which is locked until `close`. `syncs`: whether what is acknowledged survives a loss of power, and not
 * only the end of this process. Throws `MephistoError` if another process uses the folder, and the system's errors.
 */
export function folderStorage(folder: string, syncs: boolean, logger: Logger): Storage {
  mkdirSync(folder, { recursive: true });
  const unlock = lockFolder(folder, join(folder, "lock"));
  const logs = join(folder, "logs");
  mkdirSync(logs, { recursive: true });
  const journals = new Map<string, FileJournal>();
  return {
    journal: (name) => getOrMake(journals, name, () => new FileJournal(join(folder, `${name}.journal`), syncs)),
    stores: (topicId, partition) => new FileStores(join(logs, `${topicId}-${partition}`), syncs, logger),
    keepOnly: (topicIds) => {
      for (const name of readdirSync(logs)) {
        if (!topicIds.has(name.slice(0, 32))) rmSync(join(logs, name), { recursive: true, force: true });
      }
    },
    describe: () => {
      const { bsize, blocks, bavail } = statfsSync(folder);
      return { name: resolve(folder), total: bsize * blocks, usable: bsize * bavail };
    },
    close: () => {
      for (const journal of journals.values()) journal.close();
      unlock();
    },
  };
}

function getOrMake<T>(map: Map<string, T>, name: string, make: () => T): T {
  let value = map.get(name);
  if (value === undefined) map.set(name, value = make());
  return value;
}
