// Sends requests to the dev broker that have been changed for the worse, and looks at what they cost and leave behind.
//
//   node test/fuzz-broker.ts [--seed 1] [--cycles 20] [--requests 2000]
//
// The same seed gives the same requests. It ends with an error at the first that does harm, or if the heap has grown.
import process from "node:process";
import { parseArgs } from "node:util";
import { fuzzBroker } from "./support/fuzz-broker.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1e6) },
    cycles: { type: "string", default: "20" },
    requests: { type: "string", default: "2000" },
  },
});
const [seed, cycles, requests] = [Number(values.seed), Number(values.cycles), Number(values.requests)];
console.log(`--seed ${seed} --cycles ${cycles} --requests ${requests}`);
const { answered, heaps, slowest } = await fuzzBroker({ seed, cycles, requests });
console.table(Object.fromEntries(answered));
console.log(`the heap after each cycle, in MB: ${heaps.map((size) => (size / 1e6).toFixed(1)).join(" ")}`);
console.log(`the dearest request: ${slowest.what}, ${Math.round(slowest.ms)} ms of the processor`);
const [, second = 0] = heaps;
if ((heaps.at(-1) ?? 0) - second > 3e6) throw new Error("the heap has grown");
process.exit();
