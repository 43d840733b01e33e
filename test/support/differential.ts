import { NO_UUID, type Read, type Struct, type Write } from "../../src/broker/protocol/fields.ts";
import type { Api } from "../../src/broker/requests/api.ts";
import { createTopics } from "../../src/broker/requests/19-create-topics.ts";
import { findCoordinator } from "../../src/broker/requests/10-find-coordinator.ts";
import { metadata } from "../../src/broker/requests/03-metadata.ts";
import { until } from "./until.ts";
import { type WireClient, wireClient } from "./wire-client.ts";

/** A script of requests: what it is answered is told under names, and compared between brokers. */
export type Script = (at: Station) => Promise<void>;

/** One broker, with as many connections as the script wants. */
export class Station {
  readonly told: [name: string, answer: unknown][] = [];
  readonly #port: number;
  readonly #clients = new Map<string, WireClient>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends on the connection of that name, and gives the answer without telling it. */
  async ask<Q extends Struct, A extends Struct>(
    api: Api<Q, A>,
    version: number,
    message: Write<Q>,
    connection = "main",
  ): Promise<Read<A>> {
    let client = this.#clients.get(connection);
    if (client === undefined) this.#clients.set(connection, client = await wireClient(this.#port));
    return await client.call(api, version, message);
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

/** Runs the script at a broker; what differs by nature (random ids, times, who the broker is) is evened out. */
export async function run(port: number, script: Script): Promise<unknown> {
  const station = new Station(port);
  try {
    await script(station);
    return even(station.told);
  } finally {
    station.close();
  }
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

const UNORDERED = ["members", "results", "topics", "partitions"];

function even(told: unknown): unknown {
  const uuids: string[] = [];
  const producers: number[] = [];
  const place = <T>(list: T[], one: T): number => {
    if (!list.includes(one)) list.push(one);
    return list.indexOf(one);
  };
  const walk = (value: unknown, key = ""): unknown => {
    if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString("hex")}`;
    if (typeof value === "string") return value.replace(UUID, (uuid) => `uuid${place(uuids, uuid)}`);
    if (typeof value === "number") {
      if (key === "producerId" && value >= 0) return `producer${place(producers, value)}`;
      return key === "transactionStartTimeMs" && value > 0 ? "time" : value;
    }
    if (Array.isArray(value)) {
      const all = value.map((one) => walk(one));
      // Kafka's order is that of its hash tables.
      return UNORDERED.includes(key) ? all.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1) : all;
    }
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).filter(([key]) => key !== "throttleTimeMs").map(([key, one]) => [key, walk(one, key)]),
    );
  };
  return walk(told);
}
