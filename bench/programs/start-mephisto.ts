// From `start()` to the partitions being assigned and their positions known, in a group that is otherwise empty; in ms.
import process from "node:process";
import { actor, app } from "mephisto";
import { given, measured } from "./given.ts";

const reader = app(given.group, { url: given.url, valueSerializer: "raw" });
actor(reader, { topic: given.topic }, async function bench(messages) {
  for await (const _ of messages);
});
const from = performance.now();
await reader.start();
measured({ ms: performance.now() - from });
await reader.stop();
process.exit(0);
