/**
 * What a set of names is, in 64 bytes whatever its size, so that two sets can be compared that are on two machines: as far as
 * they differ in few names, it is known in how many, and who has one set knows which of its names the other lacks.
 *
 * It is the syndrome of a BCH code (PinSketch, Dodis et al., 2004; as in Bitcoin's minisketch): the sums of odd powers of the
 * names' hashes in GF(2^32). The sketch of what is in one of two sets only is the exclusive or of theirs. Berlekamp and
 * Massey find from it the polynomial whose roots are the inverses of what differs.
 */

/** How many words of 32 bits a sketch has. */
export const SKETCH_WORDS = 16;
/** So many differences are found at most: two words are left over, which agree by chance once in 2^64. */
export const MOST_DIFFERENCES: number = SKETCH_WORDS - 2;

export type Sketch = Uint32Array;

export function sketchOf(names: Iterable<string>): Sketch {
  const sketch = new Uint32Array(SKETCH_WORDS);
  for (const name of names) {
    const hash = hashOf(name);
    const square = multiply(hash, hash);
    for (let i = 0, power = hash; i < SKETCH_WORDS; i++, power = multiply(power, square)) {
      sketch[i] = (sketch[i] ?? 0) ^ power;
    }
  }
  return sketch;
}

export function isSame(a: Sketch, b: Sketch): boolean {
  return a.every((word, i) => word === b[i]);
}

/** What two sets differ in. */
export interface Difference {
  /** In how many names. */
  readonly size: number;
  /** Whether this name is in one of the two only. */
  has(name: string): boolean;
}

/** In what two sets differ; undefined when that is too much to be found. */
export function difference(a: Sketch, b: Sketch): Difference | undefined {
  const locator = locatorOf(a.map((word, i) => word ^ (b[i] ?? 0)));
  const size = locator.length - 1;
  if (size > MOST_DIFFERENCES) return undefined;
  return { size, has: (name) => size > 0 && isRoot(locator, inverse(hashOf(name))) };
}

/** The shortest recurrence of the power sums (Berlekamp, Massey): its coefficients, that of degree 0 first. */
function locatorOf(odd: Sketch): number[] {
  const sums: number[] = [];
  for (let i = 0; i < 2 * odd.length; i++) {
    // The sum of squares is the square of the sum.
    const half = sums[(i - 1) / 2] ?? 0;
    sums.push(i % 2 === 0 ? odd[i / 2] ?? 0 : multiply(half, half));
  }
  let current = [1];
  let former = [1];
  let formerDiscrepancy = 1;
  let length = 0;
  let gap = 1;
  for (let n = 0; n < sums.length; n++) {
    let discrepancy = 0;
    for (let i = 0; i <= length; i++) discrepancy ^= multiply(current[i] ?? 0, sums[n - i] ?? 0);
    if (discrepancy === 0) {
      gap++;
      continue;
    }
    const before = [...current];
    const factor = multiply(discrepancy, inverse(formerDiscrepancy));
    for (let i = 0; i < former.length; i++) {
      current[i + gap] = (current[i + gap] ?? 0) ^ multiply(factor, former[i] ?? 0);
    }
    current = Array.from(current, (coefficient = 0) => coefficient); // no holes
    if (2 * length > n) {
      gap++;
      continue;
    }
    length = n + 1 - length;
    [former, formerDiscrepancy, gap] = [before, discrepancy, 1];
  }
  return Array.from({ length: length + 1 }, (_, i) => current[i] ?? 0);
}

function isRoot(polynomial: readonly number[], at: number): boolean {
  return polynomial.reduceRight((value, coefficient) => multiply(value, at) ^ coefficient, 0) === 0;
}

/** In GF(2^32) by the polynomial x^32 + x^7 + x^3 + x^2 + 1, as a whole number of 32 bits with a sign. */
export function multiply(a: number, b: number): number {
  let product = 0;
  for (let rest = b; rest !== 0; rest >>>= 1) {
    if (rest & 1) product ^= a;
    a = a << 1 ^ (a >> 31 & REMAINDER);
  }
  return product;
}

/** What x^32 is. */
const REMAINDER = 0x8d;

/** To the power of 2^32 - 2. */
function inverse(a: number): number {
  let [result, square] = [1, multiply(a, a)];
  for (let i = 1; i < 32; i++) {
    result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** Of 32 bits, mixed as Murmur3 does; never 0, which would add nothing. */
function hashOf(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    hash ^= Math.imul(rotate(Math.imul(name.charCodeAt(i), 0xcc9e2d51), 15), 0x1b873593);
    hash = Math.imul(rotate(hash, 13), 5) + 0xe6546b64 | 0;
  }
  hash ^= name.length;
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16 || 1;
}

function rotate(word: number, bits: number): number {
  return word << bits | word >>> 32 - bits;
}

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
/** Of 6 bits each for one word. */
const DIGITS_A_WORD = 6;

/** As text of 96 characters; "" of an empty set. */
export function writeSketch(sketch: Sketch): string {
  if (sketch.every((word) => word === 0)) return "";
  return Array.from(sketch, (word) => {
    let text = "";
    for (let rest = word, i = 0; i < DIGITS_A_WORD; i++, rest = Math.floor(rest / 64)) text += DIGITS.charAt(rest % 64);
    return text;
  }).join("");
}

/** Undefined for what is no sketch. */
export function readSketch(text: string): Sketch | undefined {
  const sketch = new Uint32Array(SKETCH_WORDS);
  if (text === "") return sketch;
  if (text.length !== SKETCH_WORDS * DIGITS_A_WORD) return undefined;
  for (let i = text.length - 1; i >= 0; i--) {
    const digit = DIGITS.indexOf(text.charAt(i));
    if (digit < 0) return undefined;
    const word = Math.floor(i / DIGITS_A_WORD);
    sketch[word] = (sketch[word] ?? 0) * 64 + digit;
  }
  return sketch;
}
