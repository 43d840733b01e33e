import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { after, before, test } from "node:test";
import { Broker } from "../../../src/broker/broker.ts";
import { produce } from "../../../src/broker/requests/00-produce.ts";
import { fetch } from "../../../src/broker/requests/01-fetch.ts";
import { metadata } from "../../../src/broker/requests/03-metadata.ts";
import { apiVersions } from "../../../src/broker/requests/18-api-versions.ts";
import { consumerGroupHeartbeat } from "../../../src/broker/requests/68-consumer-group-heartbeat.ts";
import { shareGroupHeartbeat } from "../../../src/broker/requests/76-share-group-heartbeat.ts";
import { createTopics } from "../../../src/broker/requests/19-create-topics.ts";
import { until } from "../../support/until.ts";
import { encodeRequest, wireClient } from "../../support/wire-client.ts";
import { makeBatch } from "../log/log-model.ts";

const lines: string[] = [];
const say = (line: string) => void lines.push(line);
const logger = { debug() {}, info: say, warn: say, error: say };
const broker = new Broker({ port: 0, logger, limits: { unsent: 64 * 1024, connections: 50 } });
let port = 0;

const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };

before(async () => {
  ({ port } = await broker.start());
  const client = await wireClient(port);
  const topic = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  for (const name of ["t", "slow"]) {
    await client.call(createTopics, 5, { topics: [{ ...topic, name }], timeoutMs: 1000, validateOnly: false });
  }
  client.close();
});
after(() => broker.stop());

function produceRequest(topic: string, records: Uint8Array, acks = -1) {
  return {
    transactionalId: null,
    acks,
    timeoutMs: 1000,
    topicData: [{ name: topic, topicId: "0".repeat(32), partitionData: [{ index: 0, records: [records] }] }],
  };
}

function fetchRequest(
  topic: string,
  fetchOffset: number,
  more: { maxWaitMs: number; minBytes: number; maxBytes?: number },
) {
  return {
    maxBytes: 1e6,
    topics: [{ topic, topicId: "0".repeat(32), partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1e6 }] }],
    forgottenTopicsData: [],
    ...more,
  };
}

const batch = (value: string) => makeBatch([{ key: "k", value, timestamp: Date.now() }]);

test("a newer ApiVersions is answered in version 0 with what is served of it", async () => {
  const client = await wireClient(port);
  const request = encodeRequest(apiVersions, 3, software);
  request.writeInt16BE(99, 6);
  client.send(request);
  const answer = await client.next();
  assert.deepEqual([...answer ?? []], [0, 0, 0, 1, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
  // The connection goes on.
  const { errorCode, apiKeys, finalizedFeatures } = await client.call(apiVersions, 4, software);
  assert.equal(errorCode, 0);
  assert.equal(apiKeys.length, broker.apis.length);
  assert.deepEqual(finalizedFeatures, [{ name: "transaction.version", maxVersionLevel: 2, minVersionLevel: 2 }]);
  client.close();
});

test("what is not served and what cannot be read closes that connection, with one line that names it", async () => {
  const good = await wireClient(port);
  const tall = encodeRequest(metadata, 1, { topics: null });
  const cases: [Uint8Array, RegExp][] = [
    [Buffer.from(tall).fill(0x7f, 4, 6), /request 32639 .* is not served/],
    [Buffer.from(tall).fill(0, 4, 6).fill(17, 5, 6), /SaslHandshake \(client "test"\).*leave out .* SASL/],
    [Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), /TLS/],
    [Buffer.from(encodeRequest(produce, 3, produceRequest("t", batch("v")))).fill(2, 7, 8), /Produce version 2 is not/],
    [Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), /a request of \d+ bytes/],
    [Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0]), /a request of -1 bytes/],
    [Buffer.concat([Buffer.from([0, 0, 0, 11]), tall.subarray(4, 15)]), /Metadata|bytes wanted/],
  ];
  for (const [bytes, line] of cases) {
    lines.length = 0;
    const client = await wireClient(port);
    client.send(bytes);
    assert.equal(await client.next(), null);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", line);
  }
  assert.equal((await good.call(metadata, 1, { topics: null })).brokers.length, 1);
  good.close();
});

