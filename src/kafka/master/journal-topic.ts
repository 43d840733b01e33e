import { MephistoError } from "../../core/errors.ts";
import type { JournalSpec, JournalState } from "../../driver/master-log.ts";
import { Code, errorName, isRetriableCode } from "../../wire/error-codes.ts";
import type { MetadataResponse } from "../../wire/requests/03-metadata.ts";
import { createTopics } from "../../wire/requests/19-create-topics.ts";
import { describeConfigs, type DescribeConfigsResponse } from "../../wire/requests/32-describe-configs.ts";
import { delay } from "../../core/delay.ts";
import type { Cluster } from "../connection/cluster.ts";
import { checkCreated } from "../connection/topic-limits.ts";

/**
 * Small segments, since only closed ones are compacted and a new master reads all there is; the time of appending, since
 * that is how clocks are compared.
 */
const CONFIG = {
  "cleanup.policy": "compact",
  "segment.bytes": String(1 << 20),
  "min.cleanable.dirty.ratio": "0.1",
  "message.timestamp.type": "LogAppendTime",
};
/** A journal of larger segments takes long to read. */
const LARGE_SEGMENT_BYTES = 16 << 20;
const VERIFICATION = "transaction.partition.verification.enable";
const MIN_ISR = "min.insync.replicas";
/** How long a new topic may take to get a leader. */
const CREATE_TIMEOUT_MS = 10_000;

/** Creates the journal if it is missing, else looks at it. */
export async function ensureJournal(cluster: Cluster, spec: JournalSpec): Promise<JournalState> {
  const { topic } = spec;
  let answer = await cluster.refresh([topic]);
  const created = cluster.topic(topic) === undefined && await create(cluster, spec);
  const until = cluster.time.monotonic() + CREATE_TIMEOUT_MS;
  // Others ask as well: what the cluster knows may be newer than this answer, which may be from before the topic was.
  while (cluster.leader(topic, 0) < 0 || answer.topics[0]?.errorCode !== Code.NONE) {
    if (cluster.time.monotonic() > until) {
      throw new MephistoError("UNREACHABLE", `The journal ${topic} has no leader yet.`);
    }
    await delay(20);
    answer = await cluster.refresh([topic]);
  }
  const id = cluster.topic(topic)?.topicId ?? "";
  return { id, created, warnings: await check(cluster, topic, answer) };
}

/** Whether it was us who created it. */
async function create(cluster: Cluster, { topic, replicationFactor }: JournalSpec): Promise<boolean> {
  const answer = await cluster.ask(
    createTopics({ topics: [{ name: topic, partitions: 1, replicationFactor, configs: CONFIG }], timeoutMs: 5000 }),
  );
  const [created] = answer.topics;
  checkCreated(topic, created?.errorCode ?? -1, created?.errorMessage ?? null);
  return created?.errorCode === Code.NONE;
}

async function check(cluster: Cluster, topic: string, metadata: MetadataResponse): Promise<string[]> {
  const partitions = metadata.topics[0]?.partitions ?? [];
  if (partitions.length !== 1) {
    throw new MephistoError(
      "JOURNAL_UNUSABLE",
      `The topic ${topic} has ${partitions.length} partitions, and a journal needs exactly one. Delete it if nothing in ` +
        `it is needed, or give the app another id.`,
    );
  }
  const warnings: string[] = [];
  const { config, broker } = await read(cluster, topic, warnings);
  const policy = config.get("cleanup.policy");
  if (policy !== undefined && policy !== "compact") {
    throw new MephistoError(
      "JOURNAL_UNUSABLE",
      `The topic ${topic} has cleanup.policy=${policy}, so that a journal in it would be lost in time: set it to compact.`,
    );
  }
  if (Number(config.get("segment.bytes")) > LARGE_SEGMENT_BYTES) {
    warnings.push(
      `The journal ${topic} has segment.bytes=${config.get("segment.bytes")}: it will take long to read. Set 1048576.`,
    );
  }
  if (config.has("message.timestamp.type") && config.get("message.timestamp.type") !== "LogAppendTime") {
    warnings.push(
      `The journal ${topic} has message.timestamp.type=${config.get("message.timestamp.type")}: this machine's clock ` +
        `cannot be compared with the log's. Set LogAppendTime.`,
    );
  }
  const replicas = partitions[0]?.replicaNodes.length ?? 0;
  if (metadata.brokers.length > 1 && replicas < 2) {
    warnings.push(`The journal ${topic} has only one replica: if its broker is lost, so is the schedule.`);
  }
  if (replicas > 2 && Number(config.get(MIN_ISR)) < 2) {
    warnings.push(
      `The journal ${topic} has ${MIN_ISR}=1: what was acknowledged by one broker may be lost with it. Set 2.`,
    );
  }
  if (broker.get(VERIFICATION) === "false") {
    warnings.push(
      `The brokers have ${VERIFICATION}=false: what a master that was paused sends late may still be published.`,
    );
  }
  return warnings;
}

/** The settings of the topic and of a broker, as far as we are told. */
async function read(cluster: Cluster, topic: string, warnings: string[]) {
  const leader = cluster.leader(topic, 0);
  const until = cluster.time.monotonic() + CREATE_TIMEOUT_MS;
  let answer: DescribeConfigsResponse;
  for (;;) {
    // Of a broker's settings only the broker itself knows all.
    answer = await cluster.sharedConnection(cluster.node(leader)).send(describeConfigs({
      resources: [
        { type: "topic", name: topic, keys: [...Object.keys(CONFIG), MIN_ISR] },
        { type: "broker", name: String(leader), keys: [VERIFICATION] },
      ],
    }));
    // A broker may not have heard of a new topic yet.
    const code = of(answer, topic)?.errorCode ?? Code.NONE;
    if (!isRetriableCode(code) || cluster.time.monotonic() > until) break;
    await delay(20);
  }
  const [config, broker] = [of(answer, topic), of(answer, String(leader))];
  if (config?.errorCode !== Code.NONE) {
    const why = config?.errorMessage || errorName(config?.errorCode ?? -1);
    warnings.push(`The settings of the journal ${topic} cannot be read (${why}), so nobody has checked them.`);
  }
  const none: ReadonlyMap<string, string | null> = new Map();
  return { config: config?.configs ?? none, broker: broker?.configs ?? none };
}

/** Not by its place: what may not be read comes last. */
function of({ resources }: DescribeConfigsResponse, wanted: string) {
  return resources.find(({ name }) => name === wanted);
}
