import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { systemTime } from "../../../src/core/delay.ts";
import { silent } from "../../../src/core/logger.ts";
import { delay } from "../../../src/core/delay.ts";
import { Cluster } from "../../../src/kafka/connection/cluster.ts";
import { Code } from "../../../src/wire/error-codes.ts";
import { Consumer } from "../../../src/kafka/consumer/consumer.ts";
import { ProtocolError } from "../../../src/kafka/connection/errors.ts";
import { Group } from "../../../src/kafka/group/group.ts";
import { refusalOf, sizeOf } from "../../../src/kafka/group/group-refusal.ts";
import type { BrokerConnection } from "../../../src/kafka/connection/broker-connection.ts";
import { type Address, parseUrl } from "../../../src/kafka/connection/url.ts";
import { encodeOutcome, memberData } from "../../../src/kafka/group/user-data.ts";
import type { MemberData, Outcome } from "../../../src/driver/group-plan.ts";
import type { Call } from "../../../src/wire/call.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../../src/wire/consumer-protocol.ts";
import { Reader } from "../../../src/wire/reader.ts";
import { supervisorOf } from "../../core/fakes.ts";
import { until } from "../../support/until.ts";
import { ignoring } from "../../../src/driver/ignoring.ts";

/** A coordinator under the test's hand: it answers as the test says, by the name of the request. */
class FakeCoordinator extends Cluster {
  generation = 0;
  readonly asked: string[] = [];
  readonly calls: Call<unknown>[] = [];
  /** What the leader says of the generation. */
  data: Partial<Outcome> = {};
  /** Instead of the usual answer. */
  readonly instead = new Map<string, () => unknown>();

  constructor() {
    super(parseUrl("kafka://nobody:1", "test"), "test", systemTime);
  }

  override coordinator(): Promise<Address> {
    this.located++;
    return Promise.resolve({ host: "nobody", port: 1 });
  }

  override connection(address: Address): BrokerConnection {
    const connection = super.connection(address);
    connection.send = async <T>(call: Call<T>) => {
      const { apiName } = call;
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.asked.push(apiName);
      this.calls.push(call);
      return await (this.instead.get(apiName) ?? (() => this.usual(apiName)))() as T;
    };
    return connection;
  }

  located = 0;

  usual(apiName: string): unknown {
    if (apiName === "JoinGroup") {
      return { errorCode: 0, memberId: "me", generationId: ++this.generation, leader: "another", members: [] };
    }
    const nothing = {
      master: "",
      worker: "",
      version: "",
      lacking: [],
      instanceId: "",
      members: 1,
      leaseGraceMs: 0,
      successor: "",
      resign: false,
      peers: [],
    };
    const userData = encodeOutcome({ ...nothing, ...this.data }, false);
    const assignment = encodeAssignment({ partitions: [{ topic: "t", partitions: [0] }], userData });
    if (apiName === "LeaveGroup") return { errorCode: 0, members: [{ errorCode: Code.UNKNOWN_MEMBER_ID }] };
    return apiName === "SyncGroup" ? { errorCode: 0, assignment } : { errorCode: 0 };
  }
}

/** What the member said of itself in its latest JoinGroup. */
function said(coordinator: FakeCoordinator): MemberData {
  const join = coordinator.calls.findLast(({ apiName }) => apiName === "JoinGroup") ?? assert.fail("it has not joined");
  const r = new Reader(join.encode());
  r.string();
  r.int32();
  r.int32();
  r.string();
  r.nullableString();
  r.string();
  const [protocol] = r.array(() => ({ name: r.string(), metadata: r.bytes() }));
  return memberData(decodeSubscription(protocol?.metadata ?? new Uint8Array()).userData);
}

/** What the one member is given by a plan. */
function assignmentsOf(sync: Call<unknown> | undefined) {
  const r = new Reader((sync ?? assert.fail("it has not synced")).encode());
  r.string();
  r.int32();
  r.string();
  r.nullableString();
  const [given] = r.array(() => ({ memberId: r.string(), assignment: r.bytes() }));
  return decodeAssignment(given?.assignment ?? new Uint8Array()).partitions;
}

/** The text in a request. */
const textOf = (call: Call<unknown> | undefined) => new TextDecoder("latin1").decode(call?.encode());

const groups: Group[] = [];
const consumers: Consumer[] = [];
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.leave(100)));
  await Promise.all(groups.splice(0).map((group) => group.leave()));
});

