/** How many letters to change, add, drop or swap with their neighbour to make `a` into `b`. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const differs = a[row - 1] === b[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line.push(Math.min(
        at(last, column) + 1,
        at(line, column - 1) + 1,
        at(last, column - 1) + differs,
        swapped ? at(before, column - 2) + 1 : Infinity,
      ));
    }
    before = last;
    last = line;
  }
  return at(last, b.length);
}

/** The known word that a misspelt one was probably meant to be: at most a third of its letters differ. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let closest = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const far = distance(word.toLowerCase(), candidate.toLowerCase());
    if (far < closest) [best, closest] = [candidate, far];
  }
  return best;
}

/** ` Did you mean X?`, or nothing. */
export function suggestion(word: string, known: Iterable<string>, prefix = ""): string {
  const near = nearest(word, known);
  return near === undefined ? "" : ` Did you mean ${prefix}${near}?`;
}

function at(line: readonly number[], column: number): number {
  return line[column] ?? Infinity;
}
