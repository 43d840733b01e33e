import assert from "node:assert/strict";
import { afterEach, before as beforeAll, describe, test } from "node:test";
import { MephistoError } from "../../../src/core/errors.ts";
import { delay } from "../../../src/core/delay.ts";
import type { FencedPublisher } from "../../../src/driver/master-log.ts";
import { ConnectionLost } from "../../../src/kafka/connection/errors.ts";
import { makeCall } from "../../../src/wire/call.ts";
import { masterLogConformance } from "../../conformance/master-log.ts";
import { overKafka } from "../../conformance/over-kafka.ts";
import { createTopic, deleteTopic, endOffsets } from "../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests, kafkaSkip, startKafka } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";
import { App, before, closeMasters, losesAnswer, losesRequest, masterAt, type Meddling, yes } from "./masters.ts";
import { bytes } from "../support.ts";
import { failure } from "../../support/failure.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const nothing: Meddling = (_, send) => send();

let version1: Promise<KafkaAddress> | undefined;

/** Kafka that has been told to do transactions as it did before version 4; one for this file, which it ends with. */
function startVersion1(): Promise<KafkaAddress> {
  version1 ??= (async () => {
    const { url, brokers } = await startKafka();
    const { errorCode } = await masterAt(url).cluster.ask(downgrade("transaction.version", 1));
    assert.equal(errorCode, 0);
    return { url, brokers };
  })();
  return version1;
}

/** UpdateFeatures, version 1. */
function downgrade(feature: string, level: number) {
  return makeCall({
    apiKey: 57,
    apiName: "UpdateFeatures",
    apiVersion: 1,
    flexible: true,
    write: (w) =>
      w.int32(10_000)
        .compactArray([feature], (name) => w.compactString(name).int16(level).int8(2).noTaggedFields()) // 2: safely
        .boolean(false), // validateOnly
    read: (r) => {
      r.int32();
      const errorCode = r.int16();
      r.compactNullableString();
      r.compactArray(() => {
        r.compactString();
        r.int16();
        r.compactNullableString();
        r.skipTaggedFields();
      });
      return { errorCode };
    },
  });
}

masterLogConformance("Apache Kafka with transactions of version 1", overKafka(startVersion1), kafkaSkip);

