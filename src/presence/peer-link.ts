import { connect, isIPv6, type Socket } from "node:net";
import { messageOf } from "../core/errors.ts";
import { BACKOFF, Backoff } from "../core/backoff.ts";
import { delay } from "../core/delay.ts";
import type { Presence } from "../driver/driver.ts";
import { granted } from "../runtime/permission.ts";
import { CHANGED, WATCHING } from "./listener.ts";
import { Witness } from "./process.ts";

/** A greeting comes within this time, or not at all. */
const GREETING_TIMEOUT_MS = 2000;
/** A killed process closes its sockets a moment before or after it is gone: how long it is looked for, and how often. */
const DEATH_CHECK_MS = 1000;
const DEATH_CHECK_INTERVAL_MS = 3;
/** The longest that a peer may say at once: more is not one of ours. */
const LONGEST_MESSAGE_BYTES = 256;
/** A connection that lasted for so long is tried again soon. */
const STABLE_AFTER_MS = 10_000;

/** What a peer may turn out to be. */
export interface PeerEvents {
  /** It is gone beyond doubt. Called at most once. */
  gone(): void;
  /** It says that the group changes. */
  changed(): void;
  /** Its connection broke, and its address refuses another. */
  refused(): void;
  /** For debugging. */
  report(sentence: string): void;
}

/** Keeps a connection to a peer; when it breaks, looks whether the peer is gone, and else connects again. */
export class PeerLink {
  readonly #peer: Presence;
  readonly #events: PeerEvents;
  readonly #witnessOf: (presence: Presence) => Witness | undefined;
  readonly #stop = new AbortController();
  #socket: Socket | undefined;

  constructor(peer: Presence, events: PeerEvents, witnessOf = ({ process }: Presence) => Witness.of(process)) {
    this.#peer = peer;
    this.#events = events;
    this.#witnessOf = witnessOf;
    this.#run().catch((error: unknown) => events.report(`Is not watched any more: ${messageOf(error)}`));
  }

  close(): void {
    this.#stop.abort();
    this.#socket?.destroy();
  }

  async #run(): Promise<void> {
    const { host, port } = this.#peer;
    const { signal } = this.#stop;
    if (!granted({ name: "net", host: `${isIPv6(host) ? `[${host}]` : host}:${port}` })) return;
    const backoff = new Backoff(BACKOFF.peer);
    let wasConfirmed = false;
    while (!signal.aborted) {
      const since = performance.now();
      const { confirmed, witness, code } = await this.#connection();
      if (signal.aborted) return;
      if (witness && await this.#isGone(witness)) return this.#events.gone();
      if (signal.aborted) return;
      if (wasConfirmed && !confirmed && (code === "ECONNREFUSED" || code === "ECONNRESET")) this.#events.refused();
      wasConfirmed ||= confirmed;
      if (performance.now() - since > STABLE_AFTER_MS) backoff.reset();
      await delay(backoff.next(), signal);
    }
  }

  async #isGone(witness: Witness): Promise<boolean> {
    const until = performance.now() + DEATH_CHECK_MS;
    while (!this.#stop.signal.aborted) {
      if (witness.isGone()) return true;
      if (performance.now() > until) return false;
      await delay(DEATH_CHECK_INTERVAL_MS, this.#stop.signal);
    }
    return false;
  }

  /** From its begin to its end. */
  #connection(): Promise<{ confirmed: boolean; witness: Witness | undefined; code: unknown }> {
    const { host, port, id } = this.#peer;
    return new Promise((resolve) => {
      const socket = this.#socket = connect({ host, port });
      let heard = "";
      let confirmed = false;
      let witness: Witness | undefined;
      let code: unknown;
      const late = setTimeout(() => socket.destroy(), GREETING_TIMEOUT_MS);
      socket.setEncoding("latin1");
      socket.setKeepAlive(true, 30_000);
      socket.setNoDelay(true);
      socket.on("error", (error) => {
        code = "code" in error ? error.code : undefined;
      });
      socket.on("close", () => {
        clearTimeout(late);
        resolve({ confirmed, witness, code });
      });
      socket.on("end", () => socket.destroy());
      socket.on("data", (text) => {
        heard += text;
        for (let end = heard.indexOf("\n"); end >= 0; end = heard.indexOf("\n")) {
          const line = heard.slice(0, end + 1);
          heard = heard.slice(end + 1);
          if (confirmed && line === CHANGED) this.#events.changed();
          else if (!confirmed && line === `${id}\n`) {
            confirmed = true;
            clearTimeout(late);
            // Seen while it lives: else not to see it later would prove nothing.
            witness = this.#witnessOf(this.#peer);
            socket.write(WATCHING);
            socket.unref();
            this.#events.report(`Watches ${host}:${port}${witness ? "" : ", whose process cannot be seen from here"}.`);
          } else return socket.destroy();
        }
        if (heard.length > LONGEST_MESSAGE_BYTES) socket.destroy();
      });
    });
  }
}
