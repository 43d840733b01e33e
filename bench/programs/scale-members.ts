// Members of a group that do nothing but belong to it, many in one process, each with connections of its own: COUNT of
// them from number FIRST on, in GROUP, with TIMERS timers each, of MEMBERS in all. They join on SIGUSR2, and say on which
// generation all of this process agree. Each is the driver's membership as a worker has it, and no more of a worker.
import { randomUUID } from "node:crypto";
import process from "node:process";
import { systemTime } from "../../src/core/delay.ts";
import { actor } from "../../src/core/define-actor.ts";
import { definitionOf } from "../../src/core/definition.ts";
import type { Logger } from "../../src/core/logger.ts";
import { timer } from "../../src/core/define-timer.ts";
import type { MemberListener } from "../../src/driver/driver.ts";
import { KafkaDriver } from "../../src/kafka/kafka-driver.ts";
import { parseUrl } from "../../src/kafka/connection/url.ts";
import { app } from "../../mod.ts";
import { masterWork } from "../../src/worker/connect.ts";
import { ignoring } from "../../src/driver/ignoring.ts";

const { URL: url = "", GROUP = "", TOPIC = "" } = process.env;
const [count = 0, first = 0, timers = 0] = [process.env.COUNT, process.env.FIRST, process.env.TIMERS].map(Number);

const script = app(GROUP);
actor(script, { topic: TOPIC }, async function take(messages) {
  for await (const _ of messages);
});
for (let n = 0; n < timers; n++) {
  timer(script, "1m", { name: `send-the-invoices-of-customer-${n}`, onMaster: true }, function run() {});
}
const work = masterWork(definitionOf(script));

/** By member: the latest generation, and how many there are in it. */
const generations = new Map<number, string>();
const trouble = new Set<string>();
const note = (message: string) => {
  if (trouble.size < 5 && !trouble.has(message)) console.log(`TROUBLE ${message}`);
  trouble.add(message);
};
const logger: Logger = { debug() {}, info() {}, warn: note, error: note };

function join(n: number): void {
  const driver = new KafkaDriver(
    parseUrl(url, "bench"),
    `bench-${n}`,
    { linger: 0, compression: undefined },
    logger,
    systemTime,
  );
  const listener: MemberListener = {
    ...ignoring,
    generation: ({ generation, members }) => {
      generations.set(n, `${generation} ${members}`);
      const all = new Set(generations.values());
      if (generations.size === count && all.size === 1) {
        console.log(`ALL ${[...all].join()} ${performance.timeOrigin + performance.now()}`);
      }
    },
    removed: () => void generations.delete(n),
    failed: (error) => note(error.message),
  };
  const bootId = "3f1d0c6e-8a52-4d6b-9d8e-0b1f3f0f7a11";
  driver.join({
    group: GROUP,
    topics: [TOPIC],
    profile: {
      worker: `host-${n}.eu-central-1.compute.internal-${process.pid}`,
      runtime: "node 24.21.0",
      version: "1.2.3",
      timers: work,
      mayBeMaster: true,
      presence: {
        host: `10.0.${n >> 8}.${n & 255}`,
        port: 40_000 + n,
        id: randomUUID(),
        process: { bootId, pidNamespace: "pid:[4026531836]", pid: 1000 + n, startTime: String(123_456_789 + n) },
      },
    },
    instanceId: undefined,
    sessionTimeout: 6000,
    heartbeatInterval: 300,
  }, listener);
}

process.on("SIGUSR2", () => {
  for (let n = first; n < first + count; n++) join(n);
});
setInterval(() => {}, 1000);
console.log("PREPARED");
