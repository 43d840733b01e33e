import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Broker } from "../../src/broker/broker.ts";
import { NO_UUID, type Read, type Struct, type Write } from "../../src/wire/protocol/fields.ts";
import type { Api } from "../../src/broker/requests/api.ts";
import { createTopics } from "../../src/broker/requests/19-create-topics.ts";
import { findCoordinator } from "../../src/broker/requests/10-find-coordinator.ts";
import { metadata } from "../../src/broker/requests/03-metadata.ts";
import { codecs } from "../../src/compression/compression.ts";
import { type Difference, differences, named, type Suite, UNORDERED } from "./differences.ts";
import { kafkaForTests, kafkaSkip } from "./kafka.ts";
import { until } from "./until.ts";
import { type WireClient, wireClient } from "./wire-client.ts";

/** A script of requests: what it is answered is told under names, and compared between brokers. */
export type Script = (at: Station) => Promise<void>;

/** The answers that count, under their names. */
export type Told = [name: string, answer: unknown][];

/** One broker, with as many connections as the script wants. */
export class Station {
  readonly told: Told = [];
  readonly #port: number;
  readonly #clients = new Map<string, WireClient>();

  constructor(port: number) {
    this.#port = port;
  }

  /**
   * Sends on the connection of that name, and gives the answer without telling it. A coordinator that Kafka is still
   * loading, making or moving has done nothing yet, and is asked again: that is no answer to compare.
   */
  async ask<Q extends Struct, A extends Struct>(
    api: Api<Q, A>,
    version: number,
    message: Write<Q>,
    connection = "main",
    behind?: Uint8Array,
  ): Promise<Read<A>> {
    let client = this.#clients.get(connection);
    if (client === undefined) this.#clients.set(connection, client = await wireClient(this.#port));
    let answer = await client.call(api, version, message, behind);
    for (const start = performance.now(); isUnready(answer) && performance.now() - start < 60_000;) {
      await sleep(20);
      answer = await client.call(api, version, message, behind);
    }
    return answer;
  }

  /** Sends, tells the answer, and gives it. */
  async tell<Q extends Struct, A extends Struct>(
    name: string,
    api: Api<Q, A>,
    version: number,
    message: Write<Q>,
    connection = "main",
  ): Promise<Read<A>> {
    // Told in the order of the requests, not of their answers.
    const line: [string, unknown] = [`${name} (${api.name} v${version})`, undefined];
    this.told.push(line);
    const answer = await this.ask(api, version, message, connection);
    line[1] = answer;
    return answer;
  }

  async createTopic(name: string, numPartitions = 1): Promise<void> {
    await this.ask(createTopics, 5, {
      topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 10_000,
      validateOnly: false,
    });
    await until(async () => {
      const { topics } = await this.ask(metadata, 9, {
        topics: [{ name, topicId: NO_UUID }],
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      });
      return topics[0]?.errorCode === 0 && topics[0].partitions.length === numPartitions;
    });
  }

  /** Until the coordinator is there: Kafka makes its internal topics first. */
  async coordinator(key: string, keyType: 0 | 1): Promise<void> {
    await until(async () => (await this.ask(findCoordinator, 2, { key, keyType })).errorCode === 0, { within: 30_000 });
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE and NOT_COORDINATOR. */
const UNREADY = [14, 15, 16];

/** Whether the answer holds one of those anywhere. */
function isUnready(answer: unknown): boolean {
  if (!isObject(answer) || answer instanceof Uint8Array) return false;
  return Object.entries(answer).some(([key, value]) =>
    key.endsWith("rrorCode") ? UNREADY.includes(Number(value)) : isUnready(value)
  );
}

/** Runs the script at a broker, and gives what it has been told. */
export async function run(port: number, script: Script): Promise<Told> {
  const station = new Station(port);
  try {
    await script(station);
    return station.told;
  } finally {
    station.close();
  }
}

/**
 * Makes tests of scripts that Kafka and the dev broker have to answer alike, but for the differences that are allowed
 * here; `finish`, at the end, is a test that each of those is needed.
 */
export function differential(suite: Suite): {
  same(name: string, script: Script): void;
  finish(): void;
} {
  const broker = new Broker({
    port: 0,
    codecs,
    // As the tests' Kafka has it.
    settings: { "auto.create.topics.enable": "false", "log.retention.ms": "-1" },
  });
  before(() => broker.start());
  after(() => broker.stop());
  const allowed = differences.filter((one) => one.in.includes(suite));
  const needed = new Set<Difference>();
  return {
    same: (name, script) =>
      test(name, { skip: kafkaSkip }, async () => {
        const [address = ""] = (await kafkaForTests()).brokers;
        const kafka = await run(Number(address.split(":")[1]), script);
        const ours = await run(broker.port, script);
        assert.deepEqual(compare(kafka, ours, allowed, needed), []);
      }),
    finish: () =>
      test("each allowed difference is needed", { skip: kafkaSkip }, () => {
        assert.deepEqual(allowed.filter((one) => !needed.has(one)).map(({ why }) => why), []);
      }),
  };
}

/** A line for each difference that is not allowed; `needed` gets those of the allowed ones that there were. */
function compare(
  kafka: Told,
  ours: Told,
  allowed: readonly Difference[],
  needed: Set<Difference>,
): string[] {
  const lines: string[] = [];
  const differ = (here: unknown, there: unknown, key: string, asked: string): void => {
    if (Array.isArray(here) && Array.isArray(there) && here.length === there.length) {
      const isSame = JSON.stringify(here) === JSON.stringify(there);
      const [left, right] = UNORDERED.test(key) && !isSame ? [sorted(here), sorted(there)] : [here, there];
      const nameOf = (one: unknown, i: number) => isObject(one) && typeof one.name === "string" ? one.name : i;
      return left.forEach((one, i) => differ(one, right[i], key, `${asked}[${nameOf(one, i)}]`));
    }
    if (isObject(here) && isObject(there) && !Array.isArray(here) && !Array.isArray(there)) {
      const keys = new Set([...Object.keys(here), ...Object.keys(there)]);
      for (const key of keys) differ(here[key], there[key], key, `${asked}.${key}`);
      return;
    }
    if (here === there) return;
    const difference = allowed.find(({ field, asked: of, allows }) =>
      field.test(key) && (of?.test(asked) ?? true) && allows(here, there)
    );
    if (difference !== undefined) needed.add(difference);
    else lines.push(`${asked}: Kafka says ${JSON.stringify(here)}, we say ${JSON.stringify(there)}`);
  };
  const [left, right] = [named(kafka), named(ours)] as [Told, Told];
  assert.deepEqual(right.map(([name]) => name), left.map(([name]) => name));
  left.forEach(([name, answer], i) => differ(answer, right[i]?.[1], "", name));
  return lines;
}

function sorted(list: readonly unknown[]): unknown[] {
  return [...list].sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
