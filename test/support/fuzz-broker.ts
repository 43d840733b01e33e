import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Broker } from "../../src/broker/broker.ts";
import type { AnyApi } from "../../src/broker/requests/api.ts";
import { createTopics } from "../../src/broker/requests/19-create-topics.ts";
import { systemClock } from "../../src/core/clock.ts";
import { codecs } from "../../src/compression/compression.ts";
import { mutateBytes, mutateMessage, reframed } from "./mutations.ts";
import { below, type Chance, oneOf, seeded } from "./random.ts";
import { sampleRequest, type Subject } from "./sample-requests.ts";
import { until } from "./until.ts";
import { encodeRequest, type WireClient, wireClient } from "./wire-client.ts";

export interface FuzzOptions {
  readonly seed: number;
  /** Between two cycles all is cleaned up, and memory is compared. */
  readonly cycles: number;
  /** In a cycle. */
  readonly requests: number;
}

export interface Fuzzed {
  /** By the request's name: how many were answered, and how many were sent. */
  readonly answered: Map<string, { answered: number; sent: number }>;
  /** In bytes, after each cycle. */
  readonly heaps: number[];
  /** What a request has cost of the processor at most, for the client and the broker, in ms; and which it was. */
  readonly slowest: { readonly ms: number; readonly what: string };
}

/** How long a request may wait for its answer before the client goes away: some wait for others. */
const PATIENCE = 30;
const WEEKS = 30 * 86_400_000;

/** Sends requests that have been changed for the worse, and sees to it that the broker gets over them. */
export async function fuzzBroker({ seed, cycles, requests }: FuzzOptions): Promise<Fuzzed> {
  const chance = seeded(seed);
  const internal: string[] = [];
  const heard = (line: string) =>
    void (/could not be answered(?!: Error: a write without ack)/.test(line) && internal.push(line));
  let later = 0;
  const broker = new Broker({
    port: 0,
    codecs,
    clock: { monotonic: systemClock.monotonic, wall: () => systemClock.wall() + later },
    logger: { debug() {}, info() {}, warn: heard, error: heard },
    groups: { minSessionTimeoutMs: 1, maxSessionTimeoutMs: 200, newMemberJoinTimeoutMs: 200 },
    memoryLimit: 64e6,
  });
  const { port } = await broker.start();
  const fuzzed: Fuzzed = { answered: new Map(), heaps: [], slowest: { ms: 0, what: "" } };
  try {
    for (let cycle = 0; cycle < cycles; cycle++) {
      const subject = await prepare(broker, port, cycle);
      const requester = new Requester(port, fuzzed);
      for (let n = 0; n < requests; n++) {
        const api = oneOf(chance, broker.apis);
        const what = `request ${n} of cycle ${cycle}`;
        await requester.send(mutated(api, broker.apis, subject, chance), api, what);
        assert.deepEqual(internal, [], `${what}, ${api.name}`);
      }
      requester.close();
      broker.maintain();
      later += WEEKS;
      await emptied(broker, () => later += WEEKS);
      fuzzed.heaps.push(heapSize());
    }
  } finally {
    await broker.stop();
  }
  return fuzzed;
}

/** A topic, a group and a transaction for the requests to be about. */
async function prepare(broker: Broker, port: number, cycle: number): Promise<Subject> {
  const topic = `fuzz-${cycle}`;
  const client = await wireClient(port);
  const wish = { name: topic, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  await client.call(createTopics, 5, { topics: [wish], timeoutMs: 1000, validateOnly: false });
  client.close();
  const transactionalId = "fuzz-transaction";
  const { producerId, producerEpoch } = await broker.transactions.initialize(transactionalId, 60_000, null);
  const topicId = broker.topics.get(topic)?.id ?? "";
  return { topic, topicId, groupId: "fuzz-group", transactionalId, producerId, producerEpoch };
}

function mutated(api: AnyApi, apis: readonly AnyApi[], subject: Subject, chance: Chance): Buffer {
  const encoded = (one: AnyApi, worse: boolean): Buffer => {
    const [min, max] = one.versions;
    const version = min + below(chance, max - min + 1);
    const message = sampleRequest(one.request, version, subject);
    if (worse) mutateMessage(one.request, message, chance);
    try {
      return encodeRequest(one, version, message);
    } catch {
      return encodeRequest(one, version, sampleRequest(one.request, version, subject)); // not a value for this field
    }
  };
  if (chance() < 0.6) return encoded(api, true);
  const content = encoded(api, chance() < 0.2).subarray(4);
  return reframed(mutateBytes(content, chance, encoded(oneOf(chance, apis), false)), chance);
}

/** Sends one request after the other, each on the connection of the one before as long as there is one. */
class Requester {
  readonly #port: number;
  readonly #fuzzed: Fuzzed;
  #client: WireClient | undefined;

  constructor(port: number, fuzzed: Fuzzed) {
    this.#port = port;
    this.#fuzzed = fuzzed;
  }

  async send(bytes: Buffer, { name }: AnyApi, what: string): Promise<void> {
    const client = this.#client ??= await wireClient(this.#port);
    const count = this.#fuzzed.answered.get(name) ?? { answered: 0, sent: 0 };
    this.#fuzzed.answered.set(name, count);
    count.sent++;
    const began = process.cpuUsage();
    client.send(bytes);
    const answer = await Promise.race([client.next(), sleep(PATIENCE)]);
    const { user, system } = process.cpuUsage(began);
    const ms = (user + system) / 1000;
    if (ms > this.#fuzzed.slowest.ms) Object.assign(this.#fuzzed.slowest, { ms, what: `${name}, ${what}` });
    if (answer instanceof Buffer) count.answered++;
    else this.close();
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}

/** Has the broker forget what the requests have made, by its own means, and looks whether it has. */
async function emptied(broker: Broker, weeksPass: () => void): Promise<void> {
  await until(() => broker.connections === 0, { within: 5000 });
  await broker.transactions.abortTimedOut();
  weeksPass(); // since the markers of that
  broker.transactions.expireIds();
  await until(() => {
    for (const { id } of [...broker.groups.groups()]) broker.groups.delete(id);
    return [...broker.groups.groups()].length === 0;
  }, { within: 5000 });
  broker.maintain();
  const left = broker.topics.all().flatMap(({ partitions }) => partitions)
    .reduce((sum, { log }) => sum + log.producers.size, 0);
  assert.equal(left, 0, "producers are kept that have not written for weeks");
  for (const topic of broker.topics.all()) broker.topics.delete(topic);
  assert.equal([...broker.transactions.all()].length, 0, "transactional ids are kept that nobody has used for weeks");
  assert.equal(broker.memory.used, 0, "memory of logs that are gone");
}

function heapSize(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
