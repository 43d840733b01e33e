/** A line without an end is written in pieces of so many characters. */
const LONGEST = 65_536;

/** Where lines go. */
export interface Sink {
  readonly colours: boolean;
  write(text: string): void;
  /** Resolves when there is room for more. Rejects when nobody reads any more. */
  room(): Promise<void>;
}

/** Colours that can be read on dark and on light: cyan, yellow, green, magenta, blue, and their bright forms; no red. */
const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** Puts names in front of lines: aligned, each in a colour of its own where that is wanted. */
export class Labels {
  readonly #width: number;
  readonly #names: readonly string[];

  /** The order of the names decides their colours. */
  constructor(names: readonly string[]) {
    this.#names = names;
    this.#width = Math.max(...names.map(({ length }) => length));
  }

  /** `worker.1 | ` */
  of(name: string, { colours }: Pick<Sink, "colours">): string {
    const label = `${name.padEnd(this.#width)} |`;
    const colour = COLOURS[Math.max(0, this.#names.indexOf(name)) % COLOURS.length];
    return colours ? `\x1b[${colour}m${label}\x1b[0m ` : `${label} `;
  }
}

/**
 * Writes a stream's lines with a label in front, each in one piece, so that lines of several streams do not mix. Reads
 * on only when there is room. A last line without an end gets one.
 */
export async function label(stream: AsyncIterable<Uint8Array>, prefix: string, sink: Sink): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    while (rest.length > LONGEST) {
      const end = isHighSurrogate(rest.charCodeAt(LONGEST - 1)) ? LONGEST - 1 : LONGEST;
      parts.push(rest.slice(0, end));
      rest = rest.slice(end);
    }
    if (parts.length === 0) continue;
    sink.write(parts.map((line) => `${prefix}${line.replace(/\r$/, "")}\n`).join(""));
    await sink.room();
  }
  rest += decoder.decode();
  if (rest !== "") sink.write(`${prefix}${rest}\n`);
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}
