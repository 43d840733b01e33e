/** What members have to run on the master, as they tell each other: how many timers and tasks, and a sketch of their names. */
import { difference, readSketch, sketchOf, writeSketch } from "./set-sketch.ts";

/** A timer and when, or a task. */
export interface NamedWork {
  readonly name: string;
  /** The rule of a timer for people; `task` of a task. */
  readonly rule: string;
}

/** Of the same size whatever there is to run. */
export interface WorkSummary {
  readonly count: number;
  /** Of the names, as text: {@link writeSketch}. */
  readonly sketch: string;
}

export const NO_WORK: WorkSummary = { count: 0, sketch: "" };

export function summaryOf(work: readonly NamedWork[]): WorkSummary {
  return { count: work.length, sketch: writeSketch(sketchOf(work.map(keyOf))) };
}

export function isSameWork(a: WorkSummary, b: WorkSummary): boolean {
  return a.count === b.count && a.sketch === b.sketch;
}

/** How many `a` has that `b` lacks, and the other way round; undefined when they differ in more than can be found. */
export function compareWork(a: WorkSummary, b: WorkSummary): { more: number; less: number } | undefined {
  if (isSameWork(a, b)) return { more: 0, less: 0 };
  if (a.count === 0 || b.count === 0) return { more: a.count, less: b.count };
  const size = differenceOf(a, b)?.size;
  if (size === undefined) return undefined;
  const more = (size + a.count - b.count) / 2;
  const less = size - more;
  return Number.isInteger(more) && more >= 0 && less >= 0 ? { more, less } : undefined;
}

/** What of this work another one lacks; undefined when that cannot be told by name. */
export function lackedBy<T extends NamedWork>(other: WorkSummary, work: readonly T[]): T[] | undefined {
  if (other.count === 0) return [...work];
  const own = summaryOf(work);
  const expected = compareWork(own, other);
  if (expected === undefined) return undefined;
  if (expected.more === 0) return [];
  const found = differenceOf(own, other);
  const lacked = work.filter((each) => found?.has(keyOf(each)));
  return lacked.length === expected.more ? lacked : undefined;
}

function differenceOf(a: WorkSummary, b: WorkSummary) {
  const [left, right] = [readSketch(a.sketch), readSketch(b.sketch)];
  return left && right && difference(left, right);
}

/** A timer and a task may have the same name. */
function keyOf({ name, rule }: NamedWork): string {
  return `${rule === "task" ? "task" : "timer"} ${name}`;
}
