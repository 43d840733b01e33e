import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, before, describe, test } from "node:test";
import { encodeOutcome } from "../../../src/kafka/group/user-data.ts";
import { encodeAssignment, encodeSubscription } from "../../../src/wire/consumer-protocol.ts";
import { joinGroup } from "../../../src/wire/requests/11-join-group.ts";
import { syncGroup } from "../../../src/wire/requests/14-sync-group.ts";
import { committed, createTopic, describeGroup, endOffsets, produce } from "../../support/kafkajs-oracle.ts";
import { type KafkaServer, startBehindProxy } from "../../support/kafka.ts";
import type { Proxy } from "../../support/proxy.ts";
import { until } from "../../support/until.ts";
import { closeAll, clusterAt, Member, unique, valuesOf } from "../support.ts";

const options = { timeout: 120_000 };
const messages = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({ value: String(from + n).padStart(5, "0") }));
const expected = (count: number) => messages(count).map(({ value }) => value);

describe("a member that is cut off", options, () => {
  let kafka: KafkaServer;
  let proxy: Proxy;
  before(async () => {
    ({ kafka, proxy } = await startBehindProxy({ "group.min.session.timeout.ms": 1000 }));
  });
  after(async () => {
    closeAll();
    await kafka.stop();
  });

  const topicOf = async (name: string, partitions = 1) => {
    const topic = unique(name);
    await createTopic(kafka.brokers, topic, { partitions });
    return topic;
  };
  const join = (url: string, topic: string, more: ConstructorParameters<typeof Member>[3] = {}) =>
    new Member(url, topic, [topic], { sessionTimeout: 1500, ...more });

  test("has lost its lease before another is elected, hears that it is removed, and takes nothing back", async () => {
    const topic = await topicOf("frozen", 4);
    const a = join(proxy.url, topic);
    await until(() => a.elected && a.held.size === 4);
    const b = join(kafka.url, topic);
    await until(() => a.held.size === 2 && b.held.size === 2);
    await produce(kafka.brokers, topic, messages(8));
    await until(() => a.handled.length + b.handled.length === 8);
    proxy.freeze();
    await until(() => b.elected, { every: 1 });
    assert.equal(a.membership.lease.holds(), false);
    await until(() => b.held.size === 4);
    await produce(kafka.brokers, topic, messages(8, 8));
    await until(() => b.handled.filter(({ offset }) => offset >= 2).length === 8);
    await proxy.heal();
    await until(() => a.held.size === 2 && b.held.size === 2 && a.membership.joined && b.membership.joined);
    assert.ok(a.events.includes("removed"));
    assert.equal(a.events.filter((event) => event.startsWith("lost")).length, 2);
    assert.ok(b.elected && !a.elected);
    await Promise.all([a.stop(), b.stop()]);
    assert.deepEqual([...new Set(valuesOf(a, b))], expected(16));
    assert.deepEqual(await committed(kafka.brokers, topic, topic), await endOffsets(kafka.brokers, topic));
  });

  test("and never comes back leaves what it had not finished to another, from where it had committed", async () => {
    const topic = await topicOf("gone");
    await produce(kafka.brokers, topic, messages(10));
    const a = join(proxy.url, topic);
    a.gate = ({ offset }) => offset === 5 ? new Promise(() => {}) : undefined;
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 5n);
    await proxy.cut();
    const b = join(kafka.url, topic);
    await until(() => b.handled.length === 5);
    assert.deepEqual(b.handled.map(({ offset }) => offset), [5, 6, 7, 8, 9]);
    await proxy.heal();
  });

  test("by a broker that is started again goes on, with no message lost and no member removed", async () => {
    const topic = await topicOf("restart", 4);
    const more = { sessionTimeout: 10_000 };
    const [a, b] = [join(kafka.url, topic, more), join(kafka.url, topic, more)];
    await until(() => a.held.size === 2 && b.held.size === 2);
    await produce(kafka.brokers, topic, messages(40));
    await until(() => a.handled.length + b.handled.length === 40);
    await kafka.restart();
    await produce(kafka.brokers, topic, messages(40, 40));
    await until(() => new Set(valuesOf(a, b)).size === 80);
    await until(() => a.membership.joined && b.membership.joined && a.held.size + b.held.size === 4);
    assert.equal((await describeGroup(kafka.brokers, topic)).members.length, 2);
    await Promise.all([a.stop(), b.stop()]);
    assert.deepEqual(await committed(kafka.brokers, topic, topic), await endOffsets(kafka.brokers, topic));
  });

  test("from settling a generation keeps what it would commit, and commits it afterwards", async () => {
    const topic = await topicOf("unsettled");
    const cluster = clusterAt(kafka.url);
    const connection = cluster.connection(await until(() => cluster.coordinator(topic)));
    const leader = { id: "", generation: -1 };
    const joinOnce = () =>
      connection.send(
        joinGroup({
          groupId: topic,
          sessionTimeoutMs: 20_000,
          rebalanceTimeoutMs: 20_000,
          memberId: leader.id,
          protocolType: "consumer",
          protocols: [{ name: "mephisto-1", metadata: encodeSubscription({ topics: [topic] }) }],
        }),
        20_000,
      );
    const joinAsLeader = async () => {
      // At first it is only told its id, and a coordinator that was not needed before has to load.
      const { members } = await until(async () => {
        const answer = await joinOnce();
        leader.id = answer.memberId;
        leader.generation = answer.generationId;
        return answer.errorCode === 0 && answer;
      });
      return members.map(({ memberId }) => memberId).filter((id) => id !== leader.id);
    };
    const assign = async (members: string[]) => {
      const data = {
        master: "",
        worker: "",
        version: "",
        lacking: [],
        instanceId: "",
        members: 2,
        leaseGraceMs: 0,
        successor: "",
        resign: false,
        peers: [],
      };
      const userData = encodeOutcome(data, false);
      const assignment = encodeAssignment({ partitions: [{ topic, partitions: [0] }], userData });
      const { errorCode } = await connection.send(syncGroup({
        groupId: topic,
        generationId: leader.generation,
        memberId: leader.id,
        assignments: members.map((memberId) => ({ memberId, assignment })),
      }));
      assert.equal(errorCode, 0);
    };
    await assign(await joinAsLeader());
    const member = join(kafka.url, topic, { sessionTimeout: 10_000 });
    await until(async () => (await describeGroup(kafka.brokers, topic)).state === "PreparingRebalance");
    await assign(await joinAsLeader());
    const held = Promise.withResolvers<void>();
    member.gate = ({ offset }) => offset === 1 ? held.promise : undefined;
    await produce(kafka.brokers, topic, messages(3));
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 1n);

    const members = await joinAsLeader();
    held.resolve();
    await until(() => member.handled.length === 3);
    await until(() =>
      member.logger.lines.some(({ message }) =>
        /A commit waits: (REBALANCE_IN_PROGRESS|ILLEGAL_GENERATION)/.test(message)
      )
    );
    assert.deepEqual(await committed(kafka.brokers, topic, topic), [1n]);
    await assign(members);
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 3n);
    assert.deepEqual(member.events, [`assigned ${topic}/0`]);
  });

  test("from good bytes says where a batch is corrupt, and goes on with it when it can be read", async () => {
    const topic = await topicOf("corrupt", 2);
    const member = join(proxy.url, topic);
    await until(() => member.held.size === 2);
    await produce(kafka.brokers, topic, messages(3).map((message) => ({ ...message, partition: 0 })));
    await until(() => member.handled.length === 3);
    const mark = "this byte is flipped: ?";
    let flipped = 0;
    proxy.alter((piece) => {
      const at = Buffer.from(piece).indexOf(mark);
      if (at < 0) return piece;
      flipped++;
      const changed = Uint8Array.from(piece);
      changed[at + mark.length - 1] = "!".charCodeAt(0);
      return changed;
    });
    const marked = [{ value: mark, partition: 0 }, { value: "after", partition: 0 }];
    await produce(kafka.brokers, topic, marked);
    await until(() => member.logger.warnings().length > 0);
    assert.match(member.logger.warnings()[0] ?? "", /corrupt-.*\[0\] at offset 3: .* cannot be read .*checksum/);
    await produce(kafka.brokers, topic, [{ value: "other partition", partition: 1 }]);
    await until(() => member.handled.length === 4);
    await proxy.heal();
    await until(() => member.handled.length === 6);
    assert.ok(flipped > 0);
    assert.deepEqual(
      member.handled.map(({ value }) => value),
      [...expected(3), "other partition", mark, "after"],
    );
    await until(async () => (await committed(kafka.brokers, topic, topic)).join() === "5,1");
  });
});
