// An actor with very many partitions, which measures itself. APP, TOPIC; MODE: few (what it takes while a few messages
// come, for WATCHED ms once it has settled) or full (messages per second from the first to the last of MESSAGES).
import process from "node:process";
import { actor, app } from "mephisto";
import { measured, rate } from "./given.ts";

const SETTLE_MS = 5000;

const { APP = "bench", TOPIC = "", MODE = "few", MESSAGES, WATCHED, URL: url = "" } = process.env;
const reader = app(APP, { url, valueSerializer: "raw" });
const done = Promise.withResolvers<void>();
let count = 0, from = 0;
actor(reader, { topic: TOPIC }, async function bench(messages) {
  for await (const _ of messages) {
    if (count++ === 0) from = performance.now();
    if (MODE === "full" && count === Number(MESSAGES)) done.resolve();
  }
});
const began = performance.now();
await reader.start();
const started = (performance.now() - began) / 1000;
console.log("STARTED");
if (MODE === "full") {
  await done.promise;
  measured({ started, rate: rate(count, from) });
} else {
  await wait(SETTLE_MS);
  const [cpu, at, before] = [process.cpuUsage(), performance.now(), count];
  await wait(Number(WATCHED));
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - at) / 1000;
  measured({ started, rate: (count - before) / seconds, cpu: (user + system) / 1e4 / seconds });
}
process.exit(0);

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
