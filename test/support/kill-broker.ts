import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BrokerLoad, type Promises } from "./broker-load.ts";
import { tool } from "./interop.ts";
import { committed, createTopic, withAdmin } from "./kafkajs-oracle.ts";
import { freePorts } from "./ports.ts";
import { type Program, run } from "./process.ts";
import { seeded } from "./random.ts";
import type { Runtime } from "./runtimes.ts";
import { until } from "./until.ts";

export interface KillingOptions {
  /** Of the choices of the load and of the moments; how the processes race is chance all the same. */
  readonly seed: number;
  readonly rounds: number;
  readonly runtime: Runtime;
}

/** What the load has been promised, in numbers. */
export interface Killed {
  readonly messages: number;
  readonly transactions: number;
  readonly offsets: number;
  readonly topics: number;
}

/** Kills the broker so many times under a load of librdkafka, and looks each time whether it has kept its promises. */
export async function killOverAndOver({ seed, rounds, runtime }: KillingOptions): Promise<Killed> {
  const data = await mkdtemp(join(tmpdir(), "mephisto-killed-"));
  const [port = 0] = await freePorts(1);
  const brokers = [`127.0.0.1:${port}`];
  const chance = seeded(seed);
  // Segments and compaction many times a second, so that a kill may come amid them.
  const options = JSON.stringify({ port, data, maintainEvery: 30 });
  const launch = () => run(runtime, "test/support/dev-broker-program.ts", [options]);
  const isUp = (broker: Program) => broker.waitFor(/^port /, 20_000);
  const kill = async (broker: Program) => {
    broker.kill("SIGKILL");
    await broker.exit;
  };

  let broker = launch();
  await isUp(broker);
  const config = { "segment.ms": "50" };
  await createTopic(brokers, "kept", { partitions: 4, config });
  await createTopic(brokers, "transactional", { partitions: 2, config });
  const compact = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0" };
  await createTopic(brokers, "compacted", { partitions: 2, config: { ...config, ...compact } });
  const load = new BrokerLoad(brokers.join(), seed);
  try {
    for (let round = 0; round < rounds; round++) {
      const wanted = load.hear() + 20 + Math.floor(chance() * 150);
      await until(() => load.hear() >= wanted, { within: 30_000 });
      await sleep(chance() * 50); // the moment is to be any, not just after an acknowledgement
      await kill(broker);
      broker = launch();
      if (chance() < 0.25) {
        await sleep(chance() * 300); // while it starts, or has just started
        await kill(broker);
        broker = launch();
      }
      await isUp(broker);
      load.hear();
      await checkPromises(brokers, load.promised, false);
    }
    await load.finish();
    await checkPromises(brokers, load.promised, true);
    broker.kill("SIGTERM");
    assert.deepEqual(await broker.exit, { code: 0, signal: null });
    broker = launch();
    await isUp(broker);
    await checkPromises(brokers, load.promised, true);
    const { messages, committed, aborted, offset, topics } = load.promised;
    const total = [...messages.values()].reduce((sum, { size }) => sum + size, 0);
    await rm(data, { recursive: true, force: true });
    return { messages: total, transactions: committed.size + aborted.size, offsets: offset, topics: topics.size };
  } catch (error) {
    throw new Error(`the folder as it was found: ${data}\n${broker.output()}`, { cause: error });
  } finally {
    load.kill();
    await kill(broker);
  }
}

interface Found {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly words: readonly string[];
}

/** All that kcat finds in a topic, in the order of the offsets. */
async function read(brokers: string[], topic: string): Promise<Found[]> {
  const quick = ["-X", "fetch.wait.max.ms=10", "-X", "isolation.level=read_committed", "-X", "check.crcs=true"];
  const format = "%p|%o|%k|%s\n";
  const text = await tool("kcat", [
    "-C",
    "-b",
    ...brokers,
    "-t",
    topic,
    "-o",
    "beginning",
    "-e",
    "-q",
    ...quick,
    "-f",
    format,
  ]);
  const found = text.trim().split("\n").filter((line) => line !== "").map((line) => {
    const [partition = "", offset = "", key = "", value = ""] = line.split("|");
    return { partition: Number(partition), offset: Number(offset), key, words: value.split(" ") };
  });
  return found.sort((a, b) => a.offset - b.offset);
}

