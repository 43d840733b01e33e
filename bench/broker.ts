/** The dev broker on each runtime, beside real Kafka on the same machine. */
import { createTopic, deleteTopic } from "../test/support/kafkajs-oracle.ts";
import type { KafkaAddress } from "../test/support/kafka.ts";
import type { Runtime } from "../test/support/runtimes.ts";
import { type DevBroker, startDevBroker } from "./dev-broker.ts";
import { usage } from "./idle.ts";
import { hasKcat, kcatConsume, kcatProduce } from "./kcat.ts";
import { type Given, javaConsume, javaProduce, newGroup, program } from "./peers.ts";
import { median, ratios, shown, table } from "./stats.ts";

type Address = Pick<KafkaAddress, "url"> & { readonly brokers: readonly string[] };
type Measure = (given: Given) => Promise<number>;

/** So many messages of each size make 200 MB, less than the broker keeps in memory. */
const SIZES: readonly (readonly [size: number, messages: number])[] = [[100, 2_000_000], [10_000, 20_000]];
const ONE_BY_ONE = 2000;

const rate = (name: string): Measure => async (given) => (await program("node", name, given)).rate ?? NaN;
const single: Measure = async (given) => (await program("node", "latency-mephisto", given)).p50 ?? NaN;

/** Prints tables of rates with their ratios, and of what the dev broker takes. */
export async function broker(kafka: Address, runtimes: readonly Runtime[], rounds: number): Promise<void> {
  const kcat = hasKcat();
  if (!kcat) console.log("\nkcat is not there, so it is left out (apt-get install kcat).");
  const readers: [string, Measure][] = [
    ["Java ConsumerPerformance", javaConsume],
    ...(kcat ? [["kcat -C", kcatConsume] as [string, Measure]] : []),
    ["our worker, on Node", rate("consume-mephisto")],
  ];
  const writers: [string, Measure][] = [
    ["Java ProducerPerformance", javaProduce],
    ...(kcat ? [["kcat -P", kcatProduce] as [string, Measure]] : []),
    ["our send, on Node", rate("produce-mephisto")],
  ];
  const lines: string[][] = [];
  for (const runtime of runtimes) {
    const dev = await startDevBroker(runtime);
    const row = async (name: string, measure: (address: Address) => Promise<number>) => {
      const ours: number[] = [], theirs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        ours.push(await measure(dev));
        theirs.push(await measure(kafka));
      }
      const all = ratios(ours, theirs);
      const range = `${shown(Math.min(...all))} to ${shown(Math.max(...all))}`;
      lines.push([runtime, name, shown(median(ours)), shown(median(theirs)), `${shown(median(all))}×`, range]);
      console.error(lines.at(-1)?.join("  "));
    };
    try {
      for (const [size, messages] of SIZES) {
        const given = { size, messages };
        const label = (name: string) => `${name}, ${size.toLocaleString("en")} bytes`;
        for (const [name, measure] of writers) {
          await row(label(name), (address) => onTopic(address, (topic) => measure({ ...address, topic, ...given })));
        }
        const filled = new Map<Address, string>();
        for (const address of [dev, kafka]) filled.set(address, await fill(address, given));
        for (const [name, measure] of readers) {
          await row(label(name), (address) => measure({ ...address, topic: filled.get(address) ?? "", ...given }));
        }
        for (const [{ brokers }, topic] of filled) await deleteTopic([...brokers], topic);
      }
      const given = { size: 100, messages: ONE_BY_ONE };
      await row(
        "one send awaited, median ms",
        (address) => onTopic(address, (topic) => single({ ...address, topic, ...given })),
      );
    } finally {
      await dev.stop();
    }
  }
  console.log(`\n${table(["dev broker on", "messages/s", "dev broker", "Kafka", "ratio", "of all rounds"], lines)}`);
  await alone(runtimes, rounds);
}

/** What the dev broker takes when nobody uses it. */
async function alone(runtimes: readonly Runtime[], rounds: number): Promise<void> {
  const lines: string[][] = [];
  for (const runtime of runtimes) {
    const took: number[] = [];
    let dev: DevBroker | undefined;
    for (let round = 0; round <= rounds; round++) {
      await dev?.stop();
      dev = await startDevBroker(runtime);
      took.push(dev.took);
    }
    const { cpu, memory } = await usage(dev?.program.pid ?? 0);
    await dev?.stop();
    const most = shown(Math.max(...took));
    lines.push([runtime, shown(median(took)), most, `${cpu.toFixed(2)} %`, `${Math.round(memory)} MB`]);
  }
  const head = ["an idle dev broker on", "start to listening, median ms", "most", "CPU of one core", "memory"];
  console.log(`\n${table(head, lines)}`);
}

/** Measures on a topic of its own, which is gone afterwards. */
async function onTopic({ brokers }: Address, measure: (topic: string) => Promise<number>): Promise<number> {
  const topic = newGroup();
  await createTopic([...brokers], topic, { partitions: 8 });
  try {
    return await measure(topic);
  } finally {
    await deleteTopic([...brokers], topic);
  }
}

/** A topic with somewhat more messages than are read. */
async function fill(address: Address, { size, messages }: Pick<Given, "size" | "messages">): Promise<string> {
  const topic = newGroup();
  await createTopic([...address.brokers], topic, { partitions: 8 });
  await rate("produce-mephisto")({ ...address, topic, size, messages: Math.round(messages * 1.05) });
  return topic;
}
