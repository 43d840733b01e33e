import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { startDevBroker } from "./dev-broker.ts";
import { answers } from "./kafkajs-oracle.ts";
import { minimalProperties } from "./kafka-archive.ts";
import { credentials, installKafka, type KafkaInstall, missingTools } from "./kafka-install.ts";
import { accepts, archived, type BrokerProcess, launchBroker, speedFlags, startFlags } from "./kafka-process.ts";
import { freePorts } from "./ports.ts";
import { type Proxy, startProxy } from "./proxy.ts";
import { until } from "./until.ts";
import type { TestContext } from "node:test";

/** Where a broker is found. */
export type KafkaAddress = { url: string; brokers: string[] };

/** A broker of one's own: a test may do to it what it likes. */
export type KafkaServer = KafkaAddress & {
  port: number;
  /** One proxy for each that was asked for. A client given only this address stays behind it. */
  proxies: Proxy[];
  /** Ends the broker at once and removes its data. */
  stop(): Promise<void>;
  /** Ends the broker at once and keeps its data: `restart()` brings it back. */
  kill9(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** The same ports and data, in a new process; resolves when it answers. `hard` kills the old one with SIGKILL. */
  restart(options?: { hard?: boolean }): Promise<void>;
  /** The broker's warnings and errors. */
  log(): string;
};

/** The listener with TLS and SASL (SCRAM-SHA-512 and PLAIN) of a secure broker. */
export type SecureListener = {
  /** `host:port` of the listener. */
  secureUrl: string;
  caPem: string;
  caFile: string;
  user: string;
  password: string;
};

type Options = {
  /** Add a listener with TLS and SASL. */
  secure?: boolean;
  /** How many proxies to put in front of the broker, each with a listener that advertises the proxy's address. */
  proxies?: number;
  /** More lines for `server.properties`, such as `{ "message.max.bytes": 1000 }`. */
  settings?: Record<string, string | number | boolean>;
  /** Run with the compiler and the memory that a broker has in earnest; it starts more slowly. For measuring. */
  forSpeed?: boolean;
};

const startLimit = 60_000;

/**
 * Starts a real Apache Kafka of one node (KRaft) on 127.0.0.1 and resolves when it answers. It ends with this process
 * at the latest, however this process ends. It is the dev broker instead, with its data in a folder, where the tests
 * run on that; a secure listener is real Kafka's alone.
 *
 * ```ts
 * const kafka = await startKafka({ proxies: 1 });
 * after(() => kafka.stop());
 * ```
 */
export async function startKafka(options: Options & { secure: true }): Promise<KafkaServer & SecureListener>;
export async function startKafka(options?: Options): Promise<KafkaServer>;
export async function startKafka(options: Options = {}): Promise<KafkaServer & Partial<SecureListener>> {
  if (onDevBroker && options.secure !== true) return await startDevBroker(options);
  const install = await installKafka();
  for (let attempt = 1;; attempt++) {
    const server = await tryToStart(install, options);
    if (typeof server !== "string") return server;
    // Another process may have taken a port between the choice and the start.
    if (attempt === 3 || !/already in use|BindException/i.test(server)) {
      throw new Error(`Kafka does not start:\n${server}`);
    }
  }
}

/** Starts one for a single test, and ends it with that. */
export async function startKafkaFor(t: TestContext, options?: Options): Promise<KafkaServer> {
  const kafka = await startKafka(options);
  t.after(() => kafka.stop());
  return kafka;
}

/** Starts one behind a proxy: what knows it by the proxy's address goes through that. */
export async function startBehindProxy(
  settings: Record<string, string | number | boolean> = {},
): Promise<{ kafka: KafkaServer; proxy: Proxy }> {
  const kafka = await startKafka({ proxies: 1, settings });
  const [proxy] = kafka.proxies;
  if (proxy === undefined) throw new Error("Kafka was started without its proxy.");
  return { kafka, proxy };
}

/** The server, or its log when it has not come up. */
async function tryToStart(
  install: KafkaInstall,
  { secure = false, proxies: proxyCount = 0, settings = {}, forSpeed = false }: Options,
): Promise<(KafkaServer & Partial<SecureListener>) | string> {
  const [port = 0, controllerPort = 0, securePort = 0, ...more] = await freePorts(3 + 2 * proxyCount);
  const proxied = Array.from({ length: proxyCount }, (_, index) => ({
    name: `PROXIED${index}`,
    port: more[2 * index] ?? 0,
    targetPort: more[2 * index + 1] ?? 0,
  }));
  const folder = await mkdtemp(join(tmpdir(), "mephisto-kafka-"));
  await cp(install.formatted, join(folder, "data"), { recursive: true });
  const listeners = [
    { name: "PLAINTEXT", protocol: "PLAINTEXT", port, advertised: port },
    ...(secure ? [{ name: "SECURE", protocol: "SASL_SSL", port: securePort, advertised: securePort }] : []),
    ...proxied.map((one) => ({ name: one.name, protocol: "PLAINTEXT", port: one.targetPort, advertised: one.port })),
  ];
  const controller = { name: "CONTROLLER", protocol: "PLAINTEXT", port: controllerPort };
  const lines = {
    listeners: [...listeners, controller].map((one) => `${one.name}://127.0.0.1:${one.port}`),
    "advertised.listeners": listeners.map((one) => `${one.name}://127.0.0.1:${one.advertised}`),
    "listener.security.protocol.map": [...listeners, controller].map((one) => `${one.name}:${one.protocol}`),
    ...testSettings,
    ...(secure ? secureSettings(install) : {}),
    ...settings,
  };
  await writeFile(
    join(folder, "server.properties"),
    // Of two lines with the same key the last one counts.
    minimalProperties(join(folder, "data"), port, controllerPort) +
      Object.entries(lines).map(([key, value]) => `${key}=${value}\n`).join(""),
  );

  const flags = forSpeed ? speedFlags : archived(install.archive, startFlags);
  let broker = launchBroker(install.classPath, folder, flags);
  let wasKilled = false;
  const proxies: Proxy[] = [];
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    // A paused process would take no SIGTERM.
    broker.signal("SIGCONT");
    broker.signal(signal);
    wasKilled = signal === "SIGKILL" || (wasKilled && broker.hasExited());
    const late = setTimeout(() => broker.signal("SIGKILL"), 10_000);
    await broker.exit();
    clearTimeout(late);
  };
  const stop = async () => {
    for (const proxy of proxies) await proxy.stop();
    // Nobody will read what it would still write.
    await end("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    if (!await isReady(broker, port)) {
      const log = broker.log();
      await stop();
      return log;
    }
    for (const one of proxied) proxies.push(await startProxy(one));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `kafka://127.0.0.1:${port}`,
    brokers: [`127.0.0.1:${port}`],
    port,
    proxies,
    stop,
    kill9: () => end("SIGKILL"),
    pause: () => broker.signal("SIGSTOP"),
    resume: () => broker.signal("SIGCONT"),
    restart: async ({ hard = false } = {}) => {
      await end(hard ? "SIGKILL" : "SIGTERM");
      if (wasKilled) await appendFile(join(folder, "server.properties"), shortSession);
      broker = launchBroker(install.classPath, folder, flags);
      if (!await isReady(broker, port)) throw new Error(`Kafka does not start again:\n${broker.log()}`);
    },
    log: () => broker.log(),
    ...(secure ? await secureListener(install, securePort) : {}),
  };
}

