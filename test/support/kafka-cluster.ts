import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answers } from "./kafkajs-oracle.ts";
import { installKafka } from "./kafka-install.ts";
import { accepts, archived, type BrokerProcess, launchBroker, startFlags } from "./kafka-process.ts";
import { freePorts } from "./ports.ts";
import { until } from "./until.ts";

/** Three brokers, of which the first is also the controller. */
export type KafkaCluster = {
  url: string;
  brokers: string[];
  /** Ends broker 2 or 3: gracefully, or at once with SIGKILL. */
  end(node: 2 | 3, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Starts it again, with its data; resolves when it answers. */
  begin(node: 2 | 3): Promise<void>;
  stop(): Promise<void>;
};

const NODES = [1, 2, 3] as const;

/** Starts real Apache Kafka of three nodes; topics have three replicas, of which two have to acknowledge. */
export async function startCluster(): Promise<KafkaCluster> {
  const install = await installKafka();
  const [controllerPort = 0, ...ports] = await freePorts(1 + NODES.length);
  const folder = await mkdtemp(join(tmpdir(), "mephisto-kafka-cluster-"));
  const running = new Map<number, BrokerProcess>();
  const brokers = ports.map((port) => `127.0.0.1:${port}`);

  const begin = async (node: number) => {
    const broker = launchBroker(install.classPath, join(folder, String(node)), archived(install.archive, startFlags));
    running.set(node, broker);
    const port = ports[node - 1] ?? 0;
    const limit = { within: 60_000 };
    // Asking only once something listens: clients that try in vain take their time from three brokers that start.
    try {
      await until(async () => broker.hasExited() || await accepts(port), limit);
      await until(async () => broker.hasExited() || await answers([`127.0.0.1:${port}`]), limit);
    } catch (cause) {
      throw new Error(`Broker ${node} does not answer:\n${broker.log()}`, { cause });
    }
    if (broker.hasExited()) throw new Error(`Broker ${node} does not start:\n${broker.log()}`);
  };
  const end = async (node: number, signal: "SIGTERM" | "SIGKILL") => {
    const broker = running.get(node);
    broker?.signal(signal);
    await broker?.exit();
  };

  for (const node of NODES) {
    const home = join(folder, String(node));
    await cp(install.formatted, join(home, "data"), { recursive: true });
    const meta = join(home, "data", "meta.properties");
    const directory = Buffer.alloc(16, `directory-${node}`).toString("base64url");
    await writeFile(
      meta,
      (await readFile(meta, "utf8")).replace(/node\.id=.*/, `node.id=${node}`)
        .replace(/directory\.id=.*/, `directory.id=${directory}`),
    );
    await writeFile(join(home, "server.properties"), properties(node, home, ports[node - 1] ?? 0, controllerPort));
  }
  const stop = async () => {
    await Promise.all(NODES.map((node) => end(node, "SIGKILL")));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(NODES.map(begin));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `kafka://${brokers.join(",")}`, brokers, begin, end, stop };
}

function properties(node: number, home: string, port: number, controllerPort: number): string {
  const controller = node === 1;
  const lines = {
    "process.roles": controller ? "broker,controller" : "broker",
    "node.id": node,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${port}${controller ? `,CONTROLLER://127.0.0.1:${controllerPort}` : ""}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": join(home, "data"),
    "log.cleaner.dedupe.buffer.size": 4_194_304,
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 3,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": false,
    // A broker that dies is noticed soon, and may come back soon.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 300,
  };
  return Object.entries(lines).map(([key, value]) => `${key}=${value}\n`).join("");
}
