import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import kafkajs from "kafkajs";
import { systemTime } from "../../../src/core/delay.ts";
import { createTopic, produce, quietKafka } from "../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests, onDevBroker, startKafka } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";
import { App, closeMasters, masterAt, yes } from "./masters.ts";
import { bytes, unique } from "../support.ts";
import { failure } from "../../support/failure.ts";

/** A clock on which a journal stalls soon. */
const hasty = { ...systemTime, monotonic: () => systemTime.monotonic() * 10 };

describe("a journal", { timeout: 60_000 }, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  after(closeMasters);

  /** Somebody else who writes into the journal, in a transaction. */
  async function stranger(app: App) {
    const id = unique("stranger");
    const producer = quietKafka(app.brokers).producer({
      transactionalId: id,
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    const begin = async (key: string, value: string | null) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic: app.journal, messages: [{ key, value, partition: 0 }] });
      return transaction;
    };
    return { id, begin, end: () => producer.disconnect() };
  }

  test("is read to its end, also behind a transaction that is open in it; who blocks it is named", async () => {
    const app = await new App(kafka).start();
    const first = await app.fence();
    await app.tick(first, "1");
    const other = await stranger(app);
    const open = await other.begin("theirs", "x");
    // The slot that must not be missed lies behind it.
    await app.tick(first, "2");
    const second = await app.fence(masterAt(kafka.url, hasty));
    await assert.rejects(second.read(yes), (error: Error) => {
      assert.ok(error.message.includes(other.id), error.message);
      return "code" in error && error.code === "JOURNAL_BLOCKED";
    });
    const reading = app.last(second);
    await open.abort();
    assert.equal(await reading, "2");
    assert.deepEqual((await second.read(yes)).map(({ key }) => key), ["timer"]);
    await other.end();
  });

  test("goes on when what blocked it is committed while it waits", async () => {
    const app = await new App(kafka).start();
    const other = await stranger(app);
    const open = await other.begin("theirs", "x");
    const master = await app.fence();
    let done = false;
    const reading = master.read(yes).finally(() => done = true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(done, false);
    await open.commit();
    assert.deepEqual(await reading, [{ key: "theirs", value: bytes("x") }]);
    await other.end();
  });

  test("leaves out what was aborted, and takes what others have packed", async () => {
    const app = await new App(kafka).start();
    const other = await stranger(app);
    await (await other.begin("a", "no")).abort();
    await produce(app.brokers, app.journal, [{ key: "a", value: "yes" }, { key: "b", value: "yes" }]);
    await (await other.begin("b", null)).commit();
    await (await other.begin("a", "no")).abort();
    const entries = await (await app.fence()).read(yes);
    assert.deepEqual(entries.map(({ key }) => key), ["a"]);
    assert.deepEqual(entries[0]?.value, bytes("yes"));
    await other.end();
  });

  test("stops waiting when the lease is over", async () => {
    const app = await new App(kafka).start();
    const other = await stranger(app);
    const open = await other.begin("theirs", "x");
    const master = await app.fence();
    let asked = 0;
    assert.equal(await failure(master.read(() => asked++ < 4)), "NOT_MASTER");
    await open.abort();
    await other.end();
  });

  test("is shown to people up to what is committed, whatever is open", async () => {
    const app = await new App(kafka).start();
    const master = await app.fence();
    await app.tick(master, "1");
    const other = await stranger(app);
    const open = await other.begin("theirs", "x");
    await app.tick(master, "2");
    const shown = await masterAt(kafka.url).log.readJournal(app.journal);
    assert.deepEqual(shown.map(({ value }) => value), [bytes("1")]);
    await open.abort();
    await until(async () => {
      const [entry] = await masterAt(kafka.url).log.readJournal(app.journal);
      return entry?.value?.[0] === bytes("2")[0];
    });
    await other.end();
  });

  test("says what is wrong with a topic that is to be one", async () => {
    const ensure = async (config: { [name: string]: string }) => {
      const topic = unique("journal");
      await createTopic(kafka.brokers, topic, { config });
      return await masterAt(kafka.url).log.ensureJournal({ topic, replicationFactor: -1 });
    };
    for (const policy of ["delete", "compact,delete"]) {
      await assert.rejects(ensure({ "cleanup.policy": policy }), {
        code: "JOURNAL_UNUSABLE",
        message: /cleanup\.policy/,
      });
    }
    const { warnings } = await ensure({ "cleanup.policy": "compact" });
    assert.equal(warnings.length, 2);
    assert.match(warnings.join("\n"), /segment\.bytes=1073741824[^]*message\.timestamp\.type=CreateTime/);
    const good = { "cleanup.policy": "compact", "segment.bytes": "1048576", "message.timestamp.type": "LogAppendTime" };
    assert.deepEqual((await ensure(good)).warnings, []);
  });

  test("is created also while others look for it: what one of them learns does not make an older answer true", async () => {
    const topic = unique("journal");
    const { cluster, log } = masterAt(kafka.url);
    cluster.meddle = async (call, send) => {
      const answer = await send();
      if (call.apiName !== "CreateTopics") return answer;
      await until(async () => {
        await cluster.refresh([topic]);
        return cluster.leader(topic, 0) >= 0;
      });
      return answer;
    };
    const { created, id } = await log.ensureJournal({ topic, replicationFactor: -1 });
    assert.deepEqual({ created, id }, { created: true, id: cluster.topic(topic)?.topicId });
  });

  test("without the log's time a tick is told our own", async () => {
    const app = new App(kafka);
    await createTopic(kafka.brokers, app.journal, { config: { "cleanup.policy": "compact" } });
    await app.start();
    const { time } = await app.tick(await app.fence(), "1");
    assert.equal(time.wall, time.sent.wall);
  });
});