async function joined(
  coordinator: FakeCoordinator,
  heartbeatInterval = 10,
  sessionTimeout = 6000,
  faults: { unreachable?: boolean; mayBeMaster?: boolean } = {},
  instanceId?: string,
) {
  const heard: string[] = [];
  /** How long to wait, as each generation has told. */
  const waits: number[] = [];
  const profile = {
    worker: "",
    runtime: "",
    version: "",
    timers: [],
    mayBeMaster: faults.mayBeMaster ?? true,
    presence: undefined,
  };
  const supervisor = supervisorOf({ logger: silent, clock: systemTime, sleep: (ms) => delay(ms / 100) });
  const options = { supervisor, group: "g", topics: ["t"], profile, instanceId, sessionTimeout };
  const group = new Group(coordinator, { ...options, heartbeatInterval }, {
    owned: () => [{ topic: "t", partition: 0 }],
    claim: () => 0,
    synced: (_partitions, _data, notBefore) => {
      waits.push(notBefore - systemTime.monotonic());
      heard.push("synced");
    },
    removed: () => heard.push("removed"),
    failed: () => heard.push("failed"),
    unreachable() {
      if (faults.unreachable) throw new TypeError("undefined is not a function");
      heard.push("unreachable");
    },
    reachable: () => {},
    refused: (error) => heard.push(...error ? [error.code] : []),
  }, systemTime);
  groups.push(group);
  group.start();
  await until(() => heard.includes("synced"));
  return { group, heard, supervisor, waits };
}

test("a generation that heartbeats hear of before the answer to the join is no reason to give up everything", async () => {
  const coordinator = new FakeCoordinator();
  const { group, heard } = await joined(coordinator);
  const late = Promise.withResolvers<void>();
  coordinator.instead.set("JoinGroup", async () => {
    const answer = coordinator.usual("JoinGroup");
    await late.promise;
    return answer;
  });
  coordinator.instead.set("Heartbeat", () => ({
    errorCode: group.generationId < coordinator.generation ? Code.ILLEGAL_GENERATION : Code.NONE,
  }));
  group.rejoin();
  await until(() => coordinator.generation === 2);
  const beats = coordinator.asked.length;
  await until(() => coordinator.asked.length > beats + 3);
  assert.ok(group.lease.holds());
  late.resolve();
  await until(() => heard.length >= 2);
  assert.deepEqual([heard, group.generationId], [["synced", "synced"], 2]);
});

test("one that they hear of when nothing has been asked is", async () => {
  const coordinator = new FakeCoordinator();
  const { group, heard } = await joined(coordinator);
  coordinator.instead.set("Heartbeat", () => {
    coordinator.instead.delete("Heartbeat");
    return { errorCode: Code.ILLEGAL_GENERATION };
  });
  await until(() => heard.length >= 3);
  assert.deepEqual([heard, group.generationId], [["synced", "removed", "synced"], 2]);
});

const presence = { host: "127.0.0.1", port: 1, id: "x", process: undefined };
const LONG = 600_000;

test("when it is to hurry it asks the group at once, and joins again only if the group has changed", async () => {
  const coordinator = new FakeCoordinator();
  const { group, heard } = await joined(coordinator, LONG);
  assert.ok(!coordinator.asked.includes("Heartbeat"));
  group.heartbeatNow();
  await until(() => coordinator.asked.filter((name) => name === "Heartbeat").length === 2);
  assert.equal(coordinator.generation, 1, "another round would be one for all");
  coordinator.instead.set("Heartbeat", () => ({
    errorCode: coordinator.generation === 1 ? Code.REBALANCE_IN_PROGRESS : Code.NONE,
  }));
  group.heartbeatNow();
  await until(() => heard.length === 2);
  assert.equal(coordinator.generation, 2);
});

test("who was on the way to the coordinator when it asked is asked for again, a moment later", async () => {
  const coordinator = new FakeCoordinator();
  const { group, heard } = await joined(coordinator, LONG);
  let asked = 0;
  coordinator.instead.set("Heartbeat", () => ({
    errorCode: asked++ === 1 ? Code.REBALANCE_IN_PROGRESS : Code.NONE,
  }));
  group.heartbeatNow();
  await until(() => heard.length === 2);
});

test("it has the group forget a member of this generation by its id and its place, and no other", async () => {
  const coordinator = new FakeCoordinator();
  coordinator.data = {
    peers: [
      { memberId: "dead", instanceId: null, worker: "", presence },
      { memberId: "static", instanceId: "place", worker: "", presence },
    ],
  };
  const { group } = await joined(coordinator, LONG);
  await group.evict("stranger");
  assert.ok(!coordinator.asked.includes("LeaveGroup"));
  await group.evict("dead");
  await group.evict("static");
  const [dead, place] = coordinator.calls.filter(({ apiName }) => apiName === "LeaveGroup").map(textOf);
  assert.ok(dead?.includes("dead") && !dead.includes("place"));
  assert.ok(place?.includes("static") && place.includes("place"));
  await until(() => coordinator.asked.includes("Heartbeat")); // it asks at once what has become of the group
});

