import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Presence } from "../../src/driver/driver.ts";
import { type Member, plan } from "../../src/kafka/assignor.ts";
import { writePlan } from "../../src/kafka/group-data.ts";
import { assignmentData, encodeData, memberData } from "../../src/kafka/profile.ts";
import { decodeAssignment } from "../../src/wire/consumer-protocol.ts";

const process = { bootId: "boot", pidNamespace: "pid:[1]", pid: 7, startTime: "99" };
const presenceOf = (id: string, port = 1): Presence => ({ host: "127.0.0.1", port, id, process });

function member(memberId: string, { claim = 0, instanceId = null as string | null, present = true } = {}): Member {
  const data = {
    worker: `worker ${memberId}`,
    runtime: "",
    version: "1",
    timers: [{ name: "tick", rule: "every 1s" }],
    presence: present ? presenceOf(memberId) : undefined,
    incarnation: memberId,
    claim,
    eligible: true,
    patience: 0,
    asks: "",
    draining: false,
  };
  return { memberId, instanceId, topics: ["t"], owned: [], generation: 1, data };
}

/** Whom each member is told to watch. */
function watching(members: readonly Member[]): Record<string, string[]> {
  const assignments = writePlan(members, plan(members, new Map([["t", 1]]), members[0]?.memberId ?? ""));
  return Object.fromEntries(assignments.map(({ memberId, assignment }) => {
    const { peers } = assignmentData(decodeAssignment(assignment).userData);
    return [memberId, peers.map((peer) => peer.memberId)];
  }));
}

test("everybody watches the master and its heir, and these two everybody", () => {
  const members = [member("a"), member("b", { claim: 2 }), member("c"), member("d")];
  assert.deepEqual(watching(members), { a: ["b", "c", "d"], b: ["a", "c", "d"], c: ["b", "a"], d: ["b", "a"] });
});

test("of static members only the master is watched, and nobody who cannot be found", () => {
  const still = [member("a", { claim: 2, instanceId: "one" }), member("b", { instanceId: "two" })];
  assert.deepEqual(watching([...still, member("c", { present: false })]), { a: [], b: ["a"], c: ["a"] });
  assert.deepEqual(watching([member("a")]), { a: [] });
});

test("what members and the leader say arrives as it was said", () => {
  const { data } = member("a");
  assert.deepEqual(memberData(encodeData(data)), data);
  const said = {
    master: "m",
    worker: "w",
    instanceId: "",
    members: 3,
    patience: 5,
    heir: "h",
    resign: true,
    peers: [{ memberId: "p", instanceId: null, worker: "w", presence: presenceOf("p") }],
  };
  assert.deepEqual(assignmentData(encodeData(said)), said);
});

test("the master's time zone data reach everybody", () => {
  const zones = { release: "2026c", zones: [{ name: "Europe/Berlin", from: 2026, marks: ["a", "b"] }] };
  const [a, b] = [member("a", { claim: 2 }), member("b")];
  const members = [{ ...a, data: memberData(encodeData({ ...a.data, zones })) }, b];
  for (const { assignment } of writePlan(members, plan(members, new Map([["t", 1]]), "b"))) {
    assert.deepEqual(assignmentData(decodeAssignment(assignment).userData).zones, zones);
  }
});

test("anything else in it is nothing: no peer, no claim, no wish", () => {
  const wrong = fc.oneof(fc.jsonValue(), fc.record({ host: fc.string(), port: fc.integer(), id: fc.jsonValue() }));
  const fields = fc.dictionary(
    fc.constantFrom("presence", "peers", "timers", "asks", "draining", "resign", "heir"),
    wrong,
  );
  fc.assert(fc.property(fields, (value) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const said = memberData(bytes);
    assert.deepEqual([said.claim, said.eligible], [0, false]);
    if (said.presence) assert.ok(said.presence.port > 0 && said.presence.port < 65536 && said.presence.host !== "");
    for (const { presence } of assignmentData(bytes).peers) assert.ok(presence.id !== "");
  }));
});