/** `isOver`: the load has ended, so that nothing is there that was not promised. */
async function checkPromises(brokers: string[], promised: Promises, isOver: boolean): Promise<void> {
  // What is promised while this looks may be there or not: it is looked at next time.
  const asOfNow = structuredClone({ ...promised });
  const { offset, offsetInTransaction, topics, aborted } = asOfNow;
  checkMessages("kept", await read(brokers, "kept"), asOfNow, isOver, false);
  checkMessages("compacted", await read(brokers, "compacted"), asOfNow, isOver, true);
  checkTransactions(await read(brokers, "transactional"), asOfNow, isOver);

  for (const [partition, there] of (await committed(brokers, "committing", "kept")).entries()) {
    assert.ok((there ?? 0n) >= offset, `partition ${partition} of the group is at ${there}, after ${offset}`);
  }
  const [there = 0n] = await committed(brokers, "transactional", "kept");
  assert.ok(there >= offsetInTransaction, `the offset of transactions is ${there}, after ${offsetInTransaction}`);
  assert.ok(!aborted.has(Number(there)), `the offset ${there} is of a transaction that was aborted`);

  const { topics: found } = await withAdmin(brokers, (admin) => admin.fetchTopicMetadata());
  const partitions = new Map(found.map((topic) => [topic.name, topic.partitions.length]));
  for (const [name, count] of topics) assert.equal(partitions.get(name) ?? 0, count, `the partitions of ${name}`);
}

function checkMessages(
  topic: string,
  found: readonly Found[],
  { messages, lastOfKey }: Pick<Promises, "messages" | "lastOfKey">,
  isOver: boolean,
  isCompacted: boolean,
): void {
  const last = new Map<string, number>();
  const lastFound = new Map<string, number>();
  const at = new Map<string, string>();
  for (const { partition, offset, key, words: [who = "", n = ""] } of found) {
    const place = `${topic} ${partition} at ${offset}`;
    const before = last.get(`${partition} ${who}`) ?? -1;
    assert.ok(Number(n) > before, `${place}: message ${n} of producer ${who} after ${before}`);
    last.set(`${partition} ${who}`, Number(n));
    lastFound.set(`${topic} ${partition} ${key}`, offset);
    at.set(`${partition} ${offset}`, `${who} ${n}`);
  }
  let count = 0;
  for (const [place, offsets] of messages) {
    const [name, partition] = place.split(" ");
    if (name !== topic) continue;
    for (const [offset, said] of offsets) {
      const there = at.get(`${partition} ${offset}`);
      if (there !== undefined) count++;
      if (there !== undefined || !isCompacted) assert.equal(there, said, `${place} at ${offset}`);
    }
  }
  for (const [key, offset] of lastOfKey) {
    if (key.startsWith(`${topic} `)) assert.ok((lastFound.get(key) ?? -1) >= offset, `the last message of ${key}`);
  }
  if (isOver) assert.equal(count, found.length, `${topic} holds more than was acknowledged`);
}

function checkTransactions(
  found: readonly Found[],
  { committed, aborted }: Pick<Promises, "committed" | "aborted">,
  isOver: boolean,
): void {
  const parts = new Map<number, Set<number>>();
  const last = new Map<number, number>();
  for (const { partition, offset, words: [first, second] } of found) {
    const [n, part] = [Number(first), Number(second)];
    const place = `transactional ${partition} at ${offset}`;
    assert.ok(n >= (last.get(partition) ?? 0), `${place}: transaction ${n} after ${last.get(partition)}`);
    last.set(partition, n);
    const known = parts.get(n) ?? new Set<number>();
    assert.ok(!known.has(part), `${place}: ${n} ${part} is there twice`);
    assert.ok(!aborted.has(n), `${place}: transaction ${n} was aborted`);
    if (isOver) assert.ok(committed.has(n), `${place}: transaction ${n} was never committed`);
    parts.set(n, known.add(part));
  }
  for (const [n, size] of committed) assert.equal(parts.get(n)?.size ?? 0, size, `the messages of transaction ${n}`);
}
