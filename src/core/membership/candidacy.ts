/** Whether a member may be elected. */
type Standing =
  | { readonly is: "standing" }
  /** Until another one has been elected, or until that moment of the monotonic clock. */
  | { readonly is: "down"; readonly until: number }
  /** For good; `heard`: by the group. */
  | { readonly is: "resigned"; readonly heard: boolean };

/** What has come of it: others wait for that. */
export type Outcome = "resigned" | "yielded";

/** Whether a member stands for election, and when the group has heard that it does not. */
export class Candidacy {
  readonly #mayBeMaster: boolean;
  #standing: Standing = { is: "standing" };
  /** What the last JoinGroup has said. */
  #said = true;

  constructor(mayBeMaster: boolean) {
    this.#mayBeMaster = mayBeMaster;
  }

  /** When it stands again whatever happens. */
  get until(): number | undefined {
    return this.#standing.is === "down" ? this.#standing.until : undefined;
  }

  /** What to say in the JoinGroup that is about to be sent. */
  say(): boolean {
    this.#said = this.#standing.is === "standing";
    return this.#said && this.#mayBeMaster;
  }

  /** A generation has begun with what was said last; `elsewhere`: another member is its master. */
  decided(elsewhere: boolean): Outcome[] {
    if (this.#said) return [];
    switch (this.#standing.is) {
      case "standing":
        return [];
      case "down":
        // That it stands again is said whenever the group elects the next time.
        return elsewhere ? this.#stand() : [];
      case "resigned":
        if (this.#standing.heard) return [];
        this.#standing = { is: "resigned", heard: true };
        return ["resigned"];
    }
  }

  /** Whether the group is to be told. */
  resign(): { outcomes: Outcome[]; news: boolean } {
    const { is } = this.#standing;
    if (is === "resigned") return { outcomes: this.#standing.heard ? ["resigned"] : [], news: !this.#standing.heard };
    this.#standing = { is: "resigned", heard: false };
    return { outcomes: is === "down" ? ["yielded"] : [], news: true };
  }

  yieldMastership(until: number): { outcomes: Outcome[]; news: boolean } {
    if (this.#standing.is === "resigned") return { outcomes: ["yielded"], news: false };
    if (this.#standing.is === "down") return { outcomes: [], news: false };
    this.#standing = { is: "down", until };
    return { outcomes: [], news: true };
  }

  /** Nobody else could be elected in time: it stands again, and the group is to be told. */
  due(now: number): Outcome[] {
    return this.#standing.is === "down" && now >= this.#standing.until ? this.#stand() : [];
  }

  /** Nobody is kept waiting. */
  close(): Outcome[] {
    return ["resigned", "yielded"];
  }

  #stand(): Outcome[] {
    this.#standing = { is: "standing" };
    return ["yielded"];
  }
}
