import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { Broker } from "../../src/broker/broker.ts";
import { FileJournal } from "../../src/broker/data/file-journal.ts";
import { produce } from "../../src/broker/requests/00-produce.ts";
import { fetch } from "../../src/broker/requests/01-fetch.ts";
import { createTopics } from "../../src/broker/requests/19-create-topics.ts";
import { deleteRecords } from "../../src/broker/requests/21-delete-records.ts";
import { decodeRecords } from "../../src/wire/records.ts";
import { type Program, run } from "../support/process.ts";
import { type Runtime, runtimes } from "../support/runtimes.ts";
import { type WireClient, wireClient } from "../support/wire-client.ts";
import { makeBatch } from "./log/log-model.ts";

const folder = mkdtempSync(join(tmpdir(), "mephisto-data-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const NO_ID = "0".repeat(32);
/** The runtime that this test runs on: each is tested by its own run. */
const own: Runtime = process.versions.bun !== undefined ? "bun" : process.versions.deno !== undefined ? "deno" : "node";
assert.ok(runtimes.includes(own));

async function start(data: string): Promise<{ program: Program; client: WireClient; port: number }> {
  const program = run(own, "test/support/dev-broker-program.ts", [JSON.stringify({ data })]);
  const { text } = await program.waitFor(/^port \d+$/, 20_000);
  const port = Number(text.slice(5));
  return { program, client: await wireClient(port), port };
}

async function kill({ program, client }: { program: Program; client: WireClient }): Promise<void> {
  program.kill("SIGKILL");
  await program.exit;
  client.close();
}

async function create(client: WireClient, name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.call(createTopics, 5, { topics: [topic], timeoutMs: 1000, validateOnly: false });
  assert.equal(topics[0]?.errorCode, 0);
}

async function write(client: WireClient, topic: string, value: string): Promise<number> {
  const records = [makeBatch([{ key: "", value, timestamp: Date.now() }])];
  const { responses } = await client.call(produce, 7, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: topic, topicId: NO_ID, partitionData: [{ index: 0, records }] }],
  });
  const [partition] = responses[0]?.partitionResponses ?? [];
  assert.equal(partition?.errorCode, 0);
  return partition?.baseOffset ?? -1;
}

async function read(client: WireClient, topic: string, fetchOffset = 0): Promise<[number, string][]> {
  const { responses } = await client.call(fetch, 11, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 50e6,
    topics: [{ topic, topicId: NO_ID, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 50e6 }] }],
    forgottenTopicsData: [],
  });
  const [partition] = responses[0]?.partitions ?? [];
  assert.equal(partition?.errorCode, 0);
  const { records, error } = decodeRecords(partition?.records ?? new Uint8Array(0), { from: fetchOffset });
  assert.equal(error, undefined);
  return records.map(({ offset, value }) => [offset, new TextDecoder().decode(value ?? undefined)]);
}

test("what was acknowledged is there after kill -9, once and in order", async () => {
  const data = join(folder, "killed");
  const acknowledged: [number, string][] = [];
  let broker = await start(data);
  await create(broker.client, "t");
  for (let round = 0; round < 4; round++) {
    // The writer goes on until the broker is gone; what it has not heard of may be there or not.
    const killAt = acknowledged.length + 20 + round * 30;
    let done = false;
    while (!done) {
      const value = `${round}-${acknowledged.length}`;
      if (acknowledged.length === killAt) broker.program.kill("SIGKILL");
      try {
        acknowledged.push([await write(broker.client, "t", value), value]);
      } catch {
        done = true;
      }
    }
    await kill(broker);
    broker = await start(data);
    const there = new Map(await read(broker.client, "t"));
    for (const [offset, value] of acknowledged) assert.equal(there.get(offset), value, `offset ${offset}`);
    assert.ok(there.size <= acknowledged.length + round + 1);
  }
  await kill(broker);
});

test("a torn tail is cut where the last whole batch ends, and the log goes on from there", async () => {
  const data = join(folder, "torn");
  let broker = await start(data);
  await create(broker.client, "t");
  for (const value of ["a", "b", "c"]) await write(broker.client, "t", value);
  await kill(broker);

  const file = segmentIn(data);
  const whole = readFileSync(file).length;
  appendFileSync(file, readFileSync(file).subarray(0, 40)); // begun and not finished
  broker = await start(data);
  await broker.program.waitFor(/cut after byte \d+ of \d+/);
  assert.equal(readFileSync(file).length, whole);
  assert.equal(await write(broker.client, "t", "d"), 3);
  await kill(broker);

  truncateSync(file, readFileSync(file).length - 1); // the last one loses a byte
  const bytes = readFileSync(file);
  assert.ok(bytes.length > 0);
  broker = await start(data);
  assert.deepEqual((await read(broker.client, "t")).map(([, value]) => value), ["a", "b", "c"]);
  await kill(broker);
});

test("a folder is for one broker at a time; the lock of a dead one is taken over", async () => {
  const data = join(folder, "locked");
  const first = new Broker({ port: 0, data });
  await first.start();
  const second = new Broker({ port: 0, data });
  await assert.rejects(second.start(), { code: "INVALID_OPTION" });
  await first.stop();
  await second.start();
  await second.stop();
});

test("where a log begins, and what topics there are, is remembered", async () => {
  const data = join(folder, "begun");
  const first = new Broker({ port: 0, data });
  let client = await wireClient((await first.start()).port);
  await create(client, "t");
  for (const value of ["a", "b", "c"]) await write(client, "t", value);
  const partitions = [{ partitionIndex: 0, offset: 2 }];
  await client.call(deleteRecords, 1, { topics: [{ name: "t", partitions }], timeoutMs: 1000 });
  client.close();
  const id = first.topics.get("t")?.id;
  await first.stop();

  const second = new Broker({ port: 0, data });
  client = await wireClient((await second.start()).port);
  assert.equal(second.topics.get("t")?.id, id);
  assert.equal(second.topics.partition("t", 0)?.log.startOffset, 2);
  assert.deepEqual(await read(client, "t", 2), [[2, "c"]]);
  client.close();
  await second.stop();
});

test("a journal keeps the last value of each key, also when it was rewritten or torn", async () => {
  const path = join(folder, "some.journal");
  const bytes = (text: string) => new TextEncoder().encode(text);
  let journal = new FileJournal(path, true);
  for (let i = 0; i < 30_000; i++) journal.put(`key-${i % 10}`, bytes(`value ${i} ${"x".repeat(50)}`));
  journal.delete("key-3");
  await journal.flushed();
  journal.close();
  assert.ok(readFileSync(path).length < 1.5 * 1024 * 1024);
  appendFileSync(path, new Uint8Array([1, 2, 3, 4, 0, 0, 0, 9, 1]));

  journal = new FileJournal(path, true);
  assert.equal([...journal.entries()].length, 9);
  assert.ok(new TextDecoder().decode(journal.get("key-9")).startsWith("value 29999 "));
  journal.put("key-9", bytes("new"));
  journal.close();
  journal = new FileJournal(path, true);
  assert.deepEqual(journal.get("key-9"), bytes("new"));
  journal.close();
});

function segmentIn(data: string): string {
  const logs = join(data, "logs");
  const [log = ""] = readdirSync(logs);
  const [segment = ""] = readdirSync(join(logs, log));
  return join(logs, log, segment);
}
