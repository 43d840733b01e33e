// `send` with a promise for each message, acknowledged by all replicas; 4,000 (of 100 bytes) are awaited at a time.
import process from "node:process";
import { actor, app } from "mephisto";
import { given, measured, rate } from "./given.ts";

const writer = app(given.group, { url: given.url, valueSerializer: "raw" });
const target = actor(writer, { topic: given.topic }, async function bench(messages) {
  for await (const _ of messages);
});
const value = new Uint8Array(given.size).fill(120);
await target.send({ value }); // connects
const from = performance.now();
const together = Math.min(4000, Math.ceil(4_000_000 / given.size));
for (let sent = 0; sent < given.messages; sent += together) {
  await Promise.all(Array.from({ length: together }, () => target.send({ value })));
}
measured({ rate: rate(given.messages, from) });
await writer.stop();
process.exit(0);
