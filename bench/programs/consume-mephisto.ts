// An actor that loops with `for await`, offsets committed as always: messages per second from the first to the last.
import process from "node:process";
import { actor, app } from "mephisto";
import { given, measured, rate } from "./given.ts";

const reader = app(given.group, { url: given.url, valueSerializer: "raw" });
const { promise, resolve } = Promise.withResolvers<void>();
let count = 0;
let from = 0;
let bytes = 0;
actor(reader, { topic: given.topic }, async function bench(messages) {
  for await (const message of messages) {
    if (count++ === 0) from = performance.now();
    bytes += message.length;
    if (count === given.messages) resolve();
  }
});
await reader.start();
await promise;
measured({ rate: rate(count, from), bytes });
await reader.stop();
process.exit(0);
