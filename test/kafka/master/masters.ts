import { systemTime } from "../../../src/core/delay.ts";
import type { OutgoingRecord } from "../../../src/driver/driver.ts";
import type { FencedPublisher, JournalState, MayTry } from "../../../src/driver/master-log.ts";
import { Cluster } from "../../../src/kafka/connection/cluster.ts";
import { ConnectionLost } from "../../../src/kafka/connection/errors.ts";
import type { SilenceLimits } from "../../../src/kafka/connection/line-rate.ts";
import type { BrokerConnection } from "../../../src/kafka/connection/broker-connection.ts";
import { KafkaMasterLog } from "../../../src/kafka/master/master-log.ts";
import { type Address, parseUrl } from "../../../src/kafka/connection/url.ts";
import type { CodecName } from "../../../src/wire/codec.ts";
import type { Call } from "../../../src/wire/call.ts";
import { createTopic, readTopic } from "../../support/kafkajs-oracle.ts";
import { bytes, record, unique } from "../support.ts";

export const yes: MayTry = () => true;

/** What is done instead of, before or after a request of its name; `send` sends it and gives its answer. */
export type Meddling = <T>(call: Call<T>, send: () => Promise<T>) => Promise<T>;

/** The way to a cluster, on which a test may hold up, lose or change what is sent. */
export class MeddledCluster extends Cluster {
  meddle: Meddling = (_, send) => send();
  /** The newest version of any request that its brokers are taken to serve; undefined: as they say. */
  newest: number | undefined;
  /** The names of what was sent, in order, with the version. */
  readonly sent: string[] = [];
  /** How long the answers may take, in ms, in the same order; undefined: as long as usual. */
  readonly limits: (number | SilenceLimits | undefined)[] = [];

  constructor(url: string) {
    super(parseUrl(url, "test"), "kafka-test", systemTime);
  }

  override connection(address: Address): BrokerConnection {
    const connection = super.connection(address);
    const [send, newest] = [connection.send.bind(connection), connection.newest.bind(connection)];
    connection.newest = (apiKey) => this.newest ?? newest(apiKey);
    connection.send = (call, timeout, onSent) => {
      this.sent.push(`${call.apiName} ${call.apiVersion}`);
      this.limits.push(timeout);
      return this.meddle(call, () => send(call, timeout, onSent));
    };
    return connection;
  }
}

/** Sends the next request of that name, and loses its answer. */
export function losesAnswer(name: string, which = 1): Meddling {
  let left = which;
  return async (call, send) => {
    const answer = await send();
    if (call.apiName === name && --left === 0) throw new ConnectionLost("the broker", "the test lost the answer");
    return answer;
  };
}

/** Loses the next request of that name. */
export function losesRequest(name: string, which = 1): Meddling {
  let left = which;
  return async (call, send) => {
    if (call.apiName === name && --left === 0) throw new ConnectionLost("the broker", "the test lost the request");
    return await send();
  };
}

/** Does something before the next request of that name is sent. */
export function before(name: string, act: () => Promise<unknown>, which = 1): Meddling {
  let left = which;
  return async (call, send) => {
    if (call.apiName === name && --left === 0) await act();
    return await send();
  };
}

const opened: (() => void)[] = [];

/** Ends the connections that tests have left open: for `after`. */
export function closeMasters(): void {
  for (const close of opened.splice(0)) close();
}

/** A master's way to the log, with a cluster of its own to meddle with. */
export function masterAt(url: string, clock = systemTime, compression?: CodecName) {
  const cluster = new MeddledCluster(url);
  opened.push(() => cluster.close());
  return { cluster, log: new KafkaMasterLog(cluster, compression, clock) };
}

export type MasterAt = ReturnType<typeof masterAt>;

/** An app with a topic and a journal, and what its masters do. */
export class App {
  readonly brokers: string[];
  readonly url: string;
  readonly id: string = unique("app");
  readonly topic: string = `${this.id}-topic`;
  readonly journal: string = `${this.id}-master`;
  state: JournalState = { id: "", created: false, warnings: [] };

  constructor({ url, brokers }: { url: string; brokers: string[] }) {
    this.url = url;
    this.brokers = brokers;
  }

  async start(
    { partitions = 1, config = {}, replicas = 1 }: {
      partitions?: number;
      config?: { [name: string]: string };
      replicas?: number;
    } = {},
  ) {
    if (replicas === 1) await createTopic(this.brokers, this.topic, { partitions, config });
    else {
      await masterAt(this.url).cluster.ensureTopics([{ topic: this.topic, partitions, replicationFactor: replicas }]);
    }
    this.state = await masterAt(this.url).log.ensureJournal({ topic: this.journal, replicationFactor: -1 });
    return this;
  }

  fence(by: MasterAt = masterAt(this.url), mayTry = yes, transactionTimeout = 10_000): Promise<FencedPublisher> {
    const { journal, state, id } = this;
    return by.log.fence(
      { transactionalId: `${id}.master`, journal, journalId: state.id, transactionTimeout },
      mayTry,
    );
  }

  record(value: string, topic = this.topic, key?: string): OutgoingRecord {
    return record(topic, value, key);
  }

  tick(publisher: FencedPublisher, name: string, values: readonly string[] = [name], mayTry = yes) {
    const records = values.map((value) => this.record(value));
    return publisher.publish({ records, journal: [{ key: "timer", value: bytes(name) }] }, mayTry);
  }

  /** One whose entry is written behind the records, since it tells where they end. */
  tickByEnds(publisher: FencedPublisher, name: string, values: readonly string[] = [name], mayTry = yes) {
    const records = values.map((value) => this.record(value));
    return publisher.publish({ records, journal: () => [{ key: "timer", value: bytes(name) }] }, mayTry);
  }

  /** The last tick that the journal knows. */
  async last(publisher: FencedPublisher): Promise<string | undefined> {
    const entries = await publisher.read(yes);
    const value = entries.find(({ key }) => key === "timer")?.value;
    return value ? new TextDecoder().decode(value) : undefined;
  }

  /** What an independent reader of committed data sees, in the order of each partition. */
  async values(topic = this.topic): Promise<string[]> {
    return (await readTopic(this.brokers, topic)).map(({ value }) => value?.toString() ?? "");
  }
}
