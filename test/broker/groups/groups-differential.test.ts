import assert from "node:assert/strict";
import { heartbeat } from "../../../src/broker/requests/12-heartbeat.ts";
import { leaveGroup } from "../../../src/broker/requests/13-leave-group.ts";
import { describeGroups } from "../../../src/broker/requests/15-describe-groups.ts";
import { listGroups } from "../../../src/broker/requests/16-list-groups.ts";
import { findCoordinator } from "../../../src/broker/requests/10-find-coordinator.ts";
import { deleteGroups } from "../../../src/broker/requests/42-delete-groups.ts";
import { offsetDelete } from "../../../src/broker/requests/47-offset-delete.ts";
import { offsetFetch } from "../../../src/broker/requests/09-offset-fetch.ts";
import { offsetCommit } from "../../../src/broker/requests/08-offset-commit.ts";
import { joinGroup } from "../../../src/broker/requests/11-join-group.ts";
import { syncGroup } from "../../../src/broker/requests/14-sync-group.ts";
import { Party } from "../../support/broker-requests.ts";
import { differential, type Station } from "../../support/differential.ts";
import { until } from "../../support/until.ts";

const suffix = Math.random().toString(36).slice(2);
const topic = `groups-${suffix}`;
const tests = differential("groups");

/** The script is answered by Kafka and by the broker alike. */
function same(name: string, script: (at: Station, group: string) => Promise<void>): void {
  const group = `${name.replaceAll(/\W+/g, "-")}-${suffix}`;
  tests.same(name, async (at) => {
    await at.coordinator(group, 0);
    await at.createTopic(topic, 2);
    await script(at, group);
  });
}

const beat = (at: Station, name: string, groupId: string, generationId: number, memberId: string, instance?: string) =>
  at.tell(name, heartbeat, 4, { groupId, generationId, memberId, groupInstanceId: instance ?? null });

const hasState = (at: Station, groupId: string, state: string) =>
  until(async () => (await at.ask(describeGroups, 5, { groups: [groupId] })).groups[0]?.groupState === state);

same("one member through all states", async (at, group) => {
  const party = new Party(at, group, topic);
  await at.tell("describe before", describeGroups, 5, { groups: [group] });
  await at.tell("describe before", describeGroups, 6, { groups: [group] });
  await beat(at, "beat before", group, 1, "nobody");
  await party.sync("sync before", 1, "nobody");
  await party.commit("commit of a member of no group", 1, "nobody", 5, 8);
  await party.commit("commit of a member of no group", 1, "nobody", 5, 9);
  await party.join("a unknown", "nobody");
  const { memberId } = await party.join("a", "");
  await hasState(at, group, "Empty"); // Kafka shows the group only once its record is written
  await at.tell("describe pending", describeGroups, 6, { groups: [group], includeAuthorizedOperations: true });
  const joined = await party.join("a again", memberId);
  await beat(at, "beat completing", group, joined.generationId, memberId);
  await party.commit("commit completing", joined.generationId, memberId, 5);
  await at.tell("describe completing", describeGroups, 5, { groups: [group] });
  await party.join("a same", memberId);
  await party.sync("a wrong generation", 7, memberId);
  await party.sync("a wrong protocol", 1, memberId, [], { protocolName: "sticky" });
  await party.sync("a wrong type", 1, memberId, [], { protocolType: "connect" });
  await party.sync("a", joined.generationId, memberId, [memberId]);
  await beat(at, "beat stable", group, 1, memberId);
  await beat(at, "beat wrong", group, 2, memberId);
  await beat(at, "beat unknown", group, 1, "nobody");
  await party.commit("commit stable", 1, memberId, 6);
  await party.commit("commit wrong", 2, memberId, 7);
  await party.commit("commit simple", -1, "", 8);
  await party.commit("commit unknown", 1, "nobody", 8);
  await party.fetch("fetch");
  await at.tell("describe stable", describeGroups, 6, { groups: [group] });
  await party.sync("a once more", 1, memberId);
  await at.tell("delete", deleteGroups, 2, { groupsNames: [group, "no-such-group"] });
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0 }] }];
  await at.tell("delete offset", offsetDelete, 0, { groupId: group, topics });
  await at.tell("leave", leaveGroup, 5, { groupId: group, members: [{ memberId }, { memberId: "nobody" }] });
  await hasState(at, group, "Empty");
  await beat(at, "beat empty", group, 1, memberId);
  await party.commit("commit empty simple", -1, "", 9);
  await party.commit("commit empty member", 2, memberId, 9);
  await party.fetch("fetch empty");
  await at.tell("describe empty", describeGroups, 5, { groups: [group] });
  await at.tell("delete offset", offsetDelete, 0, { groupId: group, topics });
  await party.fetch("fetch deleted");
  await at.tell("delete", deleteGroups, 2, { groupsNames: [group] });
  await at.tell("delete again", deleteGroups, 2, { groupsNames: [group] });
});

