import { pause } from "../core/pause.ts";

/** Whether a member stands for election, and who waits until the group knows that it does not. */
export class Candidacy {
  readonly #mayBeMaster: boolean;
  readonly #session: number;
  readonly #changed: () => void;
  #resigned = false;
  /** While it stands down for a while. */
  #down: { readonly over: Promise<void>; readonly end: AbortController } | undefined;
  /** What the last JoinGroup has said. */
  #said = true;
  #heard: (() => void)[] = [];

  /** `changed`: the group is to be told. `session` in ms. */
  constructor(mayBeMaster: boolean, session: number, changed: () => void) {
    this.#mayBeMaster = mayBeMaster;
    this.#session = session;
    this.#changed = changed;
  }

  get stands(): boolean {
    return this.#mayBeMaster && !this.#resigned && this.#down === undefined;
  }

  /** What to say in the JoinGroup that is about to be sent. */
  say(): boolean {
    return this.#said = this.stands;
  }

  /** A generation has begun with what was said last; `elsewhere`: another member is its master. */
  decided(elsewhere: boolean): void {
    if (this.#said) return;
    for (const resolve of this.#heard.splice(0)) resolve();
    // That it stands again is said whenever the group elects the next time.
    if (elsewhere) this.#down?.end.abort();
  }

  /** For good; resolves when a generation has begun that knows. */
  resign(): Promise<void> {
    this.#resigned = true;
    this.#changed();
    return new Promise((resolve) => this.#heard.push(resolve));
  }

  /** Until another one has been elected, or a session has passed; resolves then. */
  standDown(): Promise<void> {
    if (this.#down) return this.#down.over;
    const end = new AbortController();
    const over = pause(this.#session, end.signal).then(() => {
      this.#down = undefined;
      if (!end.signal.aborted) this.#changed(); // nobody else could be elected
    });
    this.#down = { over, end };
    this.#changed();
    return over;
  }

  /** Nobody is kept waiting. */
  close(): void {
    this.#down?.end.abort();
    for (const resolve of this.#heard.splice(0)) resolve();
  }
}
