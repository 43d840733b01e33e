import { MephistoError } from "../../../core/errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The fields of an entry's value, and what is wrong with them. */
export class Fields {
  readonly format: number;
  readonly #key: string;
  readonly #topic: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(key: string, bytes: Uint8Array, topic: string) {
    this.#key = key;
    this.#topic = topic;
    this.#fields = this.#read(bytes);
    const format = this.value("format");
    if (!isCount(format)) throw this.unreadable("it has no format");
    this.format = format;
  }

  /** What a newer version writes under keys of its own is its own affair; under those that are known it is not. */
  ofFormat(newest: number): this {
    if (this.format <= newest) return this;
    throw this.unreadable(`its format ${this.format} is of a newer version of Mephisto`);
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  count(name: string): number {
    const value = this.value(name);
    if (isCount(value)) return value;
    throw this.unreadable(`its ${name} is not a whole number`);
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value === "string") return value;
    throw this.unreadable(`its ${name} is not text`);
  }

  unreadable(why: string, cause?: unknown): MephistoError {
    return new MephistoError(
      "JOURNAL_UNUSABLE",
      `The entry ${JSON.stringify(this.#key)} of the journal ${this.#topic} cannot be read: ${why}. No timer runs on ` +
        `the master until it is right. Find out what wrote it; deleting the topic begins the schedule anew.`,
      { cause },
    );
  }

  #read(bytes: Uint8Array): Record<string, unknown> {
    let value: unknown;
    try {
      value = JSON.parse(decoder.decode(bytes));
    } catch (cause) {
      throw this.unreadable("it is not JSON", cause);
    }
    if (!isObject(value)) throw this.unreadable("it is not an object");
    return value;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
