// Kills the dev broker with a folder over and over, under a load of librdkafka, and looks whether it keeps its promises.
//
//   node test/kill-broker.ts [--seed 1] [--rounds 100] [--runtime node]
//
// The seed is printed; it decides what the load does and when the kills come, not how the processes race.
import process from "node:process";
import { parseArgs } from "node:util";
import { killOverAndOver } from "./support/kill-broker.ts";
import { type Runtime, runtimes } from "./support/runtimes.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1e6) },
    rounds: { type: "string", default: "100" },
    runtime: { type: "string", default: "node" },
  },
});
const [seed, rounds] = [Number(values.seed), Number(values.rounds)];
if (!Number.isInteger(seed) || !Number.isInteger(rounds)) throw new Error("--seed and --rounds are whole numbers");
const runtime = runtimes.find((one): one is Runtime => one === values.runtime);
if (runtime === undefined) throw new Error(`--runtime knows ${runtimes.join(", ")}`);

/** Kills in one folder, which all of the load's messages are read from after each. */
const LIFE = 25;
console.log(`--seed ${seed} --rounds ${rounds} --runtime ${runtime}`);
for (let done = 0; done < rounds; done += LIFE) {
  const some = Math.min(LIFE, rounds - done);
  const life = seed + done;
  const { messages, transactions, offsets, topics } = await killOverAndOver({ seed: life, rounds: some, runtime });
  console.log(
    `killed ${
      done + some
    } times (--seed ${life} --rounds ${some}): ${messages} messages, ${transactions} transactions, ` +
      `${offsets} commits of offsets and ${topics} topics are as they were promised`,
  );
}
process.exit();
