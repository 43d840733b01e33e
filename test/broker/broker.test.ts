import assert from "node:assert/strict";
import { test } from "node:test";
import { Broker } from "../../src/broker/broker.ts";
import { quietKafka } from "../support/kafkajs-oracle.ts";

test("a foreign client connects and reads the metadata", async () => {
  const broker = new Broker({ port: 0 });
  const { port } = await broker.start();
  const admin = quietKafka([`127.0.0.1:${port}`]).admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    assert.deepEqual(cluster.brokers, [{ nodeId: 1, host: "127.0.0.1", port }]);
  } finally {
    await admin.disconnect();
    await broker.stop();
  }
});