test("who stands down stands again when another has been elected in a generation that knew", async () => {
  const coordinator = new FakeCoordinator();
  const { group } = await joined(coordinator, LONG);
  coordinator.data = { master: "another" };
  assert.equal(said(coordinator).eligible, true);
  const over = group.yieldMastership();
  await over;
  assert.equal(said(coordinator).eligible, false);
  const { generation } = coordinator;
  group.rejoin();
  await until(() => coordinator.generation > generation);
  assert.equal(said(coordinator).eligible, true);
});

test("and when a session has passed in which nobody else could be: it says so at once", async () => {
  const coordinator = new FakeCoordinator();
  const { group } = await joined(coordinator, LONG, 300);
  const before = performance.now();
  await group.yieldMastership();
  assert.ok(performance.now() - before >= 295);
  await until(() => coordinator.generation === 3);
  assert.equal(said(coordinator).eligible, true);
});

test("who may not be master never stands, and who resigns never again", async () => {
  const coordinator = new FakeCoordinator();
  const { group } = await joined(coordinator, LONG);
  await group.resign();
  assert.equal(said(coordinator).eligible, false);
  group.rejoin();
  await until(() => coordinator.generation === 3);
  assert.equal(said(coordinator).eligible, false);
  const other = new FakeCoordinator();
  await joined(other, LONG, 6000, { mayBeMaster: false });
  assert.equal(said(other).eligible, false);
});

test("who drains says so from the next round on, and stands as before", async () => {
  const coordinator = new FakeCoordinator();
  const { group } = await joined(coordinator, LONG);
  assert.equal(said(coordinator).draining, false);
  group.drain();
  group.rejoin();
  await until(() => coordinator.generation === 2);
  assert.deepEqual([said(coordinator).draining, said(coordinator).eligible], [true, true]);
});

test("whoever asks a master to go names it: the next one is not meant", async () => {
  const coordinator = new FakeCoordinator();
  coordinator.data = { master: "first" };
  const { group } = await joined(coordinator, LONG);
  assert.equal(said(coordinator).asksToYield, "");
  group.askToResign();
  await until(() => coordinator.generation === 2);
  assert.equal(said(coordinator).asksToYield, "first");
});

for (const api of ["JoinGroup", "Heartbeat"] as const) {
  test(`a fault of ours when ${api} is lost is told, and it goes on`, async () => {
    const coordinator = new FakeCoordinator();
    const faults = { unreachable: true };
    const { group, heard, supervisor } = await joined(coordinator, 10, 6000, faults);
    coordinator.instead.set(api, () => Promise.reject(new Error("broken")));
    group.rejoin();
    await until(() => supervisor.trouble?.startsWith("The loop of the group has failed"));
    faults.unreachable = false;
    coordinator.instead.delete(api);
    const before = coordinator.asked.filter((name) => name === api).length;
    await until(() => coordinator.asked.filter((name) => name === api).length > before);
    await until(() => group.synced && heard.filter((what) => what === "synced").length > 1);
    assert.deepEqual(supervisor.ended, []);
  });
}

test("a static member in the place of the master claims its mastership at once, and has all wait for its lease", async () => {
  const coordinator = new FakeCoordinator();
  coordinator.data = { master: "predecessor", instanceId: "place" };
  const { waits } = await joined(coordinator, LONG, 6000, {}, "place");
  await until(() => coordinator.generation >= 2);
  assert.ok(said(coordinator).claim > 0);
  assert.ok(said(coordinator).leaseGraceMs > 5000, `${said(coordinator).leaseGraceMs}`);
  assert.ok((waits[0] ?? 0) > 5000, `${waits}`);
});

test("whose place was taken holds nothing, and does not come back", async () => {
  const coordinator = new FakeCoordinator();
  const { group, heard } = await joined(coordinator, LONG, 6000, {}, "place");
  assert.equal(group.lease.holds(), true);
  coordinator.instead.set("Heartbeat", () => ({ errorCode: Code.FENCED_INSTANCE_ID }));
  group.heartbeatNow();
  await until(() => heard.includes("failed"));
  assert.deepEqual([group.lease.holds(), group.generationId, group.synced], [false, -1, false]);
  assert.equal(coordinator.generation, 1);
});

for (const code of [Code.NOT_COORDINATOR, Code.COORDINATOR_NOT_AVAILABLE]) {
  test(`a coordinator that answers ${code} is looked for again, and the lease is over until it is found`, async () => {
    const coordinator = new FakeCoordinator();
    const { group, heard } = await joined(coordinator, LONG);
    coordinator.instead.set("Heartbeat", () => ({ errorCode: code }));
    group.heartbeatNow();
    await until(() => heard.includes("unreachable"));
    assert.equal(group.lease.holds(), false);
    await until(() => coordinator.located > 1);
  });
}

