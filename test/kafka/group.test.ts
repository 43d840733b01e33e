import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { Cluster } from "../../src/kafka/cluster.ts";
import { Code } from "../../src/kafka/codes.ts";
import { Group } from "../../src/kafka/group.ts";
import type { Link } from "../../src/kafka/link.ts";
import { type Address, parseUrl } from "../../src/kafka/url.ts";
import { encodeAssignment } from "../../src/wire/consumer-protocol.ts";
import { until } from "../support/until.ts";

/** A coordinator under the test's hand: it answers as the test says, by the name of the request. */
class FakeCoordinator extends Cluster {
  generation = 0;
  readonly asked: string[] = [];
  /** Instead of the usual answer. */
  readonly instead = new Map<string, () => unknown>();

  constructor() {
    super(parseUrl("kafka://nobody:1", "test"), "test");
  }

  override coordinator(): Promise<Address> {
    return Promise.resolve({ host: "nobody", port: 1 });
  }

  override link(address: Address): Link {
    const link = super.link(address);
    link.send = async <T>({ apiName }: { apiName: string }) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.asked.push(apiName);
      return await (this.instead.get(apiName) ?? (() => this.usual(apiName)))() as T;
    };
    return link;
  }

  usual(apiName: string): unknown {
    if (apiName === "JoinGroup") {
      return { errorCode: 0, memberId: "me", generationId: ++this.generation, leader: "another", members: [] };
    }
    const assignment = encodeAssignment({ partitions: [{ topic: "t", partitions: [0] }], userData: null });
    return apiName === "SyncGroup" ? { errorCode: 0, assignment } : { errorCode: 0 };
  }
}

const groups: Group[] = [];
afterEach(async () => {
  await Promise.all(groups.splice(0).map((group) => group.leave()));
});

async function joined(coordinator: FakeCoordinator) {
  const heard: string[] = [];
  const profile = { worker: "", runtime: "", version: "", timers: [], mayBeMaster: true, presence: undefined };
  const options = { group: "g", topics: ["t"], profile, instanceId: undefined, sessionTimeout: 6000 };
  const group = new Group(coordinator, { ...options, heartbeatInterval: 10 }, {
    owned: () => [{ topic: "t", partition: 0 }],
    claim: () => 0,
    synced: () => heard.push("synced"),
    expelled: () => heard.push("expelled"),
    failed: () => heard.push("failed"),
    unreachable: () => heard.push("unreachable"),
    reachable: () => {},
  }, systemClock);
  groups.push(group);
  group.start();
  await until(() => heard.includes("synced"));
  return { group, heard };
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
  assert.deepEqual([heard, group.generationId], [["synced", "expelled", "synced"], 2]);
});
