// `node test/recreate-topics.ts [tries]`: a topic is deleted and created again under load, with fewer, as many and more
// partitions and gaps of 0 to 6 s, on real Kafka and on the dev broker, on every runtime; prints what came of it.
import process from "node:process";
import { startDevBroker } from "./support/dev-broker.ts";
import { startKafka } from "./support/kafka.ts";
import { faultsOf, recreate, type Try } from "./support/recreate.ts";
import { runtimes } from "./support/runtimes.ts";

const count = Number(process.argv[2] ?? 10);
const COUNTS = [2, 8, 8, 3, 12, 1, 4, 4, 9, 8];
const GAPS_MS = [0, 100, 500, 1000, 2000, 0, 3000, 50, 6000, 4000];
const tries = Array.from({ length: count }, (_, n): Try => ({
  partitions: COUNTS[n % COUNTS.length] ?? 1,
  gapMs: GAPS_MS[n % GAPS_MS.length] ?? 0,
}));

let bad = 0;
for (const [name, start] of [["Kafka", startKafka], ["dev broker", () => startDevBroker({ keeps: false })]] as const) {
  const kafka = await start();
  try {
    for (const runtime of runtimes) {
      const { outcomes, program } = await recreate(runtime, kafka, 8, tries);
      const faults = outcomes.flatMap((outcome) =>
        faultsOf(outcome).map((fault) => `${JSON.stringify(outcome)}: ${fault}`)
      );
      if (outcomes.length < tries.length) faults.push(program.output());
      bad += faults.length;
      const stored = outcomes.reduce((sum, outcome) => sum + outcome.stored, 0);
      console.log(
        `${name}, ${runtime}: ${outcomes.length} tries, ${stored} messages in the new topics, ${faults.length} faults`,
      );
      for (const fault of faults) console.log(`  ${fault}`);
    }
  } finally {
    await kafka.stop();
  }
}
process.exitCode = bad > 0 ? 1 : 0;
