import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { summaryOf } from "../../../src/core/master-work.ts";
import type { Presence } from "../../../src/driver/driver.ts";
import { type Member, type Outcome, plan } from "../../../src/driver/group-plan.ts";
import { writePlan } from "../../../src/kafka/group/subscription.ts";
import { encodeMember, encodeOutcome, memberData, outcomeData } from "../../../src/kafka/group/user-data.ts";
import { sizeOf } from "../../../src/kafka/group/group-refusal.ts";
import { packUuid, unpackUuid } from "../../../src/kafka/group/pack-uuid.ts";
import { decodeAssignment, encodeSubscription } from "../../../src/wire/consumer-protocol.ts";

const process = { bootId: "boot", pidNamespace: "pid:[1]", pid: 7, startTime: "99" };
const presenceOf = (id: string, port = 1): Presence => ({ host: "127.0.0.1", port, id, process });

function member(memberId: string, { claim = 0, instanceId = null as string | null, present = true } = {}): Member {
  const data = {
    worker: `worker ${memberId}`,
    runtime: "",
    version: "1",
    work: summaryOf([{ name: "tick", rule: "every 1s" }]),
    presence: present ? presenceOf(memberId) : undefined,
    incarnation: memberId,
    claim,
    eligible: true,
    leaseGraceMs: 0,
    asksToYield: "",
    draining: false,
  };
  return { memberId, instanceId, topics: ["t"], owned: [], generation: 1, data };
}

/** Whom each member is told to watch. */
function watching(members: readonly Member[]): Record<string, string[]> {
  const assignments = writePlan(members, plan(members, new Map([["t", 1]]), members[0]?.memberId ?? ""));
  return Object.fromEntries(assignments.map(({ memberId, assignment }) => {
    const { peers } = outcomeData(decodeAssignment(assignment).userData);
    return [memberId, peers.map((peer) => peer.memberId)];
  }));
}

test("everybody watches the master and its successor, and these two everybody", () => {
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
  assert.deepEqual(memberData(encodeMember(data)), data);
  const said: Outcome = {
    master: "m",
    worker: "w",
    version: "1.2",
    instanceId: "",
    members: 3,
    work: summaryOf([{ name: "x", rule: "task" }]),
    lacking: [{ worker: "l", version: "1.1", work: summaryOf([{ name: "y", rule: "every 1s" }]) }],
    leaseGraceMs: 5,
    successor: "h",
    resign: true,
    peers: [{ memberId: "p", instanceId: null, worker: "w", presence: presenceOf("p") }],
  };
  for (const isOld of [false, true]) assert.deepEqual(outcomeData(encodeOutcome(said, isOld)), said);
});

test("the master's time zone data reach everybody who has others", () => {
  const zones = { release: "2026c", zones: [{ name: "Europe/Berlin", from: 2026, marks: ["a", "b"] }] };
  const [a, b] = [member("a", { claim: 2 }), member("b")];
  const members = [{ ...a, data: memberData(encodeMember({ ...a.data, zones })) }, b];
  const told = writePlan(members, plan(members, new Map([["t", 1]]), "b"));
  assert.deepEqual(
    told.map(({ assignment }) => outcomeData(decodeAssignment(assignment).userData).zones),
    [undefined, zones],
  );
});

test("anything else in it is nothing: no peer, no claim, no wish", () => {
  const wrong = fc.oneof(fc.jsonValue(), fc.record({ host: fc.string(), port: fc.integer(), id: fc.jsonValue() }));
  const fields = fc.dictionary(
    fc.constantFrom(
      "presence",
      "at",
      "peers",
      "timers",
      "work",
      "lacking",
      "asksToYield",
      "draining",
      "resign",
      "successor",
    ),
    wrong,
  );
  fc.assert(fc.property(fields, (value) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const said = memberData(bytes);
    assert.deepEqual([said.claim, said.eligible], [0, false]);
    if (said.presence) assert.ok(said.presence.port > 0 && said.presence.port < 65536 && said.presence.host !== "");
    for (const { presence } of outcomeData(bytes).peers) assert.ok(presence.id !== "");
  }));
});

/** What members and leaders of format 1 wrote. */
const former = (fields: object) => new TextEncoder().encode(JSON.stringify({ format: 1, ...fields }));

test("a member of before, which lists its timers, is understood", () => {
  const timers = [{ name: "tick", rule: "every 1s" }, { name: "sweep", rule: "task" }];
  const { data } = member("a");
  const { work: _, ...said } = data;
  assert.deepEqual(memberData(former({ ...said, timers })), { ...data, work: summaryOf(timers) });
  assert.equal(memberData(former({ ...said, timers: [] })).work.count, 0);
});

