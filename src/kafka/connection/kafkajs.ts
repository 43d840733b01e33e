/**
 * Connections, TLS, SASL and the negotiation of versions are kafkajs's. Requests are our own: they are written straight
 * to a connection's socket and matched by its request queue, in any version of any API.
 *
 * kafkajs shows its `Cluster` to the factories of partition assigners; what it is made of is not documented. The
 * version is therefore pinned, and what we use of it is described, and checked, here.
 *
 * @module
 */
import type { Time } from "../../core/delay.ts";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import kafkajs from "kafkajs";
import { MephistoError } from "../../core/errors.ts";
import type { LineRate } from "./line-rate.ts";
import { progressOf, watchProgress } from "./progress.ts";
import { checkVersions } from "./requirements.ts";
import { type Address, type Endpoint, shownAddress } from "./url.ts";

/** kafkajs's request queue, as far as it is used. */
interface RequestQueue {
  push(request: {
    entry: {
      apiKey: number;
      apiName: string;
      apiVersion: number;
      correlationId: number;
      resolve(answer: { payload: Uint8Array }): void;
      reject(error: Error): void;
    };
    expectResponse: boolean;
    requestTimeout: null;
    sendRequest(): void;
  }): void;
  destroy(): void;
  scheduleCheckPendingRequests(): void;
}

/** kafkajs's connection, as far as it is used. */
export interface Connection {
  readonly requestQueue: RequestQueue;
  readonly socket?: Socket;
  /** What the broker says that it serves; kafkajs has asked. */
  readonly versions: unknown;
  isConnected(): boolean;
  isAuthenticated(): boolean;
  nextCorrelationId(): number;
  rejectRequests(error: Error): void;
  disconnect(): Promise<unknown>;
}

interface Broker {
  versions: unknown;
  connect(): Promise<void>;
  readonly connectionPool: { readonly pool: readonly Connection[] };
}

interface Cluster {
  readonly connectionPoolBuilder: { build(address: Address): Promise<unknown> };
  readonly brokerPool: {
    createBroker(options: { connectionPool: unknown; logger: unknown; versions: unknown }): Broker;
  };
  readonly rootLogger: unknown;
}

/** How long nothing may move while a connection is made, with TLS, versions and SASL. */
const CONNECT_TIMEOUT_MS = 3000;
/** What kafkajs itself may wait for: ours ends before. */
const KAFKAJS_TIMEOUT_MS = 60_000;
/** All of it may take so many times as long, however much moves. */
const TIMES = 10;
/** What lines call it. */
const CONNECT = "connect";
/** How long it is believed what versions a broker serves: another may be started in its place. */
const VERSIONS_TTL_MS = 60_000;

/** Opens a connection to a broker: TCP, TLS, versions, SASL. */
export type Connect = (address: Address, line: LineRate) => Promise<Connection>;

/** How to connect to the cluster of an endpoint. */
export function connector(endpoint: Endpoint, clientId: string, time: Time): Connect {
  const cluster = clusterOf(endpoint, clientId, time);
  const versions = new Map<string, { readonly known: unknown; readonly since: number }>();
  return async (address, line) => {
    const connectionPool = await cluster.connectionPoolBuilder.build(address);
    const key = shownAddress(address);
    const known = versions.get(key);
    const kept = known !== undefined && time.monotonic() - known.since < VERSIONS_TTL_MS;
    const broker = cluster.brokerPool.createBroker({
      connectionPool,
      logger: cluster.rootLogger,
      versions: kept ? known.known : null,
    });
    const [connection] = broker.connectionPool.pool;
    if (!connection) throw unknownKafkajs("a broker without a connection");
    // It would arm a timer of 1 ms again and again, also when nothing is pending; nothing ever is, since the number of
    // requests in flight is not limited by kafkajs.
    connection.requestQueue.scheduleCheckPendingRequests = () => {};
    try {
      await inTime(broker.connect(), connection, line, !kept && endpoint.sasl === undefined, time);
      checkVersions(broker.versions, key);
    } catch (error) {
      versions.delete(key);
      const why = error instanceof Error ? error : new Error(String(error));
      connection.socket?.destroy(why); // kafkajs's timer ends with an error only
      abort(connection, why);
      throw error;
    }
    if (!kept) versions.set(key, { known: broker.versions, since: time.monotonic() });
    return connection;
  };
}

