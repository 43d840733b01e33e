// A worker that handles a compressed topic of many partitions as quickly as it can: the most memory that it took, in MB.
import { readFileSync } from "node:fs";
import process from "node:process";
import { actor, app } from "mephisto";
import { given, measured, rate } from "./given.ts";

const reader = app(given.group, { url: given.url, valueSerializer: "text" });
const { promise, resolve } = Promise.withResolvers<void>();
let count = 0;
let from = 0;
actor(reader, { topic: given.topic }, async function bench(messages) {
  for await (const _ of messages) {
    if (count++ === 0) from = performance.now();
    if (count === given.messages) resolve();
  }
});
await reader.start();
await promise;
const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1000;
measured({ rate: rate(count, from), peak });
await reader.stop();
process.exit(0);
