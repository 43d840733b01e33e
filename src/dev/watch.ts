import { statSync } from "node:fs";
import { relative } from "node:path";
import { delay } from "../core/delay.ts";
import { filesOf, type ResolveBare } from "./imports.ts";

/**
 * How often the files are looked at, in ms. Asking works on every system and on every file system, network and container
 * mounts too; a hundred files take less than a millisecond.
 */
const CHECK_INTERVAL_MS = 250;

/** Notices changes of a script and of what it imports. */
export class SourceWatch {
  readonly #script: string;
  readonly #resolve: ResolveBare;
  #seen: Map<string, string>;

  constructor(script: string, resolveBare: ResolveBare) {
    this.#script = script;
    this.#resolve = resolveBare;
    this.#seen = this.#look();
  }

  get count(): number {
    return this.#seen.size;
  }

  /** Whether something has changed that {@link next} has not given yet. */
  get changed(): boolean {
    return this.#differences().length > 0;
  }

  /** Waits for changes and gives the files, as seen from here, when they have come to rest; nothing once it is aborted. */
  async next(signal: AbortSignal): Promise<string[]> {
    for (let before = ""; !signal.aborted; await delay(CHECK_INTERVAL_MS, signal)) {
      const files = this.#differences();
      const state = files.map((file) => `${file} ${signature(file)}`).join("\n");
      // An editor may write in several steps.
      if (files.length > 0 && state === before) {
        this.#seen = this.#look();
        return files.map((file) => relative("", file));
      }
      before = state;
    }
    return [];
  }

  #differences(): string[] {
    return [...this.#seen].filter(([file, was]) => signature(file) !== was).map(([file]) => file);
  }

  #look(): Map<string, string> {
    return new Map([...filesOf(this.#script, this.#resolve)].map((file) => [file, signature(file)]));
  }
}

function signature(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
}
