/** The dev broker on each runtime, beside real Kafka on the same machine. */
import { createTopic, deleteTopic } from "../test/support/independent.ts";
import type { KafkaAddress } from "../test/support/kafka.ts";
import { freePorts } from "../test/support/ports.ts";
import { type Program, run } from "../test/support/process.ts";
import { type Runtime, runtimes } from "../test/support/runtimes.ts";
import { usage } from "./idle.ts";
import { type Given, javaConsume, javaProduce, newGroup, program } from "./peers.ts";
import { median, ratios, shown, table } from "./stats.ts";

/** So many messages of each size make about 100 MB, less than the broker keeps in memory. */
const SIZES: readonly (readonly [size: number, messages: number])[] = [[100, 1_000_000], [10_000, 10_000]];

type Address = Pick<KafkaAddress, "url" | "brokers">;

/** Prints tables of rates with their ratios, and of what the dev broker takes. */
export async function broker(kafka: Address, rounds: number): Promise<void> {
  const lines: string[][] = [];
  for (const runtime of runtimes) {
    const dev = await start(runtime);
    try {
      for (const [size, messages] of SIZES) {
        for (const [name, measure] of measures(messages)) {
          const ours: number[] = [], theirs: number[] = [];
          for (let round = 0; round < rounds; round++) {
            ours.push(await measured(dev, size, messages, measure));
            theirs.push(await measured(kafka, size, messages, measure));
          }
          const ratio = `${shown(median(ratios(ours, theirs)))}×`;
          lines.push([
            runtime,
            `${name}, ${size.toLocaleString("en")} bytes`,
            shown(median(ours)),
            shown(median(theirs)),
            ratio,
          ]);
        }
      }
      const ours: number[] = [], theirs: number[] = [];
      const single = async (given: Given) => (await program("node", "latency-mephisto", given)).p50 ?? NaN;
      for (let round = 0; round < rounds; round++) {
        ours.push(await measured(dev, 100, 2000, single));
        theirs.push(await measured(kafka, 100, 2000, single));
      }
      const ratio = `${shown(median(ratios(ours, theirs)))}×`;
      lines.push([runtime, "one send awaited, median ms", shown(median(ours)), shown(median(theirs)), ratio]);
    } finally {
      await end(dev);
    }
  }
  console.log(`\n${table(["dev broker on", "messages/s", "dev broker", "Kafka", "against Kafka"], lines)}`);

  const rest: string[][] = [];
  for (const runtime of runtimes) {
    const took: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const dev = await start(runtime);
      took.push(dev.took);
      await end(dev);
    }
    const dev = await start(runtime);
    const { cpu, memory } = await usage(dev.process.pid);
    await end(dev);
    rest.push([runtime, shown(median(took)), `${cpu.toFixed(2)} %`, `${Math.round(memory)} MB`]);
  }
  console.log(`\n${table(["an idle dev broker on", "start to listening, ms", "CPU of one core", "memory"], rest)}`);
}

/** What is measured with messages that are there already, or are to be written. */
function measures(messages: number): readonly (readonly [string, (given: Given) => Promise<number>])[] {
  const more = Math.round(messages * 1.05);
  const filled = (read: (given: Given) => Promise<number>) => async (given: Given) => {
    await javaProduce({ ...given, messages: more });
    return await read(given);
  };
  const rate = (name: string) => async (given: Given) => (await program("node", name, given)).rate ?? NaN;
  return [
    ["Java ProducerPerformance", javaProduce],
    ["Java ConsumerPerformance", filled(javaConsume)],
    ["our send, on Node", rate("produce-mephisto")],
    ["our worker, on Node", filled(rate("consume-mephisto"))],
  ];
}

/** Measures on a topic of its own, which is gone afterwards. */
async function measured(
  { url, brokers }: Address,
  size: number,
  messages: number,
  measure: (given: Given) => Promise<number>,
): Promise<number> {
  const topic = newGroup();
  await createTopic([...brokers], topic, { partitions: 8 });
  try {
    return await measure({ url, brokers, topic, messages, size });
  } finally {
    await deleteTopic([...brokers], topic);
  }
}

/** The command `broker`, as `dev` runs it too; `took`: from its start to its listening, in ms. */
async function start(runtime: Runtime): Promise<Address & { process: Program; took: number }> {
  const [port = 0] = await freePorts(1);
  const from = performance.now();
  const process = run(runtime, "examples/master.ts", ["broker", "--port", String(port)]);
  await process.waitFor(/Speaks Kafka's protocol/, 30_000);
  const took = performance.now() - from;
  return { url: `kafka://127.0.0.1:${port}`, brokers: [`127.0.0.1:${port}`], process, took };
}

async function end({ process }: { process: Program }): Promise<void> {
  process.kill();
  await process.exit;
}