test("a group that Kafka cannot keep is told once, and once a minute, though each JoinGroup is answered", async () => {
  const coordinator = new FakeCoordinator();
  coordinator.instead.set("SyncGroup", () => ({ errorCode: Code.UNKNOWN_SERVER_ERROR }));
  let passed = 0;
  const clock = { wall: () => Date.now(), monotonic: () => performance.now() + passed };
  const lines: string[] = [];
  const say = (sentence: string) => void lines.push(sentence);
  // This coordinator answers no question about topics.
  const error = (sentence: string) => void (sentence.startsWith("Membership") && say(sentence));
  const logger = { ...silent, error, warn: say, info: say };
  const profile = { worker: "", runtime: "", version: "", timers: [], mayBeMaster: true, presence: undefined };
  const times = { sessionTimeout: 6000, heartbeatInterval: LONG };
  const consumer = new Consumer(
    coordinator,
    { group: "g", topics: [], profile, instanceId: undefined, ...times },
    ignoring,
    logger,
    clock,
  );
  consumers.push(consumer);
  const after = async (ms: number) => {
    passed += ms;
    const { generation } = coordinator;
    await until(() => coordinator.generation > generation + 1, { every: 5 });
  };
  await after(0);
  assert.deepEqual(lines, [], "a moment is no outage");
  await after(1000);
  await after(1000);
  assert.match(
    lines.join(),
    /Group g cannot form: SyncGroup is answered UNKNOWN_SERVER_ERROR \(-1\)\. .*__consumer_offsets/,
  );
  assert.equal(lines.length, 1);
  assert.deepEqual([consumer.joined, consumer.trouble?.slice(0, 20)], [false, "Group g cannot form:"]);
  await after(60_000);
  assert.match(lines[1] ?? "", /This has lasted for 6\d s\. It goes on/);
  coordinator.instead.delete("SyncGroup");
  await until(() => consumer.joined);
  assert.match(lines[2] ?? "", /^Membership in group g works again after 6\d s\.$/);
  assert.deepEqual([lines.slice(3), consumer.trouble], [[], undefined]);
});

test("a leader that is told nothing of one topic plans the others, and leaves that one to whoever has it", async () => {
  const coordinator = new FakeCoordinator();
  const plans: Call<unknown>[] = [];
  coordinator.refresh = () => {
    coordinator.asked.push("Metadata");
    return Promise.reject(new ProtocolError(Code.TOPIC_AUTHORIZATION_FAILED, "Topic t"));
  };
  const metadata = encodeSubscription({
    topics: ["t"],
    ownedPartitions: [{ topic: "t", partitions: [1, 2] }],
    generationId: 1,
    userData: null,
  });
  coordinator.instead.set("JoinGroup", () => ({
    ...{ errorCode: 0, memberId: "me", generationId: ++coordinator.generation, leader: "me" },
    members: [{ memberId: "me", groupInstanceId: null, metadata }],
  }));
  const { heard, group } = await joined(coordinator);
  plans.push(...coordinator.calls.filter(({ apiName }) => apiName === "SyncGroup"));
  const given = assignmentsOf(plans[0]);
  assert.deepEqual(given, [{ topic: "t", partitions: [0, 1, 2] }]);
  assert.deepEqual(heard, ["NOT_AUTHORIZED", "synced"]);
  group.replan();
  await group.watchTopics();
  assert.deepEqual(
    coordinator.asked.filter((name) => name === "JoinGroup").length,
    1,
    "and makes no other round of it",
  );
});

test("the sentence says how large the group is, as far as its leader knows", () => {
  const members = Array.from({ length: 24 }, (_, n) => ({
    memberId: `worker-${n}`,
    groupInstanceId: null,
    metadata: new Uint8Array(45_000),
  }));
  const assignments = members.map(({ memberId }) => ({ memberId, assignment: new Uint8Array(1000) }));
  const about = (size: Parameters<typeof refusalOf>[3], code: number = Code.UNKNOWN_SERVER_ERROR) =>
    refusalOf(code, "SyncGroup", "g", size).message;
  assert.match(about(sizeOf(members, assignments)), /this one has about 1,105,\d+, of 24 workers\. Run fewer workers/);
  assert.match(about({ members: 2, bytes: 2000 }), /The broker's log says why\.$/);
  assert.match(about(undefined), /Most often the group is too large/);
  assert.doesNotMatch(about(undefined, Code.COORDINATOR_NOT_AVAILABLE), /large/);
});