same("two members and a rebalance", async (at, group) => {
  const party = new Party(at, group, topic);
  const a = await party.enter("a");
  at.told.push(["a joined", await a.joined]);
  await party.sync("a", 1, a.memberId, [a.memberId]);
  const b = await party.enter("b");
  await hasState(at, group, "PreparingRebalance");
  await beat(at, "beat preparing", group, 1, a.memberId);
  await party.commit("commit of the old generation", 1, a.memberId, 3);
  await party.sync("a preparing", 1, a.memberId);
  await party.join("c other protocol", "", { names: ["sticky"] });
  at.told.push(["describe", await at.ask(describeGroups, 5, { groups: [group] })]);
  const again = party.join("a again", a.memberId);
  await again;
  at.told.push(["b joined", await b.joined]);
  const parked = party.sync("b", 2, b.memberId);
  await party.commit("commit before sync", 2, b.memberId, 3);
  await party.commit("commit of the old generation", 1, a.memberId, 3);
  await beat(at, "beat b", group, 2, b.memberId);
  await party.sync("a", 2, a.memberId, [a.memberId, b.memberId]);
  await parked;
  const followed = await party.join("b same", b.memberId);
  assert.equal(followed.generationId, 2);
  await beat(at, "beat after it", group, 2, a.memberId);
  const changed = party.join("b changed", b.memberId, { said: "new" });
  await hasState(at, group, "PreparingRebalance");
  await party.join("a third", a.memberId);
  await changed;
  const waits = party.sync("b parked", 3, b.memberId);
  const leave = { groupId: group, members: [{ memberId: a.memberId }] };
  await hasState(at, group, "CompletingRebalance");
  await at.tell("the leader leaves", leaveGroup, 3, leave);
  await waits;
  at.told.push(["b alone", await party.join("b alone", b.memberId)]);
});

same("static members", async (at, group) => {
  const party = new Party(at, group, topic);
  const a = await party.join("a", "", { instance: "one" });
  await party.sync("a", 1, a.memberId, [a.memberId], { groupInstanceId: "one" });
  const old = await party.join("b old version", "", { instance: "one" }, 8);
  await beat(at, "beat fenced", group, 1, a.memberId, "one");
  await beat(at, "beat of no id", group, 1, a.memberId);
  await beat(at, "beat unknown instance", group, 1, a.memberId, "two");
  await party.commit("commit fenced", 1, a.memberId, 3, 9, "one");
  await party.sync("b fenced", 1, a.memberId, [], { groupInstanceId: "one" });
  await party.join("a fenced", a.memberId, { instance: "one" });
  await party.sync("b", 1, old.memberId, [], { groupInstanceId: "one" });
  const { memberId } = await party.join("c new version", "", { instance: "one" });
  await party.sync("c", 1, memberId, [], { groupInstanceId: "one" });
  await at.tell("describe", describeGroups, 5, { groups: [group] });
  const members = [
    { memberId: "", groupInstanceId: "two" },
    { memberId: a.memberId, groupInstanceId: "one" },
    { memberId: "", groupInstanceId: "one" },
  ];
  await at.tell("leave by instance", leaveGroup, 5, { groupId: group, members });
  await hasState(at, group, "Empty");
});

