import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { groupLag } from "../../../src/kafka/master/group-lag.ts";
import { Group } from "../../../src/kafka/group/group.ts";
import { noteOf } from "../../../src/kafka/consumer/offsets.ts";
import { Positions } from "../../../src/kafka/consumer/positions.ts";
import type { Call } from "../../../src/wire/call.ts";
import { offsetCommit } from "../../../src/wire/requests/08-offset-commit.ts";
import { leaveGroup } from "../../../src/wire/requests/13-leave-group.ts";
import {
  committed,
  createTopic,
  deleteTopic,
  describeGroup,
  endOffsets,
  produce,
  quietKafka,
  withAdmin,
} from "../../support/kafkajs-oracle.ts";
import { javaTool } from "../../support/interop.ts";
import { javaSkip, type KafkaAddress, kafkaForTests } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";
import { closeAll, clusterAt, Member, producerAt, record, unique, valuesOf } from "../support.ts";

const options = { timeout: 120_000 };
const isNode = process.versions.bun === undefined && process.versions.deno === undefined;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const messages = (count: number, from = 0) => numbers(count).map((n) => ({ value: String(from + n).padStart(5, "0") }));
const expected = (count: number) => messages(count).map(({ value }) => value);

describe("a member of a group", options, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  after(closeAll);

  const topicOf = async (name: string, partitions = 1) => {
    const topic = unique(name);
    await createTopic(kafka.brokers, topic, { partitions });
    return topic;
  };
  const join = (group: string, topics: string[], more: ConstructorParameters<typeof Member>[3] = {}) =>
    new Member(kafka.url, group, topics, more);
  /** Resolves when the members hold all partitions of the topics among them, and nothing moves. */
  const settled = async (partitions: number, ...members: Member[]) => {
    const state = () =>
      members.map(({ generationNow, held, membership }) => ({
        generation: generationNow?.generation,
        held: held.size,
        joined: membership.joined,
      }));
    const isSettled = () => {
      const now = state();
      const loads = now.map(({ held }) => held);
      return now.every(({ joined, generation }) => joined && generation === now[0]?.generation) &&
        loads.reduce((sum, load) => sum + load) === partitions && Math.max(...loads) - Math.min(...loads) <= 1;
    };
    await until(isSettled).catch(() => assert.fail(`not settled: ${inspect(state())}`));
  };

  test("begins at the earliest offset in a new group, and later where the group has come to", async () => {
    const [topic, empty] = [await topicOf("start", 3), await topicOf("empty", 2)];
    await produce(kafka.brokers, topic, messages(30));
    const first = join(topic, [topic, empty]);
    await first.membership.ready();
    await until(() => first.handled.length === 30);
    await first.stop();
    assert.deepEqual(valuesOf(first), expected(30));
    assert.deepEqual(await committed(kafka.brokers, topic, topic), await endOffsets(kafka.brokers, topic));
    await produce(kafka.brokers, topic, messages(3, 30));
    const second = join(topic, [topic, empty]);
    await until(() => second.handled.length >= 3);
    await second.stop();
    assert.deepEqual(valuesOf(first, second), expected(33));
  });

  const broken = () => {
    throw new TypeError("undefined is not a function");
  };
  const faults: [what: string, sentence: RegExp, breakIt: (member: Member) => () => void][] = [
    ["the beginning of partitions", /^The beginning of new partitions has failed/, () => {
      const { committed } = Positions.prototype;
      Positions.prototype.committed = broken;
      return () => Positions.prototype.committed = committed;
    }],
    ["committing", /^Committing has failed/, () => {
      const { ask } = Group.prototype;
      Group.prototype.ask = broken;
      return () => Group.prototype.ask = ask;
    }],
    ["giving up partitions", /^Giving up a partition has failed/, (member) => {
      const revoked = member.revoked.bind(member);
      member.revoked = broken;
      return () => member.revoked = revoked;
    }],
  ];
  for (const [what, sentence, breakIt] of faults) {
    test(`a fault of ours in ${what} is told, and ends the worker`, async () => {
      const topic = await topicOf("fault", 2);
      const member = join(topic, [topic]);
      const repairs: (() => void)[] = [];
      try {
        if (what.startsWith("the beginning")) repairs.push(breakIt(member));
        else await settled(2, member);
        if (repairs.length === 0) repairs.push(breakIt(member));
        await produce(kafka.brokers, topic, messages(10));
        if (what.startsWith("giving up")) join(topic, [topic]);
        await until(() => member.errors.length > 0);
      } finally {
        for (const repair of repairs) repair();
      }
      assert.match(member.errors[0]?.message ?? "", sentence);
      assert.ok(member.logger.warnings().some((line) => sentence.test(line)));
    });
  }

  test("commits by itself, up to the first message that is not finished", async () => {
    const topic = await topicOf("contiguous");
    await produce(kafka.brokers, topic, messages(10));
    const member = join(topic, [topic]);
    const held = Promise.withResolvers<void>();
    member.gate = ({ offset }) => offset === 5 ? held.promise : undefined;
    await until(() => member.handled.length === 5);
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 5n);
    held.resolve();
    await until(() => member.handled.length === 10);
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 10n);
  });

  test("three members share the partitions without touching those that stay, and handle nothing twice", async () => {
    const topic = await topicOf("share", 8);
    const { producer } = producerAt(kafka.url);
    let sent = 0;
    let over = false;
    const sending = (async () => {
      while (!over) {
        await Promise.all(numbers(20).map(() => producer.send(record(topic, String(sent++).padStart(5, "0")))));
        await sleep(5);
      }
    })();
    const a = join(topic, [topic]);
    await settled(8, a);
    const b = join(topic, [topic]);
    await settled(8, a, b);
    const revoked = (member: Member) => member.events.filter((event) => event.startsWith("revoked"));
    assert.equal(revoked(a).length, 4);
    const c = join(topic, [topic]);
    await settled(8, a, b, c);
    assert.ok(revoked(a).length + revoked(b).length <= 4 + 2, "more moved than the third member's share");
    assert.deepEqual(revoked(c), []);
    await b.stop();
    await settled(8, a, c);
    assert.ok(revoked(a).length <= 6 && revoked(c).length === 0, "another's leave took a partition away");
    over = true;
    await sending;
    await until(() => a.handled.length + b.handled.length + c.handled.length >= sent);
    await Promise.all([a.stop(), c.stop()]);
    assert.deepEqual(valuesOf(a, b, c), expected(sent));
    for (const member of [a, b, c]) {
      assert.ok(!member.events.some((event) => event.startsWith("lost") || event === "removed"));
      // Once it has been handed over, a partition is as if new: each is assigned as often as it is given up, or once more.
      for (const partition of numbers(8)) {
        const own = member.events.filter((event) => event.endsWith(`/${partition}`)).map((event) =>
          event.split(" ")[0]
        );
        own.forEach((event, index) => assert.equal(event, index % 2 === 0 ? "assigned" : "revoked"));
      }
    }
  });

  test("a handler that takes long delays the handing over of its own partition only", async () => {
    const topic = await topicOf("slow", 4);
    const a = join(topic, [topic]);
    await settled(4, a);
    const slow = Promise.withResolvers<void>();
    a.gate = ({ partition }) => partition === 3 ? slow.promise : undefined;
    await produce(kafka.brokers, topic, messages(8)); // two in each partition
    await until(() => a.handled.length === 6);
    const b = join(topic, [topic]);
    await until(() => b.held.size === 1);
    await produce(kafka.brokers, topic, messages(4, 8));
    await until(() => a.handled.length + b.handled.length === 9);
    assert.ok(a.held.has(`${topic}/3`) && !b.held.has(`${topic}/3`));
    slow.resolve();
    await settled(4, a, b);
    await until(() => a.handled.length + b.handled.length >= 12);
    await Promise.all([a.stop(), b.stop()]);
    assert.deepEqual(valuesOf(a, b), expected(12));
    const order = [...a.handled, ...b.handled].filter(({ partition }) => partition === 3).map(({ offset }) => offset);
    assert.deepEqual(order, [0, 1, 2]);
  });

  test("mastership stays where it is over twenty joins and leaves", async () => {
    const topic = await topicOf("calm", 2);
    const a = join(topic, [topic]);
    await until(() => a.elected);
    for (const _ of numbers(10)) {
      const guest = join(topic, [topic]);
      await until(() => guest.generationNow !== undefined && a.generationNow?.members === 2);
      await guest.stop();
      await until(() => a.generationNow?.members === 1);
      assert.ok(guest.generations.every(({ elected, master }) => !elected && master !== undefined));
    }
    assert.deepEqual([...new Set(a.generations.map(({ elected }) => elected))], [true]);
    // A join takes two generations, since a partition moves; a leave takes one.
    const { length } = a.generations;
    assert.ok(length > 20 && length <= 32, `${length} generations`);
  });

  test("mastership stays with the one who claims it when another leads the group, and moves when it resigns", async () => {
    const topic = await topicOf("claim", 2);
    // With sessions that do not end in the time that is waited for.
    const leader = join(topic, [topic], { sessionTimeout: 60_000 });
    await until(() => leader.elected);
    const b = join(topic, [topic], { sessionTimeout: 60_000 });
    await until(() => b.generationNow !== undefined);
    void leader.membership.resign();
    await until(() => b.elected && leader.generationNow?.elected === false);
    const before = b.generations.length;
    const c = join(topic, [topic]);
    await until(() => c.generationNow !== undefined && b.generationNow?.members === 3);
    await c.stop();
    await until(() => b.generationNow?.members === 2);
    assert.ok(b.generations.slice(before).every(({ elected }) => elected));
    assert.ok(leader.generations.at(-1)?.elected === false);
  });

  test("a generation that is settled lasts, whoever asked for it", async () => {
    const topic = await topicOf("lasts", 4);
    const leader = join(topic, [topic]);
    await until(() => leader.elected);
    const b = join(topic, [topic]);
    await settled(4, leader, b);
    // Its JoinGroup waits for the other's, while its heartbeats are told of the rebalance that it has begun itself.
    void leader.membership.resign();
    await until(() => b.elected);
    const generation = b.generationNow?.generation;
    const contacts = new Set<number>();
    await until(() => contacts.add(leader.membership.lastContact).size > 10);
    assert.equal(leader.generationNow?.generation, generation);
  });

  test("leaving hands over partitions and mastership without waiting for a session", async () => {
    const topic = await topicOf("leave", 4);
    const a = join(topic, [topic], { sessionTimeout: 60_000 });
    await until(() => a.elected);
    const b = join(topic, [topic], { sessionTimeout: 60_000 });
    await settled(4, a, b);
    await a.stop();
    await until(() => b.elected && b.held.size === 4);
    assert.ok((b.generationNow?.notBefore ?? Infinity) <= performance.now(), "there is nothing to wait for");
  });

  test("a static member that is started again finds its place as it was", async () => {
    const topic = await topicOf("static", 4);
    const a = join(topic, [topic], { instanceId: "a" });
    await until(() => a.elected);
    const b = join(topic, [topic], { instanceId: "b" });
    await settled(4, a, b);
    const events = a.events.length;
    await b.stop();
    const again = join(topic, [topic], { instanceId: "b" });
    await until(() => again.held.size === 2);
    assert.deepEqual(
      [...again.held].sort(),
      b.events.filter((event) => event.startsWith("assigned")).map((event) => event.split(" ")[1]).sort(),
    );
    assert.equal(a.events.length, events);
    assert.ok(a.elected && !again.elected);
  });

  test("a static member that was master inherits that, but waits until the older lease is over", async () => {
    const topic = await topicOf("successor");
    const a = join(topic, [topic], { instanceId: "a" });
    await until(() => a.elected);
    const start = performance.now();
    await a.crash();
    const again = join(topic, [topic], { instanceId: "a" });
    await until(() => again.elected);
    assert.ok((again.generationNow?.notBefore ?? 0) > start + 5900, `${again.generationNow?.notBefore} from ${start}`);
  });

  test("of two with one instance id the older fails, and says why", async () => {
    const topic = await topicOf("twins");
    const older = join(topic, [topic], { instanceId: "same" });
    await until(() => older.held.size === 1);
    const newer = join(topic, [topic], { instanceId: "same" });
    await until(() => older.errors.length === 1 && newer.held.size === 1);
    assert.match(older.errors[0]?.message ?? "", /Another worker has joined group .* with the instance id same/);
    assert.ok(older.events.includes(`lost ${topic}/0`) && !older.membership.lease.holds());
    assert.deepEqual(newer.errors, []);
  });

  test("a group that forgets its master expels it, and lets it act again only when any lease is over", async () => {
    const topic = await topicOf("forgotten");
    const member = join(topic, [topic]);
    await until(() => member.held.size === 1 && member.elected);
    const { members: [described] } = await describeGroup(kafka.brokers, topic);
    assert.ok(described);
    const cluster = clusterAt(kafka.url);
    const connection = cluster.sharedConnection(await until(() => cluster.coordinator(topic)));
    const generations = member.generations.length;
    const start = performance.now();
    const { errorCode } = await connection.send(
      leaveGroup({ groupId: topic, members: [{ memberId: described.memberId }] }),
    );
    assert.equal(errorCode, 0);
    await until(() => member.generations.length > generations);
    assert.ok(member.events.includes(`lost ${topic}/0`) && member.events.includes("removed"));
    assert.ok(member.elected);
    assert.ok((member.generationNow?.notBefore ?? 0) > start + 5900);
    await until(() => member.held.size === 1);
  });

  test("fetches no more than has room while nothing is handled, and still beats its heart", async () => {
    const topic = await topicOf("pressure", 2);
    const value = (n: number) => String(n).padEnd(100_000, ".");
    for (let from = 0; from < 90; from += 9) {
      await produce(kafka.brokers, topic, numbers(9).map((n) => ({ value: value(from + n), partition: 0 })));
    }
    const member = join(topic, [topic]);
    member.idle = true;
    await until(() => member.waiting > 0);
    const contacts = new Set<number>();
    const reach = (count: number) => until(() => contacts.add(member.membership.lastContact).size >= count);
    await reach(8);
    const waiting = member.waiting;
    await reach(12);
    assert.equal(member.waiting, waiting, "it goes on fetching");
    const count = () => member.handled.filter(({ partition }) => partition === 0).length;
    const held = Promise.withResolvers<void>();
    member.gate = ({ partition }) => partition === 0 ? held.promise : undefined;
    member.resume();
    // What is blocked does not hold up the other partition.
    await produce(kafka.brokers, topic, numbers(5).map((n) => ({ value: value(n), partition: 1 })));
    await until(() => member.handled.length === 5);
    assert.equal(count(), 0);
    held.resolve();
    await until(() => count() === 90);
    assert.deepEqual(
      member.handled.filter(({ partition }) => partition === 0).map(({ offset }) => offset),
      numbers(90),
    );
    assert.ok(waiting <= 3, `${waiting} answers of up to 1 MiB wait`);
    assert.deepEqual(member.events.filter((event) => !event.startsWith("assigned")), []);
  });

  test("reads what is committed only, and steps over the marks of transactions to the end", async () => {
    const topic = await topicOf("transactions");
    const producer = quietKafka(kafka.brokers).producer({
      transactionalId: topic,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const begin = async (...values: string[]) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: values.map((value) => ({ value, partition: 0 })) });
      return transaction;
    };
    await (await begin("1", "2")).commit();
    await (await begin("no", "no")).abort();
    const member = join(topic, [topic]);
    await until(() => member.handled.length === 2);
    const open = await begin("3");
    await produce(kafka.brokers, topic, [{ value: "4" }]);
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 6n);
    await open.commit();
    await until(() => member.handled.length === 4);
    await (await begin("no")).abort();
    const [end] = await endOffsets(kafka.brokers, topic);
    assert.equal(end, 11n);
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === end);
    assert.deepEqual(member.handled.map(({ value }) => value), ["1", "2", "3", "4"]);
    await producer.disconnect();
  });

  test("goes on at the earliest offset when what it would read is gone, and says so once", async () => {
    const topic = await topicOf("truncated");
    await produce(kafka.brokers, topic, messages(5));
    const first = join(topic, [topic]);
    await until(() => first.handled.length === 5);
    await first.stop();
    await produce(kafka.brokers, topic, messages(5, 5));
    const deleteBefore = (offset: string) =>
      withAdmin(kafka.brokers, async (admin) => {
        await admin.fetchTopicOffsets(topic); // it deletes records of topics that it knows only
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] });
      });
    await deleteBefore("8");
    const second = join(topic, [topic]);
    await until(() => second.handled.length === 2);
    assert.deepEqual(second.handled.map(({ offset }) => offset), [8, 9]);
    assert.equal(second.logger.warnings().length, 1);
    assert.match(second.logger.warnings()[0] ?? "", /truncated-.*\[0\]: offset 5 is out of .* earliest offset, 8\./);
    await second.stop();
    assert.deepEqual(await committed(kafka.brokers, topic, topic), [10n]);
    // Where nothing is left to read, the group has come to the end all the same.
    await produce(kafka.brokers, topic, messages(2, 10));
    await deleteBefore("12");
    const third = join(topic, [topic]);
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 12n);
    assert.deepEqual(third.handled, []);
  });

  test("reads a topic that was deleted and created again from its start", async () => {
    const topic = await topicOf("again", 2);
    await produce(kafka.brokers, topic, messages(6));
    const member = join(topic, [topic]);
    await until(() => member.handled.length === 6);
    await deleteTopic(kafka.brokers, topic);
    await createTopic(kafka.brokers, topic, { partitions: 2 });
    // More than were read of the old one, so that the old position lies within the new one.
    await produce(kafka.brokers, topic, messages(20, 6));
    await until(() => member.handled.length >= 26);
    assert.deepEqual(valuesOf(member), expected(26));
    await until(async () => (await committed(kafka.brokers, topic, topic)).join() === "10,10");
    assert.ok(member.logger.warnings().some((line) => /deleted and created again/.test(line)));
  });

  test("does not go on at an offset of an older topic of the same name", async () => {
    const topic = await topicOf("older");
    await produce(kafka.brokers, topic, messages(5));
    const cluster = clusterAt(kafka.url);
    const commit = async (committedOffset: number, committedMetadata: string) => {
      const connection = cluster.connection(await cluster.coordinator(topic));
      const topics = [{ topic, partitions: [{ partition: 0, committedOffset, committedMetadata }] }];
      const answer = await connection.send(offsetCommit({ groupId: topic, generationId: -1, memberId: "", topics }));
      assert.equal(answer.topics[0]?.partitions[0]?.errorCode, 0);
    };
    await until(() => commit(3, noteOf("0123456789abcdeffedcba9876543210")).then(() => true));
    const member = join(topic, [topic]);
    await until(() => member.handled.length >= 5);
    assert.deepEqual(valuesOf(member), expected(5));
    await member.stop();
    // Its own it knows again, and what others commit is taken at its word.
    await produce(kafka.brokers, topic, messages(1, 5));
    const second = join(topic, [topic]);
    await until(() => second.handled.length >= 1);
    assert.deepEqual(second.handled.map(({ offset }) => offset), [5]);
    await second.stop();
    await commit(4, "");
    const third = join(topic, [topic]);
    await until(() => third.handled.length >= 2);
    assert.deepEqual(third.handled.map(({ offset }) => offset), [4, 5]);
  });

  test("a commit that lands on a topic that was made again moves nobody past its messages", async () => {
    const topic = await topicOf("landed");
    await produce(kafka.brokers, topic, messages(5));
    const member = join(topic, [topic]);
    let finish = () => {};
    const gate = new Promise<void>((resolve) => finish = resolve);
    member.gate = ({ offset }) => offset === 3 ? gate : undefined;
    await until(() => member.handled.length === 3);
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 3n);
    // The next commit comes to the coordinator when the topic is another one: it goes by the name alone, and is accepted.
    const cluster = clusterAt(kafka.url);
    const landed = Promise.withResolvers<void>();
    const { ask } = Group.prototype;
    let commits = 0;
    Group.prototype.ask = async function <T>(this: Group, call: Call<T>): Promise<T> {
      if (call.apiName !== "OffsetCommit" || commits++ > 0) {
        return await ask.call<Group, [Call<T>], Promise<T>>(this, call);
      }
      await deleteTopic(kafka.brokers, topic);
      await createTopic(kafka.brokers, topic);
      const answer = await ask.call<Group, [Call<T>], Promise<T>>(this, call);
      // Its worker dies before it can say where the new one begins.
      const connection = cluster.connection(await cluster.coordinator(topic));
      await connection.send(
        leaveGroup({ groupId: topic, members: [{ memberId: this.memberId, groupInstanceId: null }] }),
      );
      await member.crash();
      landed.resolve();
      return answer;
    };
    try {
      finish();
      await landed.promise;
    } finally {
      Group.prototype.ask = ask;
    }
    // A client that asks at once may be answered as if the new topic were not there yet.
    await until(async () => (await committed(kafka.brokers, topic, topic))[0] === 5n);
    await produce(kafka.brokers, topic, messages(20, 5));
    assert.equal(await groupLag(cluster, topic, [{ topic, partition: 0, offset: 5 }]), 5);
    const next = join(topic, [topic]);
    await until(() => next.handled.length >= 20);
    assert.deepEqual(valuesOf(next), expected(25).slice(5));
  });

  test("a topic that is gone keeps no other from being read, and is read when it is there again", async () => {
    const [gone, there] = [await topicOf("gone", 3), await topicOf("there")];
    const member = join(there, [gone, there]);
    await until(() => member.held.size === 4);
    let finish = () => {};
    member.gate = ({ topic }) => topic === gone ? new Promise<void>((resolve) => finish = resolve) : undefined;
    await produce(kafka.brokers, gone, messages(1));
    await until(() => member.waiting === 0 && member.lanesOpen === 1);
    await deleteTopic(kafka.brokers, gone);
    await until(() => !member.membership.joined || member.events.some((event) => event === `revoked ${gone}/0`));
    finish();
    await until(() => member.held.size === 1);
    await produce(kafka.brokers, there, messages(3));
    await until(() => member.handled.filter(({ topic }) => topic === there).length === 3);
    member.gate = () => undefined;
    await createTopic(kafka.brokers, gone, { partitions: 1 });
    await produce(kafka.brokers, gone, messages(4));
    await until(() => member.handled.filter(({ topic }) => topic === gone).length >= 4);
    assert.deepEqual([...member.held].sort(), [`${gone}/0`, `${there}/0`].sort());
    await until(async () => (await committed(kafka.brokers, there, gone))[0] === 4n);
    const told = member.logger.warnings().filter((line) => line.includes(`${gone} has been deleted and created again`));
    assert.equal(told.length, 1);
  });

  test("gives out the partitions that are added to a topic", async () => {
    const topic = await topicOf("grown", 2);
    const [a, b] = [join(topic, [topic]), join(topic, [topic])];
    await settled(2, a, b);
    await withAdmin(kafka.brokers, (admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] }));
    await produce(kafka.brokers, topic, messages(12));
    await settled(6, a, b);
    await until(() => a.handled.length + b.handled.length === 12);
    for (const key of [`${topic}/0`, `${topic}/1`]) {
      const [owner] = [a, b].filter(({ held }) => held.has(key));
      assert.ok(!owner?.events.includes(`revoked ${key}`));
    }
    assert.ok((a.generationNow?.generation ?? Infinity) <= 5, `generation ${a.generationNow?.generation}`);
  });

  // A tool of a second's start: once is enough. Defined where it runs, since nothing is skipped in CI.
  const once = isNode ? test : () => {};
  once("Kafka's own tool reads the group", { ...options, skip: javaSkip }, async () => {
    const topic = await topicOf("tool", 3);
    await produce(kafka.brokers, topic, messages(3));
    const member = join(topic, [topic]);
    await until(async () => (await committed(kafka.brokers, topic, topic)).join() === "1,1,1");
    const at = ["--bootstrap-server", kafka.brokers.join(), "--group", topic, "--describe"];
    const run = (...more: string[]) => javaTool("consumer.group.ConsumerGroupCommand", [...at, ...more]);
    const [members, offsets] = await Promise.all([run("--members", "--verbose"), run("--offsets")]);
    assert.match(members, new RegExp(`${topic}.*\\s3\\s.*${topic}[(:]0,1,2`));
    assert.match(offsets, new RegExp(`${topic}\\s+${topic}\\s+2\\s+1\\s+1\\s+0\\s`));
    await member.stop();
  });
});