/**
 * kafkajs's own limit ends with the TCP connection: one that nobody answers on would be waited for without an end. Where the
 * host has answered, and then the broker did not in time, the next attempt may take longer; a host that is not there is not
 * waited for, since it is sooner found when it is back. `asks`: one question is asked, and tells how long answers take.
 */
async function inTime(
  connecting: Promise<void>,
  connection: Connection,
  line: LineRate,
  asks: boolean,
  time: Time,
): Promise<void> {
  const began = time.monotonic();
  const late = Promise.withResolvers<never>();
  const progress = () => progressOf(connection.socket) ?? { at: began, reached: false };
  const limit = () => progress().reached ? line.silenceMs(CONNECT, CONNECT_TIMEOUT_MS) : CONNECT_TIMEOUT_MS;
  const look = () => {
    const left = Math.min(progress().at + limit(), began + TIMES * limit()) - time.monotonic();
    if (left > 0) cancel = time.startTimer(Math.ceil(left), look);
    else late.reject(new Error(`no answer within ${Math.round(limit())} ms`));
  };
  let cancel = time.startTimer(CONNECT_TIMEOUT_MS, look);
  connecting.catch(() => {}); // it may fail after its time, when nobody hears it any more
  late.promise.catch(() => {});
  try {
    await Promise.race([connecting, late.promise]);
    line.answered(CONNECT, time.monotonic() - began, asks);
  } catch (error) {
    if (progress().reached) line.lost(CONNECT);
    throw error;
  } finally {
    cancel();
  }
}

/** Ends a connection at once; what is waiting for an answer fails with `error`. */
export function abort(connection: Connection, error: Error): void {
  connection.requestQueue.destroy();
  connection.rejectRequests(error);
  connection.socket?.destroy();
  connection.disconnect().catch(() => {});
}

function clusterOf(endpoint: Endpoint, clientId: string, time: Time): Cluster {
  const { ssl, sasl } = endpoint;
  const kafka = new kafkajs.Kafka({
    clientId,
    brokers: endpoint.brokers.map(shownAddress),
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: KAFKAJS_TIMEOUT_MS,
    authenticationTimeout: KAFKAJS_TIMEOUT_MS,
    enforceRequestTimeout: false, // a timer ten times a second for each connection; ours is one a request
    retry: { retries: 0 },
    ...(sasl && { sasl: sasl as kafkajs.SASLOptions }), // the same three mechanisms, as one interface
    socketFactory: ({ host, port, onConnect }) => {
      const socket = ssl
        ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
        : connectTcp({ host, port }, onConnect);
      socket.setKeepAlive(true, 30_000);
      socket.setNoDelay(true); // requests are whole when they are written
      watchProgress(socket, time);
      return socket;
    },
  });
  let found: unknown;
  kafka.consumer({
    groupId: clientId,
    partitionAssigners: [({ cluster }: { cluster: unknown }) => {
      found = cluster;
      return {
        name: "none",
        version: 0,
        protocol: () => ({ name: "none", metadata: Buffer.alloc(0) }),
        assign: () => Promise.resolve([]),
      };
    }],
  });
  if (!isCluster(found)) throw unknownKafkajs("a cluster of another shape");
  return found;
}

function isCluster(value: unknown): value is Cluster {
  return typeof value === "object" && value !== null && "connectionPoolBuilder" in value && "brokerPool" in value &&
    "rootLogger" in value;
}

function unknownKafkajs(what: string): MephistoError {
  return new MephistoError("PROTOCOL", `This is not the kafkajs that was tested (${what}): install kafkajs 2.2.4.`);
}