/** Waits until the broker answers requests: `false` when it has ended instead. */
async function isReady(broker: BrokerProcess, port: number): Promise<boolean> {
  const limit = { within: startLimit };
  // Asking only once something listens saves the pauses between a client's attempts.
  await until(async () => broker.hasExited() || await accepts(port), limit);
  await until(async () => broker.hasExited() || await answers([`127.0.0.1:${port}`]), limit);
  return !broker.hasExited();
}

/**
 * A broker that was killed cannot register again before its old session has ended, which is 9 s by default. From the
 * start it would be a risk: on a busy machine a broker with a short session may lose it for a moment.
 */
const shortSession = "broker.session.timeout.ms=1500\nbroker.heartbeat.interval.ms=200\n";

const testSettings = {
  "group.initial.rebalance.delay.ms": 0,
  // Few partitions: the internal topics are made on first use, and a test waits for that.
  "offsets.topic.num.partitions": 4,
  "offsets.topic.replication.factor": 1,
  "transaction.state.log.num.partitions": 4,
  "transaction.state.log.replication.factor": 1,
  "transaction.state.log.min.isr": 1,
  "share.coordinator.state.topic.num.partitions": 1,
  "share.coordinator.state.topic.replication.factor": 1,
  "share.coordinator.state.topic.min.isr": 1,
  "auto.create.topics.enable": false,
  "log.retention.ms": -1,
  "offsets.retention.minutes": 1_000_000,
};

