import type { Message } from "../../src/core/message.ts";
import { partitionKey } from "../../src/core/topic-partition.ts";
import { bytes, keptLines } from "../kafka/support.ts";
import { memoryCluster } from "../simulation/memory-cluster.ts";
import type { Log } from "./log.ts";
import type { MasterLogUnderTest } from "./master-log.ts";

/** A committed message, and where it stands. */
type Found = Message & { partition: number };

/** A log in memory, whose time passes as fast as it can. */
export function inMemory(): Log & { entries(topic: string): Found[]; settled(): boolean } {
  const { time, network, log, pump, process } = memoryCluster(1);
  let processes = 0;
  const at = (topic: string) => log.partition({ topic, partition: 0 });
  const done = () => Promise.resolve();
  return {
    brokers: ["memory:0"],
    driver() {
      const { host, driver } = process(`process-${++processes}`);
      const kill = () => {
        network.reset(host);
        host.kill();
        return done();
      };
      return { driver, logger: keptLines(), kill };
    },
    createTopic(name, partitions, config = {}) {
      log.createTopic(name, { partitions, maxBytes: Number(config["max.message.bytes"] ?? 1 << 20) });
      return done();
    },
    deleteTopic(topic) {
      log.deleteTopic(topic);
      return done();
    },
    deleteRecords(topic, before) {
      at(topic)?.trim(before);
      return done();
    },
    committed(group, topic) {
      const { offsets } = log.group(group);
      const found = log.topics.get(topic)?.partitions.map((_, partition) =>
        offsets.get(partitionKey({ topic, partition }))
      );
      return Promise.resolve(found?.map((offset) => offset === undefined ? undefined : BigInt(offset)) ?? []);
    },
    end: (topic) => Promise.resolve(BigInt(at(topic)?.end ?? -1)),
    members: (group) => Promise.resolve([...log.group(group).members.keys()]),
    expel(group, memberId) {
      log.group(group).leave(memberId);
      return done();
    },
    transactions(topic) {
      let sequence = 0;
      let producer = log.transactions.initialise(topic, undefined, 60_000);
      const state = () => typeof producer === "object" ? producer : { producerId: -1, epoch: -1 };
      const end = async (commit: boolean) => {
        producer = log.transactions.end(topic, state(), commit);
        sequence = 0;
        await pump.until(() => at(topic)?.blocking === undefined);
      };
      return Promise.resolve({
        begin: () =>
          Promise.resolve({
            send(values) {
              const records = values.map((value) => ({
                topic,
                key: null,
                value: bytes(value),
                headers: [],
                timestamp: log.wall(),
              }));
              const batch = { records, ...state(), sequence, transactional: true };
              log.append({ topic, partition: 0, batch, transactionalId: topic, topicId: undefined });
              sequence += values.length;
              return done();
            },
            commit: () => end(true),
            abort: () => end(false),
          }),
        close: done,
      });
    },
    entries: (topic) =>
      log.topics.get(topic)?.partitions.flatMap((one, partition) =>
        one.read(0, Infinity).messages.map((message) => ({ ...message, partition }))
      ) ?? [],
    settled: () => log.transactions.settled,
    now: () => time.now,
    until: (condition, limits) => pump.until(condition, limits),
    stop() {
      pump.stop();
      return done();
    },
  };
}

/** A master's log in memory; what is in it is read from its partitions. */
export function masterLogInMemory(): MasterLogUnderTest {
  const { driver, createTopic, deleteTopic, entries, settled, until, stop } = inMemory();
  const text = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes);
  return {
    driver: () => driver().driver,
    createTopic: (topic, partitions) => createTopic(topic, partitions),
    deleteTopic,
    read: (topic) =>
      Promise.resolve(
        entries(topic).map(({ partition, offset, key, value }) => ({
          partition,
          offset,
          key: text(key),
          value: text(value),
        })),
      ),
    // The partitions hear of a transaction's end one after the other.
    until: async (condition) => void await until(async () => settled() && await condition()),
    stop,
  };
}
