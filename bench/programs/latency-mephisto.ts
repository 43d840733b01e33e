// One `send` awaited at a time: the median in milliseconds.
import process from "node:process";
import { actor, app } from "mephisto";
import { given, measured } from "./given.ts";
import { latency } from "./latency.ts";

const writer = app(given.group, { url: given.url, valueSerializer: "raw" });
const target = actor(writer, { topic: given.topic }, async function bench(messages) {
  for await (const _ of messages);
});
const value = new Uint8Array(100).fill(120);
measured(await latency(given.messages, () => target.send({ value })));
await writer.stop();
process.exit(0);