for (const version of [1, 2] as const) {
  const skip = version === 1 && kafkaSkip;
  describe(`with transactions of version ${version}`, { skip, timeout: 120_000 }, () => {
    let kafka: KafkaAddress;
    beforeAll(async () => {
      kafka = version === 1 ? await startVersion1() : await kafkaForTests();
    });
    afterEach(closeMasters);

    const setting = async (partitions = 1) => {
      const app = await new App(kafka).start({ partitions });
      const own = masterAt(kafka.url);
      return { app, cluster: own.cluster, master: await app.fence(own) };
    };

    test("speaks the requests of that version", async () => {
      const { app, cluster, master } = await setting();
      await master.read(yes);
      const asked = async (published: number, tick: () => Promise<unknown>) => {
        // Else the broker is still busy with the transaction before, and is asked twice.
        await until(async () => (await app.values()).length === published);
        cluster.sent.length = 0;
        await tick();
        return cluster.sent.filter((name) => /Txn|Produce/.test(name));
      };
      const [add, produce, end] = version === 1
        ? [["AddPartitionsToTxn 3"], "Produce 8", "EndTxn 3"]
        : [[], "Produce 13", "EndTxn 5"];
      assert.deepEqual(await asked(0, () => app.tick(master, "1")), [...add, produce, end]);
      assert.deepEqual(await asked(1, () => app.tickByEnds(master, "2")), [...add, produce, produce, end]);
    });

    test("the lease is asked immediately before each write, the first time and again", async () => {
      const own = masterAt(kafka.url);
      const app = await new App(kafka).start({ partitions: 2 });
      const events: string[] = [];
      const mayTry = () => events.push("asked") > 0;
      /** Each request of these that was sent without asking between it and the one before. */
      const unasked = () => {
        const writes = events.filter((name) => name !== "asked");
        const wrong = events.filter((name, index) => name !== "asked" && events[index - 1] !== "asked");
        events.length = 0;
        return { writes: new Set(writes), wrong };
      };
      own.cluster.meddle = (call, send) => {
        if (/Txn|Produce|InitProducerId/.test(call.apiName)) events.push(call.apiName);
        return send();
      };
      const master = await app.fence(own, mayTry);
      assert.deepEqual(unasked(), { writes: new Set(["InitProducerId"]), wrong: [] });
      await app.tick(master, "1", ["a", "b"], mayTry);
      await app.tickByEnds(master, "2", ["c", "d"], mayTry);
      const add = version === 1 ? ["AddPartitionsToTxn"] : [];
      assert.deepEqual(unasked(), { writes: new Set([...add, "Produce", "EndTxn"]), wrong: [] });
      await master.recover(mayTry);
      assert.deepEqual(unasked(), { writes: new Set(["InitProducerId"]), wrong: [] });
      const meddle = own.cluster.meddle;
      let lost = false;
      own.cluster.meddle = async (call, send) => {
        const answer = await meddle(call, send);
        if (lost || call.apiName !== "Produce") return answer;
        lost = true;
        throw new ConnectionLost("the broker", "the test lost the answer");
      };
      await app.tick(master, "3", ["e"], mayTry);
      assert.deepEqual(unasked(), { writes: new Set([...add, "Produce", "EndTxn"]), wrong: [] });
    });

    test("a commit whose answer is lost: the journal tells that it happened", async () => {
      const { app, cluster, master } = await setting();
      for (const n of numbers(3)) {
        cluster.meddle = losesAnswer("EndTxn");
        assert.equal(await failure(app.tick(master, `tick ${n}`)), "UNKNOWN_OUTCOME");
        cluster.meddle = nothing;
        await master.recover(yes);
        assert.equal(await app.last(master), `tick ${n}`);
      }
      await app.tick(master, "last");
      await until(async () => (await app.values()).length === 4);
      assert.deepEqual(await app.values(), ["tick 0", "tick 1", "tick 2", "last"]);
    });

    test("an answer is given a sixth of the transaction's time, and more where the coordinator is slow", async () => {
      const { app, cluster, master } = await setting();
      await app.tick(master, "1");
      const limit = cluster.limits.findLast((_, n) => cluster.sent[n]?.startsWith("EndTxn"));
      assert.deepEqual(limit, { first: 1666, most: 7500 });
    });

    test("a commit that never arrived: the journal tells that it did not happen", async () => {
      const { app, cluster, master } = await setting();
      await app.tick(master, "first");
      cluster.meddle = losesRequest("EndTxn");
      assert.equal(await failure(app.tick(master, "second")), "UNKNOWN_OUTCOME");
      cluster.meddle = nothing;
      await master.recover(yes);
      assert.equal(await app.last(master), "first");
      await app.tick(master, "second");
      await until(async () => (await app.values()).length === 2);
      assert.deepEqual(await app.values(), ["first", "second"]);
    });

    test("recovers also when the answers to that are lost", async () => {
      const { app, cluster, master } = await setting();
      cluster.meddle = losesAnswer("EndTxn");
      assert.equal(await failure(app.tick(master, "1")), "UNKNOWN_OUTCOME");
      let lost = 0;
      // The first answer of each kind.
      const seen = new Set<string>();
      cluster.meddle = async (call, send) => {
        const answer = await send();
        if (!seen.has(call.apiName)) {
          seen.add(call.apiName);
          lost++;
          throw new MephistoError("UNREACHABLE", "The test lost the answer.");
        }
        return answer;
      };
      await master.recover(yes);
      cluster.meddle = nothing;
      assert.ok(lost > 0);
      assert.equal(await app.last(master), "1");
      await app.tick(master, "2");
      await until(async () => (await app.values()).length === 2);
    });

    test("a lost answer to Produce: the same bytes again, and each message once", async () => {
      const { app, cluster, master } = await setting(2);
      for (const n of numbers(3)) {
        cluster.meddle = losesAnswer("Produce", n + 1);
        const tick = n === 0 ? app.tick.bind(app) : app.tickByEnds.bind(app);
        await tick(master, `tick ${n}`, numbers(10).map((m) => `${n} ${m}`));
      }
      await until(async () => (await app.values()).length === 30);
      assert.equal(new Set(await app.values()).size, 30);
    });

    test("batches that are pipelined stay whole and in order when one answer is lost", async () => {
      const { app, cluster, master } = await setting();
      const values = numbers(50).map((n) => `${n} ${"x".repeat(100_000)}`);
      for (const which of [1, 2, 4]) {
        cluster.meddle = losesAnswer("Produce", which);
        await app.tick(master, "tick", values);
      }
      await until(async () => (await app.values()).length === 150);
      assert.deepEqual(
        (await app.values()).map((value) => value.split(" ")[0]),
        [0, 1, 2].flatMap(() => numbers(50).map(String)),
      );
    });

    test("replicas that are missing for a while: the same sequence again", async () => {
      const { app, cluster, master } = await setting();
      let refused = 0;
      // Written and refused all the same, as NOT_ENOUGH_REPLICAS_AFTER_APPEND (20) says; 19 comes before it.
      cluster.meddle = async (call, send) => {
        const answer = await send();
        if (call.apiName === "Produce" && refused++ < 4) return withCodes(answer, refused % 2 ? 20 : 19);
        return answer;
      };
      await app.tick(master, "1");
      cluster.meddle = nothing;
      await until(async () => (await app.values()).length === 1);
      assert.equal(refused > 4, true);
    });

    test("partitions that wait for different reasons, and for longer than others, are all written at last", async () => {
      const app = await new App(kafka).start({ partitions: 3 });
      const own = masterAt(kafka.url);
      const master = await app.fence(own, yes, 5000);
      // CONCURRENT_TRANSACTIONS (51), NOT_LEADER_OR_FOLLOWER (6), and what is said of those beside one that was refused
      // (OPERATION_NOT_ATTEMPTED, 55), in turn and several times.
      const rounds = [[[55, 6]], [[51]], [[51, 6]], [[6, 51]], [[51], [51]], [[51, 51, 6], [51], [6]]];
      for (const [n, round] of rounds.entries()) {
        const left = [...round];
        own.cluster.meddle = async (call, send) => {
          const answer = await send();
          const codes = call.apiName === "Produce" ? left.shift() : undefined;
          return codes ? withCodes(answer, ...codes) : answer;
        };
        await app.tick(master, String(n), numbers(6).map((m) => `${n} ${m}`));
        assert.deepEqual(left, []);
      }
      await until(async () => (await app.values()).length === 6 * rounds.length);
      assert.equal(new Set(await app.values()).size, 6 * rounds.length);
    });

    test("ends at once when it is closed while it asks for a leader", async () => {
      const { app, cluster, master } = await setting();
      await app.tick(master, "1");
      cluster.meddle = async (call, send) => {
        if (call.apiName === "Produce") throw new MephistoError("UNREACHABLE", "The test lost the request.");
        if (call.apiName !== "Metadata") return await send();
        master.close();
        return await new Promise<never>(() => {});
      };
      assert.equal(await failure(app.tick(master, "2")), "STOPPED");
    });

    test("sends nothing to its journal but entries", async () => {
      const { app, master } = await setting();
      const records = [app.record("x", app.journal, "timer")];
      assert.equal(await failure(master.publish({ records, journal: [] }, yes)), "INVALID_OPTION");
    });

    if (version === 2) {
      test("a broker that knows no topic ids is told the names", async () => {
        const { app, cluster, master } = await setting();
        cluster.newest = 12;
        cluster.sent.length = 0;
        await app.tick(master, "1");
        assert.ok(cluster.sent.includes("Produce 12"));
        await until(async () => (await app.values()).length === 1);
        assert.equal(await app.last(master), "1");
      });
    }

    for (const which of [1, 2]) {
      test(`what an aborted tick sends late does not enter the next: its Produce ${which}`, async () => {
        const { app, cluster, master } = await setting();
        await app.tick(master, "first");
        // A Produce is held up somewhere, while its tick is given up.
        let late: (() => Promise<unknown>) | undefined;
        let count = 0;
        cluster.meddle = async (call, send) => {
          if (call.apiName !== "Produce" || ++count !== which) return await send();
          const other = masterAt(kafka.url).cluster;
          late = () => other.ask(call);
          throw new MephistoError("PROTOCOL", "The test gives up.");
        };
        const two = ["aborted", "aborted".padEnd(20_000)]; // which go in two batches
        assert.equal(await failure(app.tick(master, "aborted", two)), "PROTOCOL");
        // What comes before the abort's marker is aborted with the rest: two messages, and a marker behind each.
        if (which === 2) await until(async () => (await endOffsets(kafka.brokers, app.topic))[0] === 4n);
        // It arrives when the next has begun: before its first message, and again between that and the commit.
        const answers: unknown[] = [];
        let produced = 0;
        cluster.meddle = async (call, send) => {
          const isFirst = call.apiName === "Produce" && produced++ === 0;
          if (isFirst || call.apiName === "EndTxn") answers.push(await late?.());
          return await send();
        };
        await app.tick(master, "second");
        cluster.meddle = nothing;
        assert.equal(answers.length, 2);
        for (const answer of answers) assert.doesNotMatch(JSON.stringify(answer), /"errorCode":0/);
        await until(async () => (await app.values()).length === 2);
        assert.deepEqual(await app.values(), ["first", "second"]);
        assert.equal(await app.last(master), "second");
      });
    }

    test("one who is fenced at any moment publishes nothing any more", async () => {
      const moments = [
        ...(version === 1 ? [["AddPartitionsToTxn", 1, "tick"]] as const : []),
        ["Produce", 1, "tick"],
        ["EndTxn", 1, "tick"],
        ["Produce", 1, "tickByEnds"],
        ["Produce", 2, "tickByEnds"],
        ["EndTxn", 1, "tickByEnds"],
      ] as const;
      for (const [name, which, tick] of moments) {
        const { app, cluster, master } = await setting();
        await app.tick(master, "first");
        const successors: FencedPublisher[] = [];
        cluster.meddle = before(name, async () => successors.push(await app.fence()), which);
        assert.equal(await failure(app[tick](master, "zombie")), "FENCED", `${name} ${which} of ${tick}`);
        cluster.meddle = nothing;
        const [successor] = successors;
        assert.ok(successor);
        assert.equal(await failure(master.recover(yes)), "FENCED");
        assert.equal(await failure(app.tick(master, "zombie")), "FENCED");
        assert.equal(await app.last(successor), "first");
        await app.tick(successor, "second");
        await until(async () => (await app.values()).length === 2);
        assert.deepEqual(await app.values(), ["first", "second"]);
      }
    });

    test("one who does not know whether it committed, and is fenced then, is told so", async () => {
      const { app, cluster, master } = await setting();
      cluster.meddle = losesAnswer("EndTxn");
      assert.equal(await failure(app.tick(master, "1")), "UNKNOWN_OUTCOME");
      cluster.meddle = nothing;
      const successor = await app.fence();
      assert.equal(await app.last(successor), "1");
      assert.equal(await failure(master.recover(yes)), "FENCED");
      await app.tick(successor, "2");
      assert.equal(await failure(master.recover(yes)), "FENCED");
      await app.tick(successor, "3");
      await until(async () => (await app.values()).length === 3);
    });

    test("asks for the lease immediately before each attempt, after the connection is made", async () => {
      const app = await new App(kafka).start();
      const own = masterAt(kafka.url);
      let asked = 0;
      own.cluster.meddle = async (call, send) => {
        if (call.apiName === "InitProducerId") {
          const before = asked;
          assert.ok(before > 0);
          const answer = await send();
          assert.equal(asked, before);
          throw Object.assign(new MephistoError("UNREACHABLE", "The test lost the answer."), { answer });
        }
        return await send();
      };
      assert.equal(await failure(app.fence(own, () => asked++ < 6)), "NOT_MASTER");
      // Two questions an attempt: whether to begin with it, and whether to send.
      assert.equal(own.cluster.sent.filter((name) => name.startsWith("InitProducerId")).length, 3);
    });

    test("a message that is too large, alone: nothing is published", async () => {
      const { app, master } = await setting();
      const large = "x".repeat(1_500_000);
      assert.equal(await failure(app.tick(master, "large", ["small", large, "small"])), "MESSAGE_TOO_LARGE");
      await app.tick(master, "next");
      await until(async () => (await app.values()).length === 1);
      assert.deepEqual(await app.values(), ["next"]);
    });

    test("a topic that takes little at a time is given little at a time", async () => {
      const app = await new App(kafka).start({ config: { "max.message.bytes": "3000" } });
      const master = await app.fence();
      await app.tick(master, "1", numbers(200).map((n) => `${n} ${"x".repeat(100)}`));
      await until(async () => (await app.values()).length === 200);
      assert.deepEqual((await app.values()).map((value) => Number(value.split(" ")[0])), numbers(200));
      assert.equal(await failure(app.tick(master, "2", ["x".repeat(4000)])), "MESSAGE_TOO_LARGE");
    });

    test("a topic that has been deleted meanwhile: nothing is published, and the others go on", async () => {
      const { app, master } = await setting();
      const other = await new App(kafka).start();
      const tick = (name: string, topics: readonly string[]) =>
        master.publish({
          records: topics.map((topic) => app.record(name, topic)),
          journal: () => [{ key: "timer", value: bytes(name) }],
        }, yes);
      await tick("1", [app.topic, other.topic]);
      await deleteTopic(kafka.brokers, other.topic);
      // It is gone a moment after Kafka has answered.
      const happened = ["1"];
      for (let n = 2;; n++) {
        const code = await failure(tick(`${n}`, [app.topic, other.topic]));
        if (code === "UNKNOWN_TOPIC") break;
        assert.equal(code, "");
        happened.push(`${n}`);
      }
      await tick("last", [app.topic]);
      await until(async () => (await app.values()).includes("last"));
      assert.deepEqual(await app.values(), [...happened, "last"]);
    });

    test("a topic that is deleted and created again gets what is sent after that", async () => {
      const { app, master } = await setting(2);
      await app.tick(master, "old", ["old", "old"]);
      await deleteTopic(kafka.brokers, app.topic);
      await createTopic(kafka.brokers, app.topic, { partitions: 2 });
      await app.tick(master, "new", ["new", "new"]);
      await until(async () => (await app.values()).length === 2);
      assert.deepEqual(await app.values(), ["new", "new"]);
    });

    test("a journal that is deleted and created again behind its back gets nothing", async () => {
      const { app, master } = await setting();
      await master.read(yes);
      await app.tick(master, "1");
      await deleteTopic(kafka.brokers, app.journal);
      const other = masterAt(kafka.url);
      const anew = () => other.log.ensureJournal({ topic: app.journal, replicationFactor: -1 });
      await until(async () => (await anew()).id !== app.state.id);
      assert.equal(await failure(app.tick(master, "lost")), "JOURNAL_LOST");
      assert.equal(await failure(master.read(yes)), "JOURNAL_LOST");
      await until(async () => (await app.values()).length === 1);
      assert.deepEqual(await other.log.readJournal(app.journal), []);
    });

    test("publishes 100,000 messages whole", async () => {
      const { app, master } = await setting(8);
      await app.tick(master, "1", numbers(100_000).map(String));
      const values = await until(async () => {
        const values = await app.values();
        return values.length === 100_000 && values;
      });
      assert.equal(new Set(values).size, 100_000);
    });

    test("more than can be written in the time of a transaction is an error of its own: to try again would not help", async () => {
      const app = await new App(kafka).start();
      const own = masterAt(kafka.url);
      const master = await app.fence(own, yes, 3000);
      const values = numbers(20_000).map((n) => `${n} ${"x".repeat(1000)}`);
      let last: Promise<unknown> = Promise.resolve();
      own.cluster.meddle = async (call, send) => {
        if (call.apiName !== "Produce") return await send();
        const before = last;
        const answer = await send();
        last = before.then(() => delay(200));
        await last;
        return answer;
      };
      assert.equal(await failure(app.tick(master, "large", values)), "BUFFER_FULL");
      // One that does not answer for a while has not been given too much.
      own.cluster.meddle = async (call, send) => {
        if (call.apiName === "Produce") await delay(3000);
        return await send();
      };
      assert.equal(await failure(app.tick(master, "slow", values)), "UNREACHABLE");
      own.cluster.meddle = nothing;
      await app.tick(master, "small");
      await until(async () => (await app.values()).length === 1);
      assert.deepEqual(await app.values(), ["small"]);
    });

    test("leaves nothing open when it is closed", async () => {
      const { app, cluster, master } = await setting();
      await app.tick(master, "1");
      master.close();
      assert.equal(await failure(app.tick(master, "2")), "STOPPED");
      assert.equal(await failure(master.read(yes)), "STOPPED");
      assert.equal(await failure(master.recover(yes)), "STOPPED");
      cluster.close();
    });
  });
}

/** An answer to Produce with another error code. */
function withCodes<T>(answer: T, ...codes: readonly number[]): T {
  let n = 0;
  return JSON.parse(JSON.stringify(answer), (key, value) => key === "errorCode" ? codes[n++ % codes.length] : value);
}
