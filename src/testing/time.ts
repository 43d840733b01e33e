/** What is to happen at a moment of virtual time. */
export interface Entry {
  readonly at: number;
  readonly order: number;
  /** Undefined once it has been cancelled, or has run. */
  run: (() => void) | undefined;
}

/**
 * Time that passes only when it is told to, from one event to the next. What is due at one moment runs in the order in
 * which it was planned, so that a run with the same seed takes the same steps.
 */
export class VirtualTime {
  /** In ms since the beginning; what a clock on the wall of nobody's machine would show. */
  now = 0;
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Plans an event; never in the past. */
  at(moment: number, run: () => void): Entry {
    const entry: Entry = { at: Math.max(moment, this.now), order: this.#order++, run };
    this.#up(entry);
    return entry;
  }

  after(ms: number, run: () => void): Entry {
    return this.at(this.now + ms, run);
  }

  /** The moment of the next event; undefined when nothing is planned. */
  get next(): number | undefined {
    while (this.#heap[0] && this.#heap[0].run === undefined) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    if (this.next === undefined) return false;
    const entry = this.#pop();
    if (entry?.run === undefined) return false;
    this.now = entry.at;
    const { run } = entry;
    entry.run = undefined;
    run();
    return true;
  }

  #up(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || earlier(parent, entry)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && earlier(right, child)) [below, child] = [below + 1, right];
      if (earlier(last, child)) break;
      heap[index] = child;
      index = below;
    }
    heap[index] = last;
    return first;
  }
}

function earlier(a: Entry, b: Entry): boolean {
  return a.at < b.at || a.at === b.at && a.order < b.order;
}
