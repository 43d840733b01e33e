/** What happened, as a number that is the same for the same steps, and in words if they are wanted. */
export class Trace {
  readonly keeps: boolean;
  readonly lines: string[] = [];
  steps = 0;
  #hash = 0x811c9dc5;

  constructor(keeps = false) {
    this.keeps = keeps;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  step(now: number, who: string): void {
    this.steps++;
    this.#mix(now * 1000);
    for (let i = 0; i < who.length; i++) this.#mix(who.charCodeAt(i));
  }

  message(now: number, who: string, name: string, phase: string): void {
    this.#mix(now * 1000);
    this.#mix(name.length * 7 + name.charCodeAt(0) * 31 + phase.length);
    if (this.keeps && name !== "Heartbeat" && name !== "Fetch" && name !== "OffsetCommit") {
      this.say(now, `${who}: ${phase} ${name}`);
    }
  }

  note(now: number, words: string): void {
    this.#mix(now * 1000);
    this.say(now, words);
  }

  /** For people only: what is said when nobody listens is no step. */
  say(now: number, words: string): void {
    if (this.keeps) this.lines.push(`${(now / 1000).toFixed(4)} ${words}`);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
  }
}
