import { Buffer } from "node:buffer";
import { mkdir, open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { topicWith } from "../../core/name.ts";
import { granted } from "../../runtime/permission.ts";

/** Keeps a line where nothing of it is lost; resolves to the place, for people. */
export type Keep = (topic: string, line: string) => Promise<string>;

/**
 * Appends to `<folder>/<topic>.dead.jsonl`, for the eyes of this user only. Several workers may share the folder: a line
 * is one write, which the system puts at the end whole. Throws where that is not possible.
 */
export function keepInFile(folder: string): Keep {
  const torn = new Set<string>();
  return async (topic, line) => {
    const path = join(resolve(folder), topicWith(topic, ".dead.jsonl"));
    if (!granted({ name: "write", path })) throw new Error(`writing to ${path} is not allowed (--allow-write)`);
    await mkdir(folder, { recursive: true });
    const file = await open(path, "a", 0o600);
    try {
      const bytes = Buffer.from(`${torn.has(path) ? "\n" : ""}${line}\n`);
      // Not writeFile, which makes pieces of a large line, between which another worker's may come.
      for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
      await file.sync();
      torn.delete(path);
    } catch (error) {
      torn.add(path); // part of it may be there, as on a full disk: the next one begins a line of its own
      throw error;
    } finally {
      await file.close();
    }
    return path;
  };
}

/** For where no file is wanted. */
export const keepNothing: Keep = () => Promise.reject(new Error("no folder is set for that"));
