/**
 * Compares two versions as people read them: positive when `a` is newer. Numbers count as numbers (1.10 is newer than
 * 1.9), a word makes what it follows older (2.0-rc1 is older than 2.0), and no version at all is the oldest.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  if (left.length === 0 || right.length === 0) return left.length - right.length;
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const order = comparePart(left[index], right[index]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Words are older than the end, which is older than a number. */
function comparePart(a: string | undefined, b: string | undefined): number {
  if (rank(a) !== rank(b) || a === undefined || b === undefined) return rank(a) - rank(b);
  // Of any length: a longer number is larger.
  if (rank(a) === NUMBER && a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

const NUMBER = 2;

function rank(part: string | undefined): number {
  return part === undefined ? 1 : /^\d/.test(part) ? NUMBER : 0;
}

function partsOf(version: string): string[] {
  // A leading v is how versions are written, not a word.
  const parts = version.toLowerCase().replace(/^v(?=\d)/, "").match(/\d+|[^\d\s._+-]+/g) ?? [];
  return parts.map((part) => part.replace(/^0+(?=\d)/, ""));
}
