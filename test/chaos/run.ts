// `npm run chaos -- --seed N --minutes M [--workers 3..5] [--broker kafka|dev]`: prints what it does and what did not hold.
import process from "node:process";
import { parseArgs } from "node:util";
import { startDevBroker } from "../support/dev-broker.ts";
import { startKafka } from "../support/kafka.ts";
import { runtimes } from "../support/runtimes.ts";
import { chaos } from "./chaos.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    minutes: { type: "string", default: "5" },
    workers: { type: "string", default: "4" },
    broker: { type: "string", default: "kafka" },
    output: { type: "boolean", default: false },
  },
});
const [seed = NaN, minutes = NaN, workers = NaN] = [values.seed, values.minutes, values.workers].map(Number);
if (!Number.isInteger(seed) || !(minutes > 0) || ![3, 4, 5].includes(workers)) {
  console.error("chaos: --seed is a whole number, --minutes more than 0, --workers 3 to 5.");
  process.exit(2);
}

console.log(`seed ${seed}, ${minutes} minutes, ${workers} workers, on ${values.broker}`);
const kafka = await (values.broker === "dev" ? startDevBroker({ proxies: workers }) : startKafka({ proxies: workers }));
const report = await chaos({
  kafka,
  seed,
  lasts: minutes * 60_000,
  pauses: [500, 6000],
  runtimes: Array.from({ length: workers }, (_, index) => runtimes[index % runtimes.length] ?? "node"),
  say: (line) => console.log(line),
});
await kafka.stop();
const { wrong, faults, masters, slots, messages, output } = report;
if (wrong.length > 0 || values.output) console.log(output);
for (const line of wrong.slice(0, 50)) console.log(`WRONG: ${line}`);
console.log(`${faults} faults, ${masters} masters, ${slots} slots, ${messages} messages: ${wrong.length} things wrong`);
if (wrong.length > 0) {
  console.log(
    `again: npm run chaos -- --seed ${seed} --minutes ${minutes} --workers ${workers} --broker ${values.broker}`,
  );
}
process.exit(wrong.length > 0 ? 1 : 0);