test(
  "brokers that verify no transactions are warned of, and settings that may not be read",
  { skip: onDevBroker && "it has no such setting" },
  async () => {
    const kafka = await startKafka({
      settings: {
        "transaction.partition.verification.enable": false,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": true,
      },
    });
    try {
      const app = await new App(kafka).start();
      assert.match(app.state.warnings.join(), /transaction\.partition\.verification\.enable/);
      await app.tick(await app.fence(), "1");
      await until(async () => (await app.values()).length === 1);
      const ensure = async () => {
        const found = await masterAt(kafka.url).log.ensureJournal({ topic: app.journal, replicationFactor: -1 });
        return found.warnings.join("\n");
      };
      await denyConfigs(kafka.brokers, "TOPIC", app.journal);
      await until(async () => /^The settings of the journal .* cannot be read/m.test(await ensure()));
      assert.match(await ensure(), /verification\.enable=false/);
      await denyConfigs(kafka.brokers, "CLUSTER", "kafka-cluster");
      await until(async () => !/verification\.enable/.test(await ensure()));
      assert.match(await ensure(), /^The settings of the journal .* cannot be read/m);
    } finally {
      closeMasters();
      await kafka.stop();
    }
  },
);

/** Nobody may describe its settings any more, and everybody may do all else. */
async function denyConfigs(brokers: string[], resource: "TOPIC" | "CLUSTER", resourceName: string): Promise<void> {
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
  const resourceType = AclResourceTypes[resource];
  const all = {
    resourceType,
    resourceName,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: "User:ANONYMOUS",
    host: "*",
  };
  const admin = quietKafka(brokers).admin();
  await admin.connect();
  await admin.createAcls({
    acl: [
      { ...all, operation: AclOperationTypes.DESCRIBE_CONFIGS, permissionType: AclPermissionTypes.DENY },
      { ...all, operation: AclOperationTypes.ALL, permissionType: AclPermissionTypes.ALLOW },
    ],
  });
  await admin.disconnect();
}
