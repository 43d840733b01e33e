import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import kafkajs from "kafkajs";
import { actor } from "../../src/core/define-actor.ts";
import { systemTime } from "../../src/core/delay.ts";
import { delay } from "../../src/core/delay.ts";
import { timer } from "../../src/core/define-timer.ts";
import { KafkaDriver } from "../../src/kafka/kafka-driver.ts";
import { parseUrl } from "../../src/kafka/connection/url.ts";
import { context } from "../../src/runtime/context.ts";
import { eventLoopTurn } from "../../src/runtime/turn.ts";
import type { Scope } from "../../src/worker/calls/scope.ts";
import { resolveSettings } from "../../src/worker/settings.ts";
import { Worker } from "../../src/worker/worker.ts";
import { fakeApp } from "../core/fakes.ts";
import { committed, createTopic, produce, withAdmin } from "../support/kafkajs-oracle.ts";
import { type KafkaServer, kafkaSkip, type SecureListener, startKafka } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { closeAll, keptLines, Member, unique } from "./support.ts";

const { AclOperationTypes: Operation, AclPermissionTypes, AclResourceTypes: Resource, ResourcePatternTypes } = kafkajs;
const WITHIN = { within: 15_000 };

describe("what Kafka's authorizer refuses", { skip: kafkaSkip, timeout: 90_000 }, () => {
  let kafka: KafkaServer & SecureListener;
  before(async () => {
    const settings = {
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS",
      "group.min.session.timeout.ms": 1000,
    };
    kafka = await startKafka({ secure: true, settings });
  });
  after(async () => {
    closeAll();
    await kafka.stop();
  });

  /** Where the user is bound to the rules; elsewhere everybody may do all. */
  const at = () =>
    `kafka+ssl://${kafka.user}:${kafka.password}@${kafka.secureUrl}?sasl=plain&ca=` + encodeURIComponent(kafka.caFile);
  const acl = (resourceType: number, resourceName: string, operation: number) => ({
    ...{ resourceType, resourceName, operation, host: "*", resourcePatternType: ResourcePatternTypes.LITERAL },
    ...{ principal: `User:${kafka.user}`, permissionType: AclPermissionTypes.ALLOW },
  });
  const allow = (type: number, name: string, ...operations: number[]) =>
    withAdmin(
      kafka.brokers,
      (admin) => admin.createAcls({ acl: operations.map((operation) => acl(type, name, operation)) }),
    );
  const refuse = (type: number, name: string, operation: number) =>
    withAdmin(kafka.brokers, (admin) => admin.deleteAcls({ filters: [acl(type, name, operation)] }));

  test("is told with its reason, makes the worker unready, and is over by itself when it is allowed", async () => {
    const id = unique("acl");
    const [jobs, dead, journal] = [`${id}-jobs`, `${id}-jobs.dead`, `${id}-master`];
    for (const topic of [jobs, dead]) await createTopic(kafka.brokers, topic);
    await createTopic(kafka.brokers, journal, { config: { "cleanup.policy": "compact" } });
    const handled: string[] = [];
    const open = Promise.withResolvers<void>();
    const { shop, definition } = fakeApp({ valueSerializer: "text" }, id);
    actor(shop, { name: "jobs" }, async (stream) => {
      for await (const value of stream) {
        if (value === "bad") throw new Error("bad");
        handled.push(String(value));
        if (value === "slow") await open.promise;
      }
    });
    let ticks = 0;
    timer(shop, "200ms", { name: "tick", onMaster: true }, () => void ticks++);
    const logger = keptLines();
    const driver = new KafkaDriver(
      parseUrl(at(), "test"),
      id,
      { linger: 0, compression: undefined },
      logger,
      systemTime,
    );
    const worker = new Worker({
      ...{ definition, driver, logger, clock: systemTime, sleep: delay, eventLoopTurn },
      settings: resolveSettings({ deadLetterDir: tmpdir() }, { flags: {}, env: {} }),
      ...{ context: context<Scope>(), random: Math.random, worker: "me", runtime: "test", url: "here", advice: "" },
    });
    const reason = () => worker.status().reason ?? "";
    /** The reason is this, and has been told. */
    const isRefused = async (pattern: RegExp) => {
      const reasons = () => [reason(), ...worker.status().troubles.map(({ reason }) => reason)];
      const isReason = () => reasons().some((each) => pattern.test(each));
      await until(isReason, WITHIN).catch(() => assert.fail(`${pattern}: ${reason()}`));
      assert.equal(worker.ready(), false);
      const told = () => logger.lines.filter(({ level, message }) => level === "error" && pattern.test(message));
      await until(() => told().length > 0, WITHIN);
      assert.equal(told().length, 1, `${pattern} was told ${told().length} times`);
    };
    const isBack = async (line: RegExp) => {
      const found = () => logger.lines.filter(({ level, message }) => level === "info" && line.test(message));
      await until(() => found().length > 0, WITHIN).catch(() => assert.fail(`${line}: ${reason()}`));
      assert.equal(found().length, 1);
    };
    try {
      const started = worker.start();
      await isRefused(/^The start does not work, .*Topic .*-jobs: the broker answered TOPIC_AUTHORIZATION_FAILED/);
      await allow(Resource.TOPIC, jobs, Operation.DESCRIBE);
      await allow(Resource.TOPIC, journal, Operation.DESCRIBE, Operation.READ);
      await isBack(/^The start works again/);
      await isRefused(
        /^Membership in group .* the coordinator of group .*: the broker answered GROUP_AUTHORIZATION_FAILED/,
      );
      await allow(Resource.GROUP, id, Operation.READ);
      await isBack(/^Membership in group .* works again/);
      await started;
      await isRefused(/^Reading .*-jobs does not work, .*TOPIC_AUTHORIZATION_FAILED/);
      await allow(Resource.TOPIC, jobs, Operation.READ);
      await isBack(/^Reading .*-jobs works again/);
      await produce(kafka.brokers, jobs, [{ value: "first" }]);
      await until(() => handled.length === 1, WITHIN);
      await isRefused(/TRANSACTIONAL_ID_AUTHORIZATION_FAILED/);
      await allow(Resource.TRANSACTIONAL_ID, `${id}.master`, Operation.WRITE, Operation.DESCRIBE);
      await isRefused(/^.*Writing to .*-master.*TOPIC_AUTHORIZATION_FAILED/);
      await allow(Resource.TOPIC, journal, Operation.WRITE);
      await allow(Resource.TOPIC, dead, Operation.DESCRIBE);
      await until(() => ticks > 0 && worker.ready(), WITHIN).catch(() => assert.fail(reason()));
      await produce(kafka.brokers, jobs, [{ value: Buffer.from([0xff]) }]);
      await isRefused(/^Writing to .*-jobs.dead does not work, .*TOPIC_AUTHORIZATION_FAILED/);
      await allow(Resource.TOPIC, dead, Operation.WRITE);
      await isBack(/^Writing to .*-jobs.dead works again/);
      await produce(kafka.brokers, jobs, [{ value: "slow" }]);
      await until(() => handled.includes("slow"), WITHIN);
      await refuse(Resource.TOPIC, jobs, Operation.READ);
      open.resolve();
      await isRefused(/^Committing what was handled does not work, .*Offsets of .*-jobs: .*TOPIC_AUTHORIZATION_FAILED/);
      await allow(Resource.TOPIC, jobs, Operation.READ);
      await isBack(/^Committing what was handled works again/);
      await refuse(Resource.GROUP, id, Operation.READ);
      await isRefused(/^Membership in group .* Heartbeat of group .*: the broker answered GROUP_AUTHORIZATION_FAILED/);
      await allow(Resource.GROUP, id, Operation.READ);
      await until(() => worker.ready(), WITHIN).catch(() => assert.fail(reason()));
    } finally {
      await worker.stop();
    }
  });

  test("a partition moves on although its commit is refused, after one session, with a line of what comes again", async () => {
    const group = unique("handover");
    const topic = `${group}-jobs`;
    await createTopic(kafka.brokers, topic, { partitions: 2 });
    await allow(Resource.TOPIC, topic, Operation.READ);
    await allow(Resource.GROUP, group, Operation.READ);
    await produce(
      kafka.brokers,
      topic,
      [0, 1].flatMap((partition) => ["a", "b", "c"].map((value) => ({ partition, value }))),
    );
    const open = Promise.withResolvers<void>();
    const first = new Member(at(), group, [topic], { sessionTimeout: 3000 });
    first.gate = ({ value }) => value === "b" ? open.promise : undefined;
    await until(() => first.handled.length === 2, WITHIN); // the first of each
    const committedOf = async () => (await committed(kafka.brokers, group, topic)).join();
    await until(async () => await committedOf() === "1,1", WITHIN);
    const second = new Member(kafka.url, group, [topic], { sessionTimeout: 3000 });
    await until(() => first.events.some((event) => event.startsWith("revoked")), WITHIN);
    await refuse(Resource.TOPIC, topic, Operation.READ);
    const refusedAt = performance.now();
    open.resolve();
    await until(() => second.handled.length === 2, WITHIN);
    assert.ok(performance.now() - refusedAt >= 3000, "given up before a session was over");
    // Nobody was removed for it: it was handed over, and the other one stays.
    const [moved = ""] = second.held;
    const stays = `${topic}/${moved.endsWith("0") ? 1 : 0}`;
    const assigned = [`assigned ${topic}/0`, `assigned ${topic}/1`];
    assert.deepEqual([first.events, [...first.held]], [[...assigned, `revoked ${moved}`], [stays]]);
    assert.deepEqual(second.handled.map(({ offset, value }) => `${offset}: ${value}`), ["1: b", "2: c"]);
    const told = () => first.logger.warnings().filter((line) => line.startsWith("Given up"));
    const line = (key: string, to: number) =>
      `Given up without a commit, which Kafka refuses: ${
        key.replace(/\/(\d)$/, "[$1]")
      } from offset 1 to ${to}. It is handled again by the next worker.`;
    assert.deepEqual(told(), [line(moved, 1)]);
    await first.stop(200);
    assert.deepEqual(told(), [line(moved, 1), line(stays, 2)]);
  });
});
