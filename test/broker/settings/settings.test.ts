/** The broker's settings: what they do, and what is kept of them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Broker, type BrokerOptions } from "../../../src/broker/broker.ts";
import { produce } from "../../../src/broker/requests/00-produce.ts";
import { fetch } from "../../../src/broker/requests/01-fetch.ts";
import { listOffsets } from "../../../src/broker/requests/02-list-offsets.ts";
import { metadata } from "../../../src/broker/requests/03-metadata.ts";
import { findCoordinator } from "../../../src/broker/requests/10-find-coordinator.ts";
import { joinGroup } from "../../../src/broker/requests/11-join-group.ts";
import { describeConfigs } from "../../../src/broker/requests/32-describe-configs.ts";
import { incrementalAlterConfigs } from "../../../src/broker/requests/44-incremental-alter-configs.ts";
import { NO_UUID } from "../../../src/wire/protocol/fields.ts";
import { checkSettings } from "../../../src/broker/settings/settings.ts";
import { type DirectClient, directClient } from "../../support/direct-client.ts";
import { makeBatch } from "../log/log-model.ts";

const folder = mkdtempSync(join(tmpdir(), "mephisto-settings-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function withBroker(options: BrokerOptions, use: (call: DirectClient, broker: Broker) => Promise<void>) {
  const broker = new Broker({ port: 0, ...options });
  await broker.start();
  try {
    await use(directClient(broker), broker);
  } finally {
    await broker.stop();
  }
}

const named = (...names: string[]) => ({ topics: names.map((name) => ({ name, topicId: NO_UUID })) });

async function describeTopic(call: DirectClient, topic: string, key: string) {
  const { results } = await call(describeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: topic, configurationKeys: [key] }],
  });
  return results[0]?.configs[0]?.value;
}

const write = (call: DirectClient, name: string, size: number) =>
  call(produce, 9, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{
      name,
      topicId: NO_UUID,
      partitionData: [{
        index: 0,
        records: [makeBatch([{ key: "k", value: "x".repeat(size), timestamp: Date.now() }])],
      }],
    }],
  }).then(({ responses }) => responses[0]?.partitionResponses[0]?.errorCode);

test("a topic that is asked for is there in the answer, with num.partitions, unless one says no or its name is bad", async () => {
  await withBroker({ settings: { "num.partitions": "3" } }, async (call) => {
    const { topics } = await call(metadata, 12, named("new", "no/topic", "__transaction_state"));
    const facts = topics.map(({ name, errorCode, partitions }) => [name, errorCode, partitions.length]);
    assert.deepEqual(facts, [["new", 0, 3], ["no/topic", 17, 0], ["__transaction_state", 3, 0]]);
    const refused = await call(metadata, 12, { ...named("other"), allowAutoTopicCreation: false });
    assert.equal(refused.topics[0]?.errorCode, 3);
  });
  await withBroker({ settings: { "auto.create.topics.enable": "false" } }, async (call) => {
    assert.equal((await call(metadata, 12, named("new"))).topics[0]?.errorCode, 3);
  });
});

test("topics go by what the broker was started with, in whatever unit, unless they say otherwise", async () => {
  const settings = { "message.max.bytes": "500", "log.retention.hours": "2", "log.roll.hours": "3" };
  await withBroker({ settings }, async (call, broker) => {
    await call(metadata, 12, named("t"));
    assert.equal(await describeTopic(call, "t", "retention.ms"), "7200000");
    assert.equal(await describeTopic(call, "t", "segment.ms"), "10800000");
    assert.equal(broker.topics.partition("t", 0)?.log.config.retentionMs, 7_200_000);
    assert.deepEqual([await write(call, "t", 300), await write(call, "t", 600)], [0, 10]);
    const topic = broker.topics.get("t");
    assert.ok(topic);
    broker.topics.configure(topic, new Map([["max.message.bytes", "1000"]]));
    assert.equal(await write(call, "t", 600), 0);
  });
  await withBroker({ settings: { "log.retention.hours": "-1", "log.retention.minutes": "5" } }, async (call) => {
    await call(metadata, 12, named("t"));
    assert.equal(await describeTopic(call, "t", "retention.ms"), "300000");
  });
});

test("groups go by what the broker was started with", async () => {
  const settings = { "group.min.session.timeout.ms": "100", "group.max.session.timeout.ms": "200" };
  await withBroker({ settings }, async (call) => {
    const codes = [];
    for (const sessionTimeoutMs of [99, 150, 201]) {
      const { errorCode } = await call(joinGroup, 9, {
        ...{ groupId: "g", memberId: "", protocolType: "consumer", rebalanceTimeoutMs: 100 },
        sessionTimeoutMs,
        protocols: [{ name: "range", metadata: new Uint8Array(0) }],
      });
      codes.push(errorCode);
    }
    assert.deepEqual(codes, [26, 79, 26]);
  });
});

test("what is altered counts at once, and is kept with the id of the cluster and of the internal topics", async () => {
  const alter = (call: DirectClient, name: string, value: string | null) =>
    call(incrementalAlterConfigs, 1, {
      resources: [{
        ...{ resourceType: 4, resourceName: "" },
        configs: [{ name, value, configOperation: value === null ? 1 : 0 }],
      }],
      validateOnly: false,
    }).then(({ responses }) => responses[0]?.errorMessage);
  const facts = async (call: DirectClient) => {
    const { clusterId, topics } = await call(metadata, 12, { topics: null });
    return { clusterId, internal: topics.filter(({ isInternal }) => isInternal) };
  };
  const lives: unknown[] = [];
  const data = join(folder, "kept");
  await withBroker({ data }, async (call) => {
    await call(metadata, 12, named("t"));
    await call(findCoordinator, 2, { key: "g", keyType: 0 });
    assert.equal(await alter(call, "message.max.bytes", "500"), null);
    assert.equal(await write(call, "t", 600), 10);
    assert.match(await alter(call, "num.partitions", "5") ?? "", /--set num\.partitions/);
    assert.match(await alter(call, "num.io.threads", "5") ?? "", /no effect on the broker for development/);
    assert.match(await alter(call, "nonsense", "5") ?? "", /no setting "nonsense"/);
    lives.push(await facts(call));
  });
  await withBroker({ data }, async (call) => {
    lives.push(await facts(call));
    assert.equal(await write(call, "t", 600), 10);
    assert.equal(await alter(call, "message.max.bytes", null), null);
    assert.equal(await write(call, "t", 600), 0);
  });
  assert.deepEqual(lives[0], lives[1]);
  await withBroker({}, async (call) => {
    await call(findCoordinator, 2, { key: "g", keyType: 0 });
    assert.notDeepEqual(await facts(call), lives[0], "another broker has other ids");
  });
});

test("nothing is read from the internal topics, and they end where they begin", async () => {
  await withBroker({}, async (call) => {
    await call(findCoordinator, 2, { key: "g", keyType: 0 });
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1e6 }];
    const topics = [{ topic: "__consumer_offsets", topicId: NO_UUID, partitions }];
    const fetched = await call(fetch, 11, { maxWaitMs: 0, minBytes: 0, topics, forgottenTopicsData: [] });
    assert.equal(fetched.responses[0]?.partitions[0]?.errorCode, 29);
    for (const timestamp of [-1, -2]) {
      const listed = await call(listOffsets, 7, {
        ...{ replicaId: -1, isolationLevel: 0, timeoutMs: 0 },
        topics: [{ name: "__consumer_offsets", partitions: [{ partitionIndex: 49, timestamp }] }],
      });
      assert.deepEqual(
        listed.topics[0]?.partitions.map(({ errorCode, offset }) => [errorCode, offset]),
        [[0, 0]],
      );
    }
  });
});

test("what the broker is started with is checked", () => {
  const refused = (settings: Record<string, string>) => {
    try {
      checkSettings(settings);
      return "";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  assert.match(refused({ "log.retention.hour": "1" }), /no setting "log\.retention\.hour"\..*log\.retention\.hours/);
  assert.match(refused({ "num.partitions": "0" }), /"0" is not allowed/);
  assert.match(refused({ "log.retention.hours": "-2" }), /"-2" is not allowed/);
  assert.equal(refused({ "log.retention.hours": "-1", "log.cleanup.policy": "compact,delete" }), "");
});
