import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { summaryOf } from "../../src/core/master-work.ts";
import type { Delivery, OutgoingRecord } from "../../src/driver/driver.ts";
import type { Message } from "../../src/core/message.ts";
import { bytes, codeOf, Member, record, unique, valuesOf } from "../kafka/support.ts";
import type { Log } from "./log.ts";

const SESSION = 6000;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Bytes that no codec makes smaller. */
function noise(size: number): Uint8Array {
  let seed = 1;
  return Uint8Array.from({ length: size }, () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 24);
}

const presence = (id: string) => ({ host: "127.0.0.1", port: 1, id, process: undefined });

/** A member that keeps whole messages. */
class Reader extends Member {
  readonly messages: Message[] = [];

  override deliver(delivery: Delivery): void {
    const run = delivery.open();
    this.messages.push(...run?.messages ?? []);
    run?.acknowledge(run.messages.length);
    delivery.close();
  }
}

/**
 * What the toolkit needs of a log, through the seam. Every log that it is to run on passes all of it.
 *
 *     conformance("the dev broker", async () => overTcp(await startDevBroker()));
 *
 * `packs`: whether messages are packed on their way.
 */
export function conformance(
  name: string,
  start: () => Promise<Log>,
  { skip = false, packs = true }: { skip?: string | false; packs?: boolean } = {},
): void {
  describe(`${name} is a log as the toolkit needs it`, { skip, timeout: 120_000 }, () => {
    let log: Log;
    let expiry: Promise<Expiry>;
    before(async () => {
      log = await start();
      expiry = expire();
      expiry.catch(() => {}); // told by the test that waits for it
    });
    after(async () => {
      await log.stop();
    });

    const topicOf = async (partitions = 1, config: { [name: string]: string } = {}) => {
      const topic = unique("conformance");
      await log.createTopic(topic, partitions, config);
      return topic;
    };
    const join = (topic: string, more: ConstructorParameters<typeof Member>[3] = {}) =>
      new Member(log.driver(), topic, [topic], more);
    const until: Log["until"] = (condition, limits) => log.until(condition, limits);
    const publisher = () => log.driver().driver.publisher;
    const send = async (topic: string, values: readonly (string | number)[], key?: string) => {
      const { driver, kill } = log.driver();
      await Promise.all(values.map((value) => driver.publisher.send(record(topic, String(value), key))));
      await kill();
    };
    /** Resolves when the members share the partitions evenly in one generation. */
    const settled = (partitions: number, ...members: Member[]) =>
      until(() => {
        const shares = members.map(({ held }) => held.size);
        return members.every(({ membership, generationNow }) =>
          membership.joined && generationNow?.generation === members[0]?.generationNow?.generation
        ) && shares.reduce((sum, share) => sum + share) === partitions &&
          Math.max(...shares) - Math.min(...shares) <= 1;
      });
    const offsetsOf = (topic: string) => log.committed(topic, topic);

    /** A master that dies without a word: how long its lease held, and when another was elected. */
    type Expiry = { leaseEnded: number; elected: number; died: number; handled: string[]; order: number[] };
    async function expire(): Promise<Expiry> {
      const topic = await topicOf(2);
      const dying = join(topic, { sessionTimeout: SESSION });
      await until(() => dying.elected);
      const successor = join(topic, { sessionTimeout: SESSION });
      await settled(2, dying, successor);
      await dying.crash();
      const died = log.now();
      await send(topic, numbers(20));
      let leaseEnded = Infinity;
      await until(() => {
        if (!dying.membership.lease.holds()) leaseEnded = Math.min(leaseEnded, log.now());
        return successor.elected;
      }, { within: 2 * SESSION, every: 5 });
      const elected = log.now();
      await until(() => successor.handled.length === 20);
      await successor.stop();
      const order = successor.handled.map(({ partition, offset }) => partition * 100 + offset);
      return { leaseEnded, elected, died, handled: valuesOf(successor), order };
    }

    test("says what it is", async () => {
      const { driver } = join(await topicOf());
      const { brokers, clusterId } = await driver.connect();
      assert.deepEqual(brokers, log.brokers);
      assert.notEqual(clusterId, "");
    });

    test("hands on a message as it was sent", async () => {
      const topic = await topicOf();
      const producer = publisher();
      const inherited = ["toString", "constructor", "__proto__", "hasOwnProperty"];
      const headers: [string, Uint8Array | null][] = [["a", bytes("1")], ["a", bytes("2")], ["é", bytes("")]];
      headers.push(["none", null], ...inherited.map((name): [string, Uint8Array] => [name, bytes(name)]));
      const sent: OutgoingRecord[] = [
        { topic, key: null, value: null, headers: [], timestamp: 1 },
        { topic, key: bytes(""), value: bytes(""), headers, timestamp: 1_700_000_000_123 },
        { topic, key: bytes("🌙"), value: new Uint8Array([0, 255, 254]), headers: [], timestamp: 2 },
      ];
      for (const one of sent) await producer.send(one);
      const reader = new Reader(log.driver(), topic, [topic]);
      await until(() => reader.messages.length === sent.length);
      const plain = (value: Uint8Array | null) => value && [...value];
      const shown = (
        { key, value, headers, timestamp }: Omit<OutgoingRecord, "topic" | "headers"> & Pick<Message, "headers">,
      ) => [
        plain(key),
        plain(value),
        headers.map(([name, value]) => [name, plain(value)]),
        timestamp,
      ];
      assert.deepEqual(reader.messages.map(shown), sent.map(shown));
      assert.deepEqual(reader.messages.map(({ offset }) => offset), [0, 1, 2]);
    });

    test("keeps the order of a key's messages, each of them once", async () => {
      const topic = await topicOf(4);
      const producer = publisher();
      await Promise.all(numbers(4000).map((n) => producer.send(record(topic, `${n % 20} ${n}`, `key ${n % 20}`))));
      const members = [join(topic), join(topic)];
      await until(() => members.reduce((sum, { handled }) => sum + handled.length, 0) >= 4000);
      await Promise.all(members.map((member) => member.stop()));
      const handled = members.flatMap((member) => member.handled);
      assert.equal(new Set(handled.map(({ value }) => value)).size, handled.length);
      for (const key of numbers(20)) {
        const own = handled.filter(({ value }) => value.startsWith(`${key} `)).sort((a, b) => a.offset - b.offset);
        assert.deepEqual(own.map(({ value }) => value), numbers(200).map((n) => `${key} ${n * 20 + key}`));
      }
    });

    for (const compression of packs ? ["gzip", "snappy", "lz4", "zstd"] as const : []) {
      test(`hands on what was packed with ${compression}`, async () => {
        const topic = await topicOf();
        const producer = log.driver({ compression, linger: 20 }).driver.publisher;
        const values = numbers(500).map((n) => `${n} ${"all the same ".repeat(20)}`);
        await Promise.all(values.map((value) => producer.send(record(topic, value))));
        const member = join(topic);
        await until(() => member.handled.length === values.length);
        assert.deepEqual(member.handled.map(({ value }) => value), values);
      });
    }

    test("takes messages as large as the topic allows, and refuses larger ones alone", async () => {
      const topic = await topicOf(1, { "max.message.bytes": "4000000" });
      const producer = publisher();
      const sizes = [10, 3_900_000, 4_100_000, 2_000_000];
      const codes = await Promise.all(sizes.map((size) => codeOf(producer.send(record(topic, "x".repeat(size))))));
      assert.deepEqual(codes, ["", "", "MESSAGE_TOO_LARGE", ""]);
      const member = join(topic);
      await until(() => member.handled.length === 3);
      assert.deepEqual(member.handled.map(({ value }) => value.length), [10, 3_900_000, 2_000_000]);
    });

    test("hands partitions over one by one as members come and go; those that stay are never touched", async () => {
      const topic = await topicOf(8);
      const a = join(topic);
      await settled(8, a);
      const b = join(topic);
      await settled(8, a, b);
      const c = join(topic);
      await settled(8, a, b, c);
      const revoked = () => [a, b, c].map(({ events }) => events.filter((event) => event.startsWith("revoked")).length);
      const [first = 0, second = 0, third] = revoked();
      assert.ok(first >= 4 && first + second <= 6 && third === 0, `${revoked()}`);
      await send(topic, numbers(400).map((n) => 1000 + n));
      await b.stop();
      await settled(8, a, c);
      const handled = () => a.handled.length + b.handled.length + c.handled.length;
      await until(() => handled() >= 400);
      await Promise.all([a.stop(), c.stop()]);
      assert.deepEqual(valuesOf(a, b, c), numbers(400).map((n) => String(1000 + n)));
      assert.ok((revoked()[0] ?? 0) <= 6 + 3); // all that it had at the end, too
      assert.deepEqual(await log.members(topic), []);
    });

    test("leaves mastership where it is while others come and go; who leaves hands it over at once", async () => {
      const topic = await topicOf(2);
      const a = join(topic, { sessionTimeout: 60_000 });
      await until(() => a.elected);
      for (const _ of numbers(3)) {
        const guest = join(topic);
        await settled(2, a, guest);
        await guest.stop();
        await settled(2, a);
      }
      assert.ok(a.generations.every(({ elected }) => elected));
      const b = join(topic, { sessionTimeout: 60_000 });
      await settled(2, a, b);
      const left = log.now();
      await a.stop();
      await until(() => b.elected && b.held.size === 2);
      assert.ok(log.now() - left < 30_000, `it took ${Math.round(log.now() - left)} ms`);
    });

    test("two hundred joins and as many leaves move mastership not once", async () => {
      const topic = await topicOf(8);
      const master = join(topic, { heartbeatInterval: 20 });
      await until(() => master.elected);
      const rest = join(topic, { heartbeatInterval: 20 });
      await until(() => rest.membership.joined);
      for (const _ of numbers(20)) {
        const guests = numbers(10).map(() => join(topic, { heartbeatInterval: 20 }));
        await until(() => guests.every(({ membership }) => membership.joined), { every: 5 });
        await Promise.all(guests.map((guest) => guest.stop()));
        assert.ok(guests.every(({ generations }) => generations.every(({ elected }) => !elected)));
      }
      await settled(8, master, rest);
      assert.ok(master.generations.length > 20 && master.generations.every(({ elected }) => elected));
    });

    test("forgets a member that is said to be dead at once; who asks at once hears of it at once", async () => {
      const topic = await topicOf(2);
      const dying = join(topic, { profile: { presence: presence("dying") } });
      await until(() => dying.elected);
      const [successor, other] = numbers(2).map(() => join(topic, { heartbeatInterval: 2000 }));
      assert.ok(successor && other);
      await until(() =>
        successor.held.size + other.held.size > 0 && successor.membership.joined && other.membership.joined
      );
      await until(() => [successor, other].every(({ generationNow }) => generationNow?.peers.length === 1));
      await dying.crash();
      const died = log.now();
      await Promise.all([successor, other].map(async ({ membership, generationNow }) => {
        const peer = generationNow?.peers[0] ?? assert.fail("nobody is to be watched");
        assert.equal(peer.presence.id, "dying");
        await membership.evict(peer); // all try: of one that is gone already there is nothing to do
      }));
      await until(() => successor.elected || other.elected);
      assert.ok(log.now() - died < 1000, `it took ${Math.round(log.now() - died)} ms`);
    });

    test("tells everybody of the master's time zone data", async () => {
      const topic = await topicOf();
      const zones = { release: "2026c", zones: [{ name: "Europe/Berlin", from: 2026, marks: ["a", "b", "c"] }] };
      const master = join(topic, { profile: { zones } });
      await until(() => master.elected);
      const other = join(topic);
      await until(() => other.generationNow?.members === 2);
      assert.deepEqual(other.generationNow?.masterZones, zones);
      await Promise.all([master.stop(), other.stop()]);
    });

    test("elects who has all that members have to run; each knows what the master lacks, and the master who does", async () => {
      const topic = await topicOf();
      const timers = (...names: readonly string[]) => names.map((name) => ({ name, rule: "every 1s" }));
      const [some, all] = [timers("a"), timers("a", "b")];
      const first = join(topic, { profile: { timers: some, version: "2" } });
      await until(() => first.elected);
      const whole = join(topic, { profile: { timers: all, version: "1" } });
      const same = join(topic, { profile: { timers: some, version: "2" } });
      await until(() => [first, whole, same].every(({ generationNow: now }) => now?.members === 3));
      assert.ok(first.elected, "a running lease is not ended");
      assert.deepEqual(whole.generationNow?.masterWork, summaryOf(some));
      assert.deepEqual([same.generationNow?.masterWork, same.generationNow?.masterVersion], [undefined, "2"]);
      await until(() => whole.generationNow?.successor === whole.worker);
      await first.stop();
      await until(() => whole.elected && same.generationNow?.members === 2);
      assert.deepEqual(same.generationNow?.masterWork, summaryOf(all));
      const lacking = { worker: same.worker, version: "2", work: summaryOf(some) };
      await until(() => whole.generationNow?.members === 2);
      assert.deepEqual([whole.generationNow?.lacking, same.generationNow?.lacking], [[lacking], []]);
    });

    test("elects another one when the master has stood down, and asks it to when somebody wishes it", async () => {
      const topic = await topicOf(2);
      const a = join(topic);
      await until(() => a.elected);
      const onlooker = new Member(log.driver(), topic, [], { profile: { mayBeMaster: false } });
      await until(() => onlooker.generationNow?.master !== undefined);
      assert.equal(onlooker.generationNow?.successor, undefined);
      const b = join(topic);
      await until(() => onlooker.generationNow?.successor === b.worker);
      assert.ok(a.generations.every(({ resignAsked }) => !resignAsked));
      onlooker.membership.askToResign();
      await until(() => a.generationNow?.resignAsked);
      assert.ok(a.elected, "until it has stood down no other may be");
      a.disclaim();
      await a.membership.yieldMastership();
      await until(() => b.elected && !a.elected);
      assert.ok(b.generations.every(({ resignAsked }) => !resignAsked), "the next one is not meant");
      const c = join(topic);
      await until(() => c.membership.joined && b.generationNow?.successor !== undefined); // who stood down stands again
      assert.equal(onlooker.held.size, 0);
      await onlooker.stop();
    });

    test("who drains gives up what is idle at once, the rest when it is finished, and is given nothing", async () => {
      const topic = await topicOf(6);
      const a = join(topic);
      await until(() => a.elected);
      const b = join(topic);
      await settled(6, a, b);
      const inHand = Promise.withResolvers<void>();
      let stuck = -1;
      a.gate = ({ partition }) => {
        if (stuck === -1) stuck = partition;
        return partition === stuck ? inHand.promise : undefined;
      };
      await send(topic, numbers(60).map((n) => 1000 + n));
      await until(() => a.lanesOpen === 1 && b.lanesOpen === 0);
      const begun = log.now();
      a.membership.drain();
      await until(() => b.held.size === 5 && a.held.size === 1);
      assert.ok(log.now() - begun < 3000, `it took ${Math.round(log.now() - begun)} ms`);
      assert.ok(a.elected && b.generations.every(({ elected }) => !elected), "mastership stays");
      const c = join(topic);
      await until(() => Math.min(b.held.size, c.held.size) >= 2 && a.held.size === 1);
      assert.deepEqual([...a.held], [`${topic}/${stuck}`]);
      inHand.resolve();
      await until(() => a.held.size === 0 && b.held.size === 3 && c.held.size === 3);
      const offset = Number((await offsetsOf(topic))[stuck]);
      assert.equal(offset, a.handled.filter(({ partition }) => partition === stuck).length);
      await send(topic, numbers(60).map((n) => 1060 + n));
      await until(() => a.handled.length + b.handled.length + c.handled.length >= 120);
      assert.deepEqual(valuesOf(a, b, c), numbers(120).map((n) => String(1000 + n)), "each is handled once");
      assert.ok(a.elected && a.events.every((event) => !event.startsWith("lost")));
      a.disclaim();
      await a.membership.resign();
      await until(() => b.elected || c.elected);
      await a.stop();
    });

    test("commits up to the first message that is not finished; the next member goes on there", async () => {
      const topic = await topicOf();
      await send(topic, numbers(10));
      const stuck = join(topic);
      stuck.gate = ({ offset }) => offset === 5 ? new Promise(() => {}) : undefined;
      await until(async () => (await offsetsOf(topic))[0] === 5n);
      await stuck.stop(100);
      const next = join(topic);
      await until(() => next.handled.length === 5);
      assert.deepEqual(next.handled.map(({ offset }) => offset), [5, 6, 7, 8, 9]);
      await until(async () => (await offsetsOf(topic))[0] === 10n);
    });

    test("hands on what is committed only", async () => {
      const topic = await topicOf();
      const producer = await log.transactions(topic);
      const begin = async (...values: string[]) => {
        const transaction = await producer.begin();
        await transaction.send(values);
        return transaction;
      };
      await (await begin("1", "2")).commit();
      await (await begin("no", "no")).abort();
      const member = join(topic);
      await until(() => member.handled.length === 2);
      const open = await begin("3");
      await send(topic, [4]);
      await until(async () => (await offsetsOf(topic))[0] === 6n);
      await open.commit();
      await until(() => member.handled.length === 4);
      assert.deepEqual(member.handled.map(({ value }) => value), ["1", "2", "3", "4"]);
      const end = await log.end(topic);
      await until(async () => (await offsetsOf(topic))[0] === end);
      await producer.close();
    });

    test("creates a topic that takes what another takes, and more", async () => {
      const source = await topicOf(1, { "max.message.bytes": "3000000" });
      const topic = unique("conformance");
      const { driver } = log.driver();
      const specs = [{ topic, partitions: 1, replicationFactor: -1, limitsOf: source }];
      assert.deepEqual(await driver.ensureTopics(specs), new Map([[topic, 1]]));
      assert.deepEqual(await driver.ensureTopics(specs), new Map([[topic, 1]]), "it is there");
      const large = { ...record(topic, ""), value: noise(2_999_000) };
      const headers = [["more", new Uint8Array(2000)]] as const;
      for (const timestamp of [1, 4e12]) await driver.publisher.send({ ...large, headers, timestamp });
      assert.equal(await codeOf(driver.publisher.send({ ...large, topic: await topicOf() })), "MESSAGE_TOO_LARGE");
    });

    test("packs a message as it is asked to", async () => {
      const topic = await topicOf();
      const wide = { ...record(topic, "x".repeat(3_000_000)) };
      const { driver } = log.driver();
      assert.equal(await codeOf(driver.publisher.send(wide)), "MESSAGE_TOO_LARGE");
      for (const compression of ["gzip", "lz4", "snappy", "zstd"] as const) {
        await Promise.all([
          driver.publisher.send(record(topic, "before")),
          driver.publisher.send({ ...wide, compression }),
          driver.publisher.send(record(topic, "after")),
        ]);
      }
      const reader = new Reader(log.driver(), topic, [topic]);
      await until(() => reader.messages.length === 12);
      const sizes = reader.messages.map(({ value }) => value?.length);
      assert.deepEqual(sizes, Array.from({ length: 4 }, () => [6, 3_000_000, 5]).flat());
      if (packs) {
        const packed = reader.messages.map(({ compression }) => compression).filter((name) => name !== undefined);
        assert.deepEqual(packed, ["gzip", "lz4", "snappy", "zstd"], "and says how it came");
      }
    });

    test("creates the topics that are missing, and says of one that cannot be why", async () => {
      const [there, missing] = [await topicOf(3), unique("conformance")];
      const { driver } = join(there);
      const specs = [there, missing].map((topic) => ({ topic, partitions: 5, replicationFactor: -1 }));
      assert.deepEqual(await driver.ensureTopics(specs), new Map([[there, 3], [missing, 5]]));
      const copies = [{ topic: unique("conformance"), partitions: 1, replicationFactor: 9 }];
      await assert.rejects(driver.ensureTopics(copies), { code: "UNKNOWN_TOPIC", message: /replication/i });
      assert.equal(await codeOf(driver.publisher.send(record(unique("nowhere"), "x"))), "UNKNOWN_TOPIC");
    });

    test("begins a topic that was deleted and created again at its start", async () => {
      const topic = await topicOf();
      await send(topic, numbers(5));
      const member = join(topic);
      await until(() => member.handled.length === 5);
      await log.deleteTopic(topic);
      await log.createTopic(topic, 1);
      await send(topic, numbers(10).map((n) => 10 + n));
      await until(() => member.handled.length >= 15);
      assert.deepEqual(member.handled.slice(5).map(({ value }) => Number(value)), numbers(10).map((n) => 10 + n));
      await until(async () => (await offsetsOf(topic))[0] === 10n);
    });

    for (const [before, after] of [[4, 1], [1, 4], [3, 3]] as const) {
      test(`sends on when a topic of ${before} partitions is created again with ${after}`, async () => {
        const topic = await topicOf(before);
        const sender = publisher();
        const sendAll = (from: number) =>
          Promise.all(
            numbers(24).map((n) => sender.send(record(topic, String(from + n), n % 3 ? `key ${n % 5}` : undefined))),
          );
        await sendAll(0);
        await log.deleteTopic(topic);
        const sent = sendAll(100);
        await log.createTopic(topic, after);
        await sent;
        await sendAll(200);
        const member = join(topic);
        const values = [...numbers(24).map((n) => 100 + n), ...numbers(24).map((n) => 200 + n)].map(String);
        await until(() => member.handled.length >= values.length);
        assert.deepEqual(valuesOf(member), values);
        await sender.flush();
      });
    }

    test("goes on at the earliest offset when what would be read is gone", async () => {
      const topic = await topicOf();
      await send(topic, numbers(5));
      const first = join(topic);
      await until(() => first.handled.length === 5);
      await first.stop();
      await send(topic, numbers(5));
      await log.deleteRecords(topic, 8);
      const second = join(topic);
      await until(() => second.handled.length === 2);
      assert.deepEqual(second.handled.map(({ offset }) => offset), [8, 9]);
    });

    test("a group that forgets a member has it join again, without what it held", async () => {
      const topic = await topicOf();
      const member = join(topic);
      await until(() => member.held.size === 1 && member.elected);
      const generations = member.generations.length;
      const [id = ""] = await log.members(topic);
      await log.expel(topic, id);
      await until(() => member.generations.length > generations && member.held.size === 1);
      assert.ok(member.events.includes("removed") && member.events.includes(`lost ${topic}/0`));
    });

    test("what was finished before a lost partition came back is committed, and not handled again", async () => {
      const topic = await topicOf();
      await send(topic, numbers(10));
      const member = join(topic);
      const inHand = Promise.withResolvers<void>();
      member.gate = ({ offset }) => offset === 5 ? inHand.promise : undefined;
      await until(() => member.handled.length === 5);
      const [id = ""] = await log.members(topic);
      await log.expel(topic, id);
      // Nothing can be committed any more in the old generation; what was in hand is finished all the same.
      await until(() => member.events.includes("removed"), { every: 1 });
      inHand.resolve();
      await until(() => member.handled.length >= 10);
      await until(async () => (await offsetsOf(topic))[0] === 10n);
      assert.deepEqual(member.handled.map(({ offset }) => offset), numbers(10));
    });

    test("the lease of a master that dies is over before another is elected, who goes on with what it left", async () => {
      const { leaseEnded, elected, died, handled, order } = await expiry;
      assert.ok(leaseEnded < elected, `the lease ended ${leaseEnded - elected} ms after the election`);
      assert.ok(elected - died < 2 * SESSION, `it took ${Math.round(elected - died)} ms`);
      assert.deepEqual(handled, numbers(20).map(String).sort());
      assert.equal(new Set(order).size, 20);
    });
  });
}