same("bad requests and old versions", async (at, group) => {
  const party = new Party(at, group, topic);
  for (const session of [5999, 1_800_001]) await party.join("a", "", { session });
  await party.join("a none", "", { names: [] });
  await at.tell("no group id", joinGroup, 9, { ...party.joinMessage(""), groupId: "" });
  await at.tell("no group id", syncGroup, 5, { groupId: "", generationId: 1, memberId: "x", assignments: [] });
  await beat(at, "no group id", "", 1, "x");
  await at.tell("no group id", leaveGroup, 5, { groupId: "", members: [{ memberId: "x" }] });
  await at.tell("no such group", leaveGroup, 5, { groupId: "no-such-group", members: [{ memberId: "x" }] });
  await at.tell("no such group", leaveGroup, 1, { groupId: "no-such-group", memberId: "x" });
  await at.tell("no group id", offsetDelete, 0, { groupId: "", topics: [] });
  await at.tell("no such group", offsetDelete, 0, { groupId: "no-such-group", topics: [] });
  await at.tell("no such topic", offsetCommit, 7, {
    groupId: group,
    generationIdOrMemberEpoch: 4,
    memberId: "x",
    topics: [{ name: "no-such-topic", partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }] }],
  });
  const partitions = [0, 7].map((partitionIndex) => ({
    partitionIndex,
    committedOffset: 1,
    committedMetadata: partitionIndex === 0 ? "x".repeat(4097) : null,
  }));
  await at.tell("long metadata", offsetCommit, 7, {
    groupId: group,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [{ name: topic, partitions }],
  });
  await at.tell("kept for as long as can be said", offsetCommit, 4, {
    groupId: `${group}-kept`,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    retentionTimeMs: Number.MAX_SAFE_INTEGER,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }] }],
  });
  await at.tell("all of none", offsetFetch, 7, { groupId: "no-such-group", topics: null });
  for (const version of [1, 2, 5, 7]) {
    await at.tell("unknown", offsetFetch, version, {
      groupId: group,
      topics: [{ name: "no-such-topic", partitionIndexes: [0, 1] }],
    });
  }
  await at.tell("states", listGroups, 5, { statesFilter: ["nonsense"], typesFilter: ["classic"] });
  const { groups } = await at.ask(listGroups, 5, { statesFilter: ["empty"], typesFilter: [] });
  at.told.push(["listed", groups.filter(({ groupId }) => groupId === group)]);
  for (const version of [0, 3, 4]) {
    const first = party.joinMessage("");
    const old = { ...first, groupId: `${group}-v${version}` };
    const joined = await at.tell("old join", joinGroup, version, old);
    const { memberId, generationId } = joined;
    if (version < 4) {
      await at.tell("old sync", syncGroup, Math.min(version, 3), {
        groupId: old.groupId,
        generationId,
        memberId,
        assignments: [{ memberId, assignment: new Uint8Array([9]) }],
      });
      await at.tell("old leave", leaveGroup, Math.min(version, 2), { groupId: old.groupId, memberId });
    }
  }
  const { coordinators } = await at.ask(findCoordinator, 6, { keyType: 0, coordinatorKeys: ["x", ""] });
  at.told.push([
    "coordinators",
    coordinators.map(({ key, errorCode, errorMessage }) => ({ key, errorCode, errorMessage })),
  ]);
  const { errorCode, errorMessage } = await at.ask(findCoordinator, 2, { key: "x", keyType: 0 });
  at.told.push(["coordinator", { errorCode, errorMessage }]);
});

tests.finish();
