import { actor } from "../../src/core/define-actor.ts";
import { app, setRuntime } from "../../src/core/app.ts";
import { definitionOf } from "../../src/core/definition.ts";
import type { Logger } from "../../src/core/logger.ts";
import { timer } from "../../src/core/define-timer.ts";
import { plan } from "../../src/driver/group-plan.ts";
import { Host } from "../../src/testing/host.ts";
import { MemoryDriver } from "../../src/testing/memory-driver.ts";
import { MemoryLog } from "../../src/testing/memory-log.ts";
import { Network } from "../../src/testing/network.ts";
import { Random } from "../../src/testing/random.ts";
import { VirtualTime } from "../../src/testing/time.ts";
import { context } from "../../src/runtime/context.ts";
import { encodeMessage } from "../../src/worker/calls/encode-message.ts";
import type { Scope } from "../../src/worker/calls/scope.ts";
import { resolveSettings } from "../../src/worker/settings.ts";
import { Worker } from "../../src/worker/worker.ts";
import { settled } from "./pump.ts";
import { simulatedParts } from "./sim-worker.ts";

export interface ManyTimers {
  readonly timers: number;
  /** Between two slots, in seconds. */
  readonly every: number;
  /** Each way, in ms. */
  readonly latency: number;
  /** To which actor's topic a timer sends; left out: all to the first. */
  readonly topicOf?: (timer: number) => number;
  readonly topics?: number;
  /** Messages a run, and how large each is. */
  readonly sends?: number;
  readonly bytes?: number;
  readonly workers?: number;
  readonly logger: Logger;
}

/** Workers with many timers, on a log in memory and virtual time. */
export function manyTimers(
  { timers, every, latency, topics = 1, topicOf = () => 0, workers = 2, sends = 1, bytes = 10, logger }: ManyTimers,
) {
  const value = new Uint8Array(bytes);
  const time = new VirtualTime();
  const random = new Random(1);
  const network = new Network(time, random, [latency, latency]);
  const log = new MemoryLog(time, random);
  const scopes = context<Scope>();
  /** How often a run was published, by topic. */
  const published = new Map<string, number>();
  const made = Array.from({ length: workers }, (_, n) => {
    const host = new Host(`worker-${n}`, time);
    setRuntime(() => ({
      send: (to, message) =>
        scopes.get()?.send(encodeMessage(to, message, host.wall())) ?? Promise.reject(new Error("no scope")),
      main: () => Promise.resolve(),
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    }));
    const many = app("many", { partitions: 1, valueSerializer: "raw" });
    const outs = Array.from({ length: topics }, (_, topic) =>
      actor(many, { name: `out-${topic}` }, async (stream) => {
        for await (const _ of stream) published.set(`out-${topic}`, (published.get(`out-${topic}`) ?? 0) + 1);
      }));
    for (let each = 0; each < timers; each++) {
      timer(many, every, { name: `timer-${each}`, onMaster: true }, async () => {
        for (let sent = 0; sent < sends; sent++) await outs[topicOf(each)]?.send({ value });
      });
    }
    const driver = new MemoryDriver({ log, network, host, assign: plan });
    return new Worker({
      definition: definitionOf(many),
      settings: resolveSettings({}, { flags: {}, env: {} }),
      driver,
      ...simulatedParts(host, () => random.between(0, 1)),
      context: scopes,
      logger,
    });
  });
  for (const worker of made) void worker.start();
  /** Virtual time passes, in ms. */
  const pass = async (ms: number) => {
    const end = time.now + ms;
    for (let next = time.next; next !== undefined && next <= end; next = time.next) {
      time.step();
      await settled();
    }
    time.now = Math.max(time.now, end);
  };
  const resignations = () => made.reduce((sum, worker) => sum + worker.status().mastership.resignations, 0);
  const epoch = () => Math.max(...made.map((worker) => worker.status().mastership.epoch));
  return { time, log, network, workers: made, published, pass, resignations, epoch };
}
