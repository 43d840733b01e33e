import fs, { cpSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";

/** A folder as a kill -9 would have left it. */
export interface Moment {
  readonly folder: string;
  /** Such as "amid write 3". */
  readonly name: string;
}

/**
 * While a script runs, keeps a copy of a folder as it is before, amid and after each write of this process. What is
 * written when a process is killed stays, and what is not is lost: between two writes there is nothing else to be seen.
 * Only on Node, where a function of a module can be replaced for all who have imported it.
 *
 * @param into where the copies go
 * @param note what is to be known of each moment, asked for when it is there
 */
export async function momentsOf<T>(
  folder: string,
  into: string,
  note: () => T,
  script: () => Promise<void>,
): Promise<(Moment & T)[]> {
  const moments: (Moment & T)[] = [];
  const take = (name: string) => {
    const copy = join(into, name.replaceAll(" ", "-"));
    // Its holder is this process, which goes on.
    cpSync(folder, copy, { recursive: true, filter: (path) => path !== join(folder, "lock") });
    moments.push({ folder: copy, name, ...note() });
  };
  const { writeSync } = fs;
  let count = 0;
  Object.assign(fs, {
    writeSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number {
      const n = ++count;
      take(`before write ${n}`);
      writeSync(fd, bytes, offset, length >> 1, position);
      take(`amid write ${n}`);
      const written = writeSync(fd, bytes, offset, length, position);
      take(`after write ${n}`);
      return written;
    },
  });
  syncBuiltinESMExports();
  try {
    await script();
  } finally {
    Object.assign(fs, { writeSync });
    syncBuiltinESMExports();
  }
  take("at the end");
  return moments;
}