test("a protocol of groups that is not there is refused with one line that names the client and what to set", async () => {
  lines.length = 0;
  const client = await wireClient(port);
  const member = { groupId: "g", memberId: "m", memberEpoch: 0 };
  for (let i = 0; i < 3; i++) {
    const { errorCode, errorMessage } = await client.call(consumerGroupHeartbeat, 1, member);
    assert.equal(errorCode, 35);
    assert.match(errorMessage ?? "", /set group\.protocol=classic/);
  }
  const sharing = await wireClient(port);
  assert.equal((await sharing.call(shareGroupHeartbeat, 1, member)).errorCode, 35);
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.match(lines[0] ?? "", /"test" at 127\.0\.0\.1 asks for .* KIP-848 \(group "g"\).*set group\.protocol=classic/);
  assert.match(lines[1] ?? "", /"test" at 127\.0\.0\.1 asks for a share group .*group\.protocol=classic/);
  client.close();
  sharing.close();
});

test("answers come in the order of the requests, however many are sent at once", async () => {
  const client = await wireClient(port);
  const requests = Array.from({ length: 200 }, (_, i) => encodeRequest(metadata, 1, { topics: [] }, i));
  client.send(Buffer.concat(requests));
  for (let i = 0; i < 200; i++) assert.equal((await client.next())?.readInt32BE(0), i);
  client.close();
});

test("a request that comes a byte at a time is one", async () => {
  const client = await wireClient(port);
  for (const byte of encodeRequest(metadata, 1, { topics: [] }, 7)) client.send(Buffer.from([byte]));
  assert.equal((await client.next())?.readInt32BE(0), 7);
  client.close();
});

test("a long poll ends when there is something, and holds up nobody else", async () => {
  const [reader, writer] = [await wireClient(port), await wireClient(port)];
  const { fetched } = { fetched: reader.call(fetch, 11, fetchRequest("t", 0, { maxWaitMs: 20_000, minBytes: 1 })) };
  const began = performance.now();
  const { responses } = await writer.call(produce, 7, produceRequest("t", batch("hello")));
  assert.equal(responses[0]?.partitionResponses[0]?.errorCode, 0);
  const partition = (await fetched).responses[0]?.partitions[0];
  assert.ok(performance.now() - began < 5000);
  assert.equal(partition?.highWatermark, 1);
  assert.ok((partition?.records?.length ?? 0) > 0);
  const empty = await reader.call(fetch, 11, fetchRequest("t", 1, { maxWaitMs: 20, minBytes: 1 }));
  assert.equal(empty.responses[0]?.partitions[0]?.records?.length, 0);
  const behind = await reader.call(fetch, 11, fetchRequest("t", 9, { maxWaitMs: 20_000, minBytes: 1 }));
  assert.equal(behind.responses[0]?.partitions[0]?.errorCode, 1);
  reader.close();
  writer.close();
});

test("a long poll whose client goes away leaves nothing behind", async () => {
  await until(() => broker.connections === 0);
  const client = await wireClient(port);
  client.send(encodeRequest(fetch, 11, fetchRequest("t", 1, { maxWaitMs: 60_000, minBytes: 1 })));
  await until(() => broker.connections === 1);
  client.close();
  await until(() => broker.connections === 0);
});

test("who reads nothing is not read from, and others go on", async () => {
  const writer = await wireClient(port);
  for (let i = 0; i < 8; i++) await writer.call(produce, 7, produceRequest("slow", batch("x".repeat(900_000))));
  const slow = await wireClient(port);
  slow.socket.pause();
  const request = encodeRequest(fetch, 11, fetchRequest("slow", 0, { maxWaitMs: 0, minBytes: 0, maxBytes: 1e6 }));
  for (let i = 0; i < 150; i++) slow.send(request);
  // 150 answers of a megabyte would be in this process's memory otherwise.
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 20; i++) await writer.call(metadata, 1, { topics: null });
  assert.ok(process.memoryUsage().rss - before < 200e6);
  slow.socket.resume();
  for (let i = 0; i < 150; i++) assert.ok(await slow.next());
  slow.close();
  writer.close();
});

test("too many connections are refused", async () => {
  const clients = await Promise.all(Array.from({ length: 60 }, () => wireClient(port)));
  await until(() => clients.filter(({ socket }) => socket.destroyed || socket.readableEnded).length >= 10);
  for (const client of clients) client.close();
  await until(() => broker.connections === 0);
});
