import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Code } from "../../../src/wire/error-codes.ts";
import type { JoinAnswer } from "../../../src/broker/groups/types.ts";
import { isParked, REBALANCE, SESSION_MS, setting } from "../../support/groups.ts";

type Step =
  | { do: "enter" | "rejoin" | "change" | "sync" | "beat" | "commit" | "leave"; who: number }
  | { do: "wait"; ms: number }
  | { do: "rejoin all" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom("enter", "enter", "rejoin", "change", "sync", "sync", "sync", "beat", "commit", "leave"),
      who: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.constantFrom(1, 500, 500, 3000, 5999, 6000, 30_000) }),
  },
);

/** A client as it sees itself: what it was told, and nothing else. */
interface Client {
  memberId: string;
  joined: { answer: JoinAnswer | undefined } | undefined;
  generationId: number;
  said: number;
}

/** Clients that do anything in any order, and what must hold for each of their answers. */
class Model {
  readonly at = setting({ newMemberJoinTimeoutMs: 60_000 });
  readonly clients: Client[] = [0, 1, 2, 3].map(() => ({ memberId: "", joined: undefined, generationId: 0, said: 0 }));
  /** By generation: who was said to lead, and who were listed. */
  readonly leaders = new Map<number, string>();
  readonly listed = new Map<number, string[]>();
  /** By generation: what the leader gave, once it was accepted. */
  readonly given = new Set<number>();
  newest = 0;

  take(step: Step): void {
    if (step.do === "wait") this.at.time.advance(step.ms);
    else if (step.do === "rejoin all") { for (const client of this.clients) this.#act("rejoin", client); }
    else this.#act(step.do, this.clients[step.who] as Client);
    this.at.time.advance(0);
    this.#hear();
  }

  #act(what: Exclude<Step["do"], "wait" | "rejoin all">, client: Client): void {
    const { join, sync, beat, commit, groups } = this.at;
    const { memberId, generationId, joined } = client;
    const waits = joined !== undefined && isParked(joined);
    switch (what) {
      case "enter":
        if (memberId !== "") return;
        client.memberId = join("").answer?.memberId ?? "";
        client.joined = join(client.memberId, { said: `${client.said}` });
        return;
      case "change":
      case "rejoin":
        if (memberId === "" || waits) return;
        if (what === "change") client.said++;
        client.joined = join(memberId, { said: `${client.said}` });
        return;
      case "sync": {
        if (memberId === "" || waits) return;
        const isLeader = this.leaders.get(generationId) === memberId;
        const all = isLeader ? this.listed.get(generationId) ?? [] : [];
        const answer = sync(generationId, memberId, all);
        if (answer.answer?.errorCode !== Code.NONE) return;
        if (isLeader) this.given.add(generationId);
        assert.ok(this.given.has(generationId), "nobody has an assignment before the leader has given it");
        assert.equal(new TextDecoder().decode(answer.answer.assignment), memberId);
        return;
      }
      case "beat":
        return this.#accepted(beat(generationId, memberId), client);
      case "commit": {
        const code = commit(generationId, memberId);
        if (generationId > 0) this.#accepted(code ?? Code.NONE, client);
        return;
      }
      case "leave":
        if (memberId === "" || waits) return;
        groups.leave("g", [{ memberId, groupInstanceId: null }]);
        assert.notEqual(beat(generationId, memberId), Code.NONE);
        Object.assign(client, { memberId: "", joined: undefined });
    }
  }

  #accepted(code: Code, { memberId, generationId }: Client): void {
    if (code === Code.UNKNOWN_MEMBER_ID || code === Code.ILLEGAL_GENERATION) return;
    const group = this.at.groups.group("g");
    assert.ok(group !== undefined && group.members.has(memberId), `${code} for one that is no member`);
    assert.equal(generationId, group.generationId);
  }

  /** Takes up the answers to parked JoinGroups, and checks them against each other. */
  #hear(): void {
    for (const client of this.clients) {
      const answer = client.joined?.answer;
      if (answer === undefined) continue;
      client.joined = undefined;
      if (answer.errorCode !== Code.NONE) {
        client.memberId = "";
        continue;
      }
      const { generationId, leader, memberId, members } = answer;
      assert.ok(generationId >= client.generationId || client.memberId !== memberId, "generations only grow");
      assert.ok(generationId >= this.newest, "nobody is sent back");
      this.newest = client.generationId = generationId;
      assert.equal(this.leaders.get(generationId) ?? leader, leader, "a generation has one leader");
      this.leaders.set(generationId, leader);
      if (leader !== memberId) assert.equal(members.length, 0, "only the leader hears of the others");
      else if (members.length > 0) this.listed.set(generationId, members.map(({ memberId }) => memberId));
    }
  }

  /** Nobody says anything any more: nothing stays parked, and nobody stays a member. */
  fallSilent(): void {
    this.at.time.advance(REBALANCE + 60_000 + SESSION_MS);
    for (const { joined } of this.clients) {
      assert.ok(joined === undefined || !isParked(joined), "a JoinGroup is parked");
    }
    this.at.time.advance(2 * REBALANCE + SESSION_MS);
    const group = this.at.groups.group("g");
    assert.ok(group === undefined || (group.members.size === 0 && group.state === "Empty"), group?.state);
  }
}

test("whatever its members do, a group keeps its word", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 80 }), (steps) => {
      const model = new Model();
      for (const one of steps) model.take(one);
      model.fallSilent();
    }),
    { numRuns: 1000 },
  );
});

test("a group that is restored from its journal is the one that was last stable", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const one of steps) model.take(one);
      const before = model.at.groups.group("g");
      if (before?.state !== "Stable") return;
      const after = setting({}, model.at.journal, model.at.time).groups.group("g");
      const members = (group: typeof before) =>
        [...group.members.values()].map(({ id, assignment, protocols }) => ({ id, assignment, protocols }));
      assert.equal(after?.generationId, before.generationId);
      assert.equal(after.leaderId, before.leaderId);
      assert.equal(after.state, "Stable");
      assert.deepEqual(members(after), members(before));
    }),
    { numRuns: 500 },
  );
});