test("a leader of before sees what it needs: what a member claims, and that it has work", () => {
  const { data } = member("a", { claim: 7 });
  const told: Record<string, unknown> = JSON.parse(new TextDecoder().decode(encodeMember(data)));
  const { incarnation, claim, eligible, version, worker, timers } = told;
  assert.deepEqual({ incarnation, claim, eligible, version, worker }, {
    incarnation: "a",
    claim: 7,
    eligible: true,
    version: "1",
    worker: "worker a",
  });
  assert.ok(Array.isArray(timers) && timers.length === 1);
  const idle: object = JSON.parse(new TextDecoder().decode(encodeMember({ ...data, work: summaryOf([]) })));
  assert.ok(!("timers" in idle));
});

test("members of before are told whom to watch as they read it, the others in short", () => {
  const members = [member("a", { claim: 2 }), member("b")].map((each) => ({ ...each, isOld: each.memberId === "b" }));
  const told = writePlan(members, plan(members, new Map(), "a")).map(({ assignment }) =>
    new TextDecoder().decode(decodeAssignment(assignment).userData ?? new Uint8Array())
  );
  const peersIn = (text: string | undefined): unknown => JSON.parse(text ?? "").peers;
  assert.deepEqual(peersIn(told[1]), [
    { memberId: "a", instanceId: null, worker: "worker a", presence: presenceOf("a") },
  ]);
  assert.deepEqual(peersIn(told[0]), [
    ["b", 0, "worker b", ["127.0.0.1", 1, "b", "boot", "pid:[1]", 7, "99"]],
  ]);
});

test("what is told is bounded, whatever names, versions, addresses, zones and timers there are", () => {
  const long = "wörker".repeat(100);
  const timers = Array.from({ length: 2000 }, (_, n) => ({ name: `timer-${n}-${"x".repeat(80)}`, rule: "every 1s" }));
  const zones = {
    release: long,
    zones: Array.from({ length: 32 }, (_, n) => ({ name: `America/Argentina/${n}`, from: 2026, marks: ["12345678"] })),
  };
  const { data } = member("a");
  const all = { ...data, worker: long, runtime: long, version: long, work: summaryOf(timers), zones };
  const bytes = encodeMember({ ...all, presence: { ...presenceOf("a"), host: long } });
  assert.ok(bytes.length < 1500, `${bytes.length} bytes`);
  const read = memberData(bytes);
  assert.deepEqual([read.work, read.presence, read.zones?.zones.length], [summaryOf(timers), undefined, 8]);
  assert.equal(read.worker, `${long.slice(0, 63)}…`);
  const usual = encodeMember({ ...data, worker: "host-12345-abcd", runtime: "node 24.11.0", work: summaryOf(timers) });
  assert.ok(usual.length < 400, `${usual.length} bytes`);
});

test("in a large group each watches the master and another one, and everybody is watched", () => {
  const members = Array.from({ length: 450 }, (_, n) => member(`m${n}`, { claim: n === 7 ? 1 : 0 }));
  const watched = watching(members);
  assert.ok(Object.values(watched).every((each) => each.length <= 2));
  assert.ok(Object.entries(watched).every(([id, each]) => id === "m7" || each.includes("m7")));
  assert.equal(new Set(Object.values(watched).flat()).size, 450);
});

test("a UUID is packed and unpacked, and nothing else", () => {
  fc.assert(fc.property(fc.oneof(fc.uuid(), fc.string()), (text) => {
    assert.equal(unpackUuid(packUuid(text)), text);
    if (/^[0-9a-f-]{36}$/.test(text)) assert.equal(packUuid(text).length, 23);
  }));
});

test("450 members with 2,000 timers take half of the record that Kafka keeps a group in, 1,000 find room", () => {
  assert.ok(groupOf(450) < 530_000, `${groupOf(450)} bytes`);
  assert.ok(groupOf(1000) < 1_000_000, `${groupOf(1000)} bytes`);
});

/** The size of a group of so many usual members, in bytes. */
function groupOf(count: number): number {
  const work = summaryOf(Array.from({ length: 2000 }, (_, n) => ({ name: `timer-${n}`, rule: "every 1m" })));
  const members = Array.from({ length: count }, (_, n): Member => {
    const each = member(`mephisto-${crypto.randomUUID()}`);
    const process = {
      bootId: crypto.randomUUID(),
      pidNamespace: "pid:[4026531836]",
      pid: 12345 + n,
      startTime: "123456789",
    };
    const presence = { host: "10.123.124.125", port: 41234, id: crypto.randomUUID(), process };
    const incarnation = crypto.randomUUID();
    const said = { worker: `worker-host-${n}-12345-abcd`, runtime: "node 24.11.0", version: "1.2.3" };
    return { ...each, data: { ...each.data, ...said, work, presence, incarnation } };
  });
  const joined = members.map(({ memberId, data }) => ({
    memberId,
    groupInstanceId: null,
    metadata: encodeSubscription({ topics: ["orders"], userData: encodeMember(data) }),
  }));
  const { bytes } = sizeOf(joined);
  return sizeOf(joined, writePlan(members, plan(members, new Map([["orders", 64]]), "a"), bytes)).bytes;
}
