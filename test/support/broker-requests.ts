import { offsetCommit } from "../../src/broker/requests/08-offset-commit.ts";
import { offsetFetch } from "../../src/broker/requests/09-offset-fetch.ts";
import { joinGroup } from "../../src/broker/requests/11-join-group.ts";
import { syncGroup } from "../../src/broker/requests/14-sync-group.ts";
import { encodeSubscription } from "../../src/wire/consumer-protocol.ts";
import type { Station } from "./differential.ts";

/** A group as a script of requests sees it: the short forms of its usual requests. */
export class Party {
  readonly #at: Station;
  readonly groupId: string;
  readonly topic: string;

  constructor(at: Station, groupId: string, topic: string) {
    this.#at = at;
    this.groupId = groupId;
    this.topic = topic;
  }

  joinMessage(
    memberId: string,
    { said = "", instance = null as string | null, session = 10_000, names = ["range"] } = {},
  ) {
    const metadata = encodeSubscription({ topics: [this.topic], userData: new TextEncoder().encode(said) });
    return {
      groupId: this.groupId,
      sessionTimeoutMs: session,
      rebalanceTimeoutMs: 10_000,
      memberId,
      groupInstanceId: instance,
      protocolType: "consumer",
      protocols: names.map((name) => ({ name, metadata })),
    };
  }

  /** JoinGroup on a connection of its own, since it may park. */
  join(name: string, memberId: string, options = {}, version = 9) {
    return this.#at.tell(name, joinGroup, version, this.joinMessage(memberId, options), `join-${name.split(" ")[0]}`);
  }

  /** A new member is told its id, and comes back with it; that is not waited for. */
  async enter(name: string, options = {}) {
    const { memberId } = await this.#at.ask(joinGroup, 9, this.joinMessage("", options), `join-${name}`);
    const joined = this.#at.ask(joinGroup, 9, this.joinMessage(memberId, options), `join-${name}`);
    return { memberId, joined };
  }

  sync(name: string, generationId: number, memberId: string, given: string[] = [], options = {}) {
    return this.#at.tell(name, syncGroup, 5, {
      groupId: this.groupId,
      generationId,
      memberId,
      protocolType: "consumer",
      protocolName: "range",
      assignments: given.map((memberId) => ({ memberId, assignment: new Uint8Array([1, 2, 3]) })),
      ...options,
    }, `join-${name.split(" ")[0]}`);
  }

  commit(
    name: string,
    generationId: number,
    memberId: string,
    offset: number,
    version = 9,
    instance: string | null = null,
  ) {
    return this.#at.tell(name, offsetCommit, version, {
      groupId: this.groupId,
      generationIdOrMemberEpoch: generationId,
      memberId,
      groupInstanceId: instance,
      topics: [{
        name: this.topic,
        partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: `m${offset}` }],
      }],
    });
  }

  fetch(name: string, requireStable = false) {
    return this.#at.tell(name, offsetFetch, 9, {
      groups: [{ groupId: this.groupId, topics: [{ name: this.topic, partitionIndexes: [0, 1] }] }],
      requireStable,
    });
  }
}
