import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Driver, OutgoingRecord } from "../../src/driver/driver.ts";
import {
  type Committed,
  type FencedPublisher,
  type JournalEntry,
  type MayTry,
  type PartitionOffset,
  TopicRefused,
} from "../../src/driver/master-log.ts";
import { failure } from "../support/failure.ts";

/** A record as it lies in its partition. */
export interface Stored {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
}

/** A log under test, and the means to look at it from outside. */
export interface MasterLogUnderTest {
  /** A driver of its own, as another process has it; the suite closes it. */
  driver(): Driver;
  createTopic(topic: string, partitions: number): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  /** What an independent reader of committed data finds, by partition and offset. It waits for nothing. */
  read(topic: string): Promise<readonly Stored[]>;
  /** Waits until it is true: in real time, or by moving a virtual one. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

const yes: MayTry = () => true;
const no: MayTry = () => false;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null): string | null => bytes && new TextDecoder().decode(bytes);

/**
 * What mastership needs of a log: a fence, a journal, and transactions that happen whole or not at all.
 *
 *     masterLogConformance("the log in memory", startInMemory);
 */
export function masterLogConformance(
  name: string,
  start: () => Promise<MasterLogUnderTest>,
  skip: string | false = false,
): void {
  describe(`${name} has a master's log`, { skip, timeout: 120_000 }, () => {
    let log: MasterLogUnderTest;
    const drivers: Driver[] = [];
    let names = 0;
    const run = Math.random().toString(36).slice(2, 8);

    before(async () => {
      log = await start();
    });
    after(async () => {
      await Promise.all(drivers.map((driver) => driver.close(0)));
      await log.stop();
    });

    const driver = (): Driver => {
      const made = log.driver();
      drivers.push(made);
      return made;
    };

    /** An app of its own: a topic, a journal, and masters one after the other, each of a process of its own. */
    async function setting(partitions = 1) {
      const app = `master-log-${run}-${names++}`;
      const topic = `${app}-topic`;
      const journal = `${app}-master`;
      await log.createTopic(topic, partitions);
      const state = await driver().master.ensureJournal({ topic: journal, replicationFactor: -1 });
      const fence = (mayTry: MayTry = yes, by: Driver = driver()): Promise<FencedPublisher> =>
        by.master.fence({
          transactionalId: `${app}.master`,
          journal,
          journalId: state.id,
          transactionTimeout: 10_000,
        }, mayTry);
      const record = (value: string, key?: string, to = topic): OutgoingRecord => ({
        topic: to,
        key: key === undefined ? null : encode(key),
        value: encode(value),
        headers: [],
        timestamp: Date.now(),
      });
      const publish = (
        publisher: FencedPublisher,
        values: readonly string[],
        entry: string,
        mayTry: MayTry = yes,
      ): Promise<Committed> =>
        publisher.publish({
          records: values.map((value) => record(value)),
          journal: [{ key: "timer", value: encode(entry) }],
        }, mayTry);
      const values = async (of = topic) => (await log.read(of)).map(({ value }) => value ?? "").sort();
      /** What the journal's readers see at last. */
      const entries = async () => (await log.read(journal)).map(({ value }) => value ?? "");
      return { app, topic, journal, state, fence, record, publish, values, entries };
    }

    const plain = (entries: readonly JournalEntry[]) =>
      Object.fromEntries(entries.map(({ key, value }) => [key, decode(value)]));

    test("makes a journal once, and knows it again", async () => {
      const { journal, state } = await setting();
      assert.equal(state.created, true);
      assert.deepEqual(state.warnings, []);
      const again = await driver().master.ensureJournal({ topic: journal, replicationFactor: -1 });
      assert.deepEqual(again, { ...state, created: false });
    });

    test("refuses a journal of two partitions", async () => {
      const { app } = await setting();
      await log.createTopic(`${app}-two`, 2);
      await assert.rejects(driver().master.ensureJournal({ topic: `${app}-two`, replicationFactor: -1 }), {
        code: "JOURNAL_UNUSABLE",
      });
    });

    test("publishes a tick and its entry together, and says where they ended", async () => {
      const { topic, journal, fence, record, entries } = await setting(3);
      const master = await fence();
      assert.deepEqual(await master.read(yes), []);
      const sorted = (ends: readonly PartitionOffset[]) => ends.toSorted((a, b) => a.partition - b.partition);
      let told: readonly PartitionOffset[] = [], ofFirst: readonly PartitionOffset[] = [];
      const { ends, time } = await master.publish({
        records: [record("a", "k"), record("b", "k"), record("c")],
        journal: (endsOf) => {
          told = endsOf(0, 3);
          ofFirst = endsOf(0, 1);
          return [{ key: "timer", value: encode("1") }, { key: "epoch", value: encode("7") }];
        },
      }, yes);
      await log.until(async () => (await entries()).length === 2);
      const stored = await log.read(topic);
      assert.deepEqual(stored.map(({ value }) => value).sort(), ["a", "b", "c"]);
      assert.deepEqual(stored.filter(({ key }) => key === "k").map(({ value }) => value), ["a", "b"]);
      assert.deepEqual(sorted(told), sorted(ends));
      const first = stored.find(({ value }) => value === "a");
      assert.deepEqual(ofFirst, [{ topic, partition: first?.partition, offset: (first?.offset ?? NaN) + 1 }]);
      for (const { partition, offset } of ends) {
        assert.equal(
          offset,
          Math.max(...stored.filter((one) => one.partition === partition).map(({ offset }) => offset)) + 1,
        );
      }
      assert.equal(ends.length, new Set(stored.map(({ partition }) => partition)).size);
      assert.ok(time.sent.monotonic <= time.answered.monotonic);
      const { sent, answered } = time;
      assert.ok(time.wall > sent.wall - 2000 && time.wall < answered.wall + 2000, JSON.stringify(time));
      let moved = 0;
      assert.deepEqual(plain(await master.read(yes, () => moved++)), { timer: "1", epoch: "7" });
      assert.ok(moved > 0, "it says that it gets on");
      assert.deepEqual(plain(await driver().master.readJournal(journal)), { timer: "1", epoch: "7" });
    });

    test("sends a key's messages where the plain publisher sends them, with headers and time", async () => {
      const { topic, fence, record } = await setting(8);
      const by = driver();
      const master = await fence(yes, by);
      const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
      await Promise.all(keys.map((key) => by.publisher.send(record("plain", key))));
      await master.publish({
        records: keys.map((key) => record("tick", key)),
        journal: () => [{ key: "t", value: encode("1") }],
      }, yes);
      await log.until(async () => (await log.read(topic)).length === 40);
      const stored = await log.read(topic);
      for (const key of keys) {
        assert.equal(new Set(stored.filter((one) => one.key === key).map(({ partition }) => partition)).size, 1);
      }
    });

    test("goes on from the last value of each key; null is nothing any more", async () => {
      const { fence, record } = await setting();
      const first = await fence();
      const write = (publisher: FencedPublisher, journal: readonly JournalEntry[]) =>
        publisher.publish({ records: [record("x")], journal }, yes);
      await write(first, [{ key: "a", value: encode("1") }, { key: "b", value: encode("1") }]);
      await write(first, [{ key: "a", value: encode("2") }]);
      await write(first, [{ key: "b", value: null }, { key: "c", value: encode("") }]);
      const second = await fence();
      assert.deepEqual(plain(await second.read(yes)), { a: "2", c: "" });
      await write(second, [{ key: "c", value: encode("3") }]);
      assert.deepEqual(plain(await second.read(yes)), { a: "2", c: "3" });
    });

    test("hands the journal's bytes on as they are, also rubbish", async () => {
      const { fence } = await setting();
      const master = await fence();
      const rubbish = new Uint8Array([0xff, 0x00, 0xfe]);
      await master.publish({ records: [], journal: [{ key: "\u0000é", value: rubbish }] }, yes);
      const [entry] = await (await fence()).read(yes);
      assert.equal(entry?.key, "\u0000é");
      assert.deepEqual([...entry?.value ?? []], [...rubbish]);
    });

    test("publishes nothing of a tick that fails, and goes on with the next", async () => {
      const { app, fence, record, publish, values, entries } = await setting();
      const master = await fence();
      await assert.rejects(
        master.publish({
          records: [record("lost"), record("lost", undefined, `${app}-nowhere`)],
          journal: () => [{ key: "timer", value: encode("lost") }],
        }, yes),
        (error) => error instanceof TopicRefused && error.code === "UNKNOWN_TOPIC" && error.topic === `${app}-nowhere`,
      );
      const thrown = new Error("the journal's entry cannot be made");
      await assert.rejects(
        master.publish({
          records: [record("lost")],
          journal: () => {
            throw thrown;
          },
        }, yes),
        thrown,
      );
      await publish(master, ["kept"], "1");
      await log.until(async () => (await entries()).length === 1);
      assert.deepEqual(await values(), ["kept"]);
      assert.deepEqual(await entries(), ["1"]);
    });

    test("asks before each attempt, and tries nothing after a no", async () => {
      const { fence, publish, values, entries } = await setting();
      await assert.rejects(fence(no), { code: "NOT_MASTER" });
      const master = await fence();
      for (
        const call of [() => master.read(no), () => publish(master, ["lost"], "lost", no), () => master.recover(no)]
      ) {
        await assert.rejects(call(), { code: "NOT_MASTER" });
      }
      // Whatever the attempt is that is not made any more: all before it come to nothing.
      for (let allowed = 1;; allowed++) {
        let asked = 0;
        const code = await failure(publish(master, [`try ${allowed}`], `try ${allowed}`, () => asked++ < allowed));
        if (code === "") break;
        assert.equal(code, "NOT_MASTER");
        assert.ok(allowed < 100);
      }
      await publish(master, ["last"], "last");
      await log.until(async () => (await entries()).length === 2);
      const [tried, last] = [await values(), await entries()];
      assert.equal(tried.length, 2);
      assert.deepEqual(tried.sort(), last.toSorted());
    });

    test("fences all that were opened before", async () => {
      const { fence, publish, values, entries } = await setting();
      const older = await fence();
      await publish(older, ["1"], "1");
      const newer = await fence();
      await assert.rejects(publish(older, ["zombie"], "zombie"), { code: "FENCED" });
      await assert.rejects(older.recover(yes), { code: "FENCED" });
      await assert.rejects(publish(older, ["zombie"], "zombie"), { code: "FENCED" });
      assert.deepEqual(plain(await newer.read(yes)), { timer: "1" });
      await publish(newer, ["2"], "2");
      await assert.rejects(older.recover(yes), { code: "FENCED" });
      await publish(newer, ["3"], "3");
      await log.until(async () => (await entries()).length === 3);
      assert.deepEqual(await values(), ["1", "2", "3"]);
    });

    test("leaves nothing of one who is fenced amid a tick, or all of it", async () => {
      const { fence, publish, record, values, entries } = await setting(2);
      const outcomes: string[] = [];
      for (let round = 0; round < 12; round++) {
        const older = await fence();
        await older.read(yes);
        let fencing: Promise<FencedPublisher> | undefined;
        let asked = 0;
        const journal = [{ key: "timer", value: encode(`tick ${round}`) }];
        const code = await failure(older.publish({
          records: [record(`tick ${round}`), record(`tick ${round}`)],
          journal: round < 6 ? journal : () => journal,
        }, () => {
          if (asked++ === round % 6) fencing ??= fence();
          return true;
        }));
        const newer = await (fencing ?? fence());
        const known = plain(await newer.read(yes))["timer"] === `tick ${round}`;
        // Who is told that it happened, or that it did not, is told the truth.
        if (code === "") assert.ok(known, `round ${round}`);
        else if (code !== "UNKNOWN_OUTCOME") assert.ok(!known, `round ${round}: ${code}`);
        assert.equal(await failure(older.recover(yes)), "FENCED");
        outcomes.push(known ? "yes" : "no");
        await publish(newer, [`after ${round}`], `after ${round}`);
        newer.close();
      }
      const happened = outcomes.flatMap((outcome, round) => outcome === "yes" ? [round] : []);
      const expected = [
        ...happened.flatMap((round) => [`tick ${round}`, `tick ${round}`]),
        ...outcomes.map((_, round) => `after ${round}`),
      ];
      await log.until(async () => (await values()).length >= expected.length);
      assert.deepEqual(await values(), expected.sort());
      assert.equal((await entries()).length, happened.length + outcomes.length);
    });

    test("an unfinished tick of one who is gone keeps nobody waiting", async () => {
      const { fence, publish, record, values } = await setting();
      const by = driver();
      const older = await fence(yes, by);
      // It is gone when its records are written and nothing is committed.
      const gone = failure(older.publish({
        records: [record("lost")],
        journal: () => {
          older.close();
          return [{ key: "timer", value: encode("lost") }];
        },
      }, yes));
      assert.notEqual(await gone, "");
      const newer = await fence();
      assert.deepEqual(await newer.read(yes), []);
      await publish(newer, ["kept"], "1");
      await log.until(async () => (await values()).length === 1);
      assert.deepEqual(await values(), ["kept"]);
    });

    test("can be sure again that it is the last, and goes on", async () => {
      const { fence, publish, values } = await setting();
      const master = await fence();
      await master.recover(yes);
      await publish(master, ["1"], "1");
      await master.recover(yes);
      await master.recover(yes);
      assert.deepEqual(plain(await master.read(yes)), { timer: "1" });
      await publish(master, ["2"], "2");
      await log.until(async () => (await values()).length === 2);
    });

    test("says that a journal is lost which was deleted, or created again", async () => {
      for (const again of [false, true]) {
        const { journal, state, topic, fence, publish, values } = await setting();
        const [master, successor] = [await fence(), driver()];
        await master.read(yes);
        await publish(master, ["1"], "1");
        await log.deleteTopic(journal);
        // It is gone a moment after the log has answered; until then ticks may still be published.
        await log.until(async () => await failure(publish(master, ["early"], "early")) === "JOURNAL_LOST");
        if (again) {
          const anew = () => successor.master.ensureJournal({ topic: journal, replicationFactor: -1 });
          await log.until(async () => (await anew()).id !== state.id);
          await assert.rejects(publish(master, ["lost"], "lost"), { code: "JOURNAL_LOST" });
        }
        await assert.rejects(master.read(yes), { code: "JOURNAL_LOST" });
        const next = await fence(yes, successor);
        await assert.rejects(next.read(yes), { code: "JOURNAL_LOST" });
        await assert.rejects(publish(next, ["lost"], "lost"), { code: "JOURNAL_LOST" });
        assert.ok(!(await values(topic)).includes("lost"));
      }
    });

    test("publishes many messages at once", async () => {
      const { topic, fence, record } = await setting(4);
      const master = await fence();
      const records = Array.from({ length: 20_000 }, (_, index) => record(`message ${index}`));
      const { ends } = await master.publish({ records, journal: () => [{ key: "t", value: encode("1") }] }, yes);
      assert.equal(ends.length, 4);
      assert.equal(ends.reduce((sum, { offset }) => sum + offset, 0), records.length);
      await log.until(async () => (await log.read(topic)).length === records.length);
      assert.equal(new Set((await log.read(topic)).map(({ value }) => value)).size, records.length);
    });

    test("knows how far a group is behind", async () => {
      const { app, topic, fence, publish } = await setting();
      const { master } = driver();
      const { ends } = await publish(await fence(), ["1", "2", "3"], "1");
      assert.equal(await master.lag(app, ends), 3);
      assert.equal(await master.lag(app, []), 0);
      assert.equal(await master.lag(app, [{ topic: `${app}-nowhere`, partition: 0, offset: 5 }]), 0);
      // Nobody will ever commit what was in a topic that is another one now.
      await log.deleteTopic(topic);
      await log.until(async () => await master.lag(app, ends) === 0);
      await log.createTopic(topic, 1);
      assert.equal(await master.lag(app, ends), 0);
    });

    test("has no journal to read where there is none", async () => {
      await assert.rejects(driver().master.readJournal(`master-log-${run}-nowhere`), { code: "UNKNOWN_TOPIC" });
    });
  });
}
