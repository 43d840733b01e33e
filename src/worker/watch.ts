import { codeField, type Logger, ROUTINE } from "../core/logger.ts";
import { messageOf } from "../core/errors.ts";
import type { Generation, Membership, Peer, Presence } from "../driver/driver.ts";
import { Listener } from "../presence/listener.ts";
import { PeerLink } from "../presence/peer-link.ts";
import { ownProcess } from "../presence/process.ts";
import type { Setting } from "./settings.ts";

/** What another worker's death is concluded from. */
export type EvictOn = "proof" | "reset";

export interface WatchParts {
  /** The address to listen on. */
  readonly bind: Setting<string>;
  readonly evictOn: EvictOn;
  readonly logger: Logger;
}

/**
 * Sees at once that another worker is gone, and has the group forget it, instead of waiting for the end of its session. All
 * that fails here costs only the time that this saves.
 */
export class Watch {
  readonly #parts: WatchParts;
  readonly #listener: Listener;
  readonly #links = new Map<string, PeerLink>();
  /** By what their presences greet with. */
  readonly #peers = new Map<string, Peer>();
  #membership: Membership | undefined;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#listener = new Listener(parts.bind.value);
  }

  /** What the others are told. Errors: `INVALID_OPTION` for an address that was asked for and is not this machine's. */
  async listen(): Promise<Presence | undefined> {
    try {
      await this.#listener.listen();
    } catch (error) {
      if (this.#parts.bind.from !== "the default") throw error;
      this.#parts.logger.debug(messageOf(error), codeField(error));
      return undefined;
    }
    const { host, port, id } = this.#listener;
    return { host, port, id, process: ownProcess() };
  }

  /** Acts through this membership from now on. */
  follow(membership: Membership): void {
    this.#membership = membership;
  }

  /** Watches those whom a generation says to watch. */
  generation({ peers }: Generation): void {
    this.#peers.clear();
    for (const peer of peers) this.#peers.set(peer.presence.id, peer);
    for (const [id, link] of this.#links) {
      if (this.#peers.has(id)) continue;
      link.close();
      this.#links.delete(id);
    }
    for (const [id, peer] of this.#peers) if (!this.#links.has(id)) this.#links.set(id, this.#link(id, peer));
  }

  /** Tells the others that the group is about to change: they ask it now, and not with their next heartbeats. */
  changed(): void {
    this.#listener.changed();
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#listener.close();
  }

  #link(id: string, { worker, presence }: Peer): PeerLink {
    const { evictOn, logger } = this.#parts;
    return new PeerLink(presence, {
      gone: () => this.#evict(id, "its process has ended"),
      refused: () => {
        if (evictOn === "reset") this.#evict(id, "its address refuses connections");
        else logger.debug(`Worker ${worker}: Its address refuses connections, which proves nothing.`);
      },
      changed: () => this.#membership?.heartbeatNow(),
      report: (sentence) => logger.debug(`Worker ${worker}: ${sentence}`),
    });
  }

  #evict(id: string, why: string): void {
    // As the latest generation knows it: it may be another membership of the same worker.
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#parts.logger.info(`Worker ${peer.worker} is gone: ${why}. The group hears of it.`, ROUTINE);
    void this.#membership?.evict(peer);
  }
}