function secureSettings(install: KafkaInstall) {
  const { user, password } = credentials;
  const module = "org.apache.kafka.common.security";
  return {
    "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
    "listener.name.secure.scram-sha-512.sasl.jaas.config": `${module}.scram.ScramLoginModule required;`,
    "listener.name.secure.plain.sasl.jaas.config":
      `${module}.plain.PlainLoginModule required user_${user}="${password}";`,
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.location": install.keyStore,
    "ssl.keystore.password": password,
  };
}

async function secureListener(install: KafkaInstall, port: number): Promise<SecureListener> {
  const caPem = await readFile(install.caFile, "utf8");
  return {
    secureUrl: `127.0.0.1:${port}`,
    caPem,
    caFile: install.caFile,
    ...credentials,
  };
}

const chosen = process.env.MEPHISTO_TEST_BROKER === "dev";
const given = (chosen ? undefined : process.env.KAFKA_URL) ?? process.env.MEPHISTO_TEST_KAFKA;

/**
 * Why tests that need Kafka's own tools are skipped, or `false`. For the options of a test, because Deno reports a test
 * that skips itself while it runs as passed: `test("…", { skip: javaSkip }, …)`. In CI nothing is skipped: missing tools
 * fail.
 */
export const javaSkip: string | false = process.env.CI === undefined && missingTools();

/**
 * Whether the tests that any broker will do for run on the dev broker: where `MEPHISTO_TEST_BROKER=dev` says so, and
 * where real Kafka cannot be started.
 */
export const onDevBroker: boolean = chosen || (given === undefined && javaSkip !== false);

/** Why tests that nothing but real Kafka will do for are skipped, or `false`. */
export const kafkaSkip: string | false = onDevBroker && (javaSkip || "the tests run on the dev broker");

let own: Promise<KafkaAddress> | undefined;

/**
 * The broker that the tests of a run share: the one of `KAFKA_URL`, else the runner's (`MEPHISTO_TEST_KAFKA`), else one
 * that is started for this process. Tests keep apart by the names of their topics and groups.
 */
export function kafkaForTests(): Promise<KafkaAddress> {
  own ??= given !== undefined
    ? Promise.resolve(address(given))
    : onDevBroker
    ? startDevBroker({ keeps: false })
    : startKafka();
  return own;
}

function address(url: string): KafkaAddress {
  return { url, brokers: url.replace(/^[a-z+]+:\/\//, "").replace(/\/.*$/, "").split(",") };
}

/** A broker that a suite is run on. */
export type SuiteBroker = { name: string; start(): Promise<KafkaAddress>; stop(): Promise<void> };

/** For a suite that is run on both: the tests' Kafka, where there is one, and a dev broker that the suite has for itself. */
export function bothBrokers(): SuiteBroker[] {
  const own = Promise.withResolvers<KafkaServer>();
  return [
    ...onDevBroker ? [] : [{ name: "Kafka", start: kafkaForTests, stop: () => Promise.resolve() }],
    {
      name: "the dev broker",
      start: async () => {
        own.resolve(await startDevBroker({ keeps: false }));
        return await own.promise;
      },
      stop: async () => await (await own.promise).stop(),
    },
  ];
}
