import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import kafkajs from "kafkajs";
import type { KafkaAddress } from "../support/kafka.ts";
import { quietKafka, readTopic, type StoredMessage } from "../support/kafkajs-oracle.ts";
import { type Program, run } from "../support/process.ts";
import type { Runtime } from "../support/runtimes.ts";
import { until } from "../support/until.ts";

/** Something that a worker of the fixtures has done; `at` is ms on the wall clock, as the worker saw it. */
export type WorkerEvent = {
  pid: number;
  at: number;
  id: string;
  key: string | null;
  partition: number;
  offset: number;
  slot: number;
  epoch: number;
};

/** What a master published in a tick, as it lies in the topic. */
export type StoredTick = { slot: number; epoch: number; pid: number; timestamp: number };

/** The part of `GET /` that tests look at. */
export type Status = {
  ready: boolean;
  state: string;
  group: { joined: boolean; generation: number; members: number };
  mastership: { master: boolean; epoch: number };
  actors: { name: string; partitions: number[]; handled: number; deadLettered: number }[];
};

/** A worker's process. */
export type Worker = Program & {
  runtime: Runtime;
  /** What it says it has done, in order. */
  events(what: string): WorkerEvent[];
  /** The HTTP status of a path of its web port. */
  http(path: string): Promise<number>;
  status(): Promise<Status>;
  /** Freezes and thaws it. */
  freeze(): void;
  thaw(): void;
};

/** Workers of one app in one group. */
export type WorkerCluster = {
  app: string;
  workers: Worker[];
  start(runtime: Runtime, options?: StartOptions): Worker;
  topic(actor: string): string;
  /** What all workers, also ended ones, say they have done, in the order of their clocks. */
  events(what: string): WorkerEvent[];
  /** What the masters published, by slot. */
  ticks(): Promise<StoredTick[]>;
  /** All messages of an actor's topic. */
  stored(actor: string): Promise<StoredMessage[]>;
  /** Waits until all running workers are in the group, ready, and hold the partitions of an actor among them. */
  settled(actor?: string, partitions?: number, within?: number): Promise<Map<Worker, number[]>>;
  /** The worker that published last. */
  master(): Promise<Worker>;
  /** Writes a message to an actor's topic every so many ms, to the partitions in turn, until it is stopped. */
  steady(actor: string, every: number): Promise<Stream>;
  /** Ends what still runs. */
  end(): Promise<void>;
  /** All output. */
  output(): string;
};

/** `flags` are the runtime's own. */
type StartOptions = { args?: string[]; env?: Record<string, string>; url?: string; flags?: string[] };

/** An app id that no other test has. */
export function uniqueApp(name: string): string {
  return `${name}-${randomBytes(4).toString("hex")}`;
}

/** A cluster that has no worker yet; `env` goes to all. */
export function clusterOf(
  { url, brokers }: KafkaAddress,
  name: string,
  { fixture = "crew", env = {} }: { fixture?: string; env?: Record<string, string> } = {},
): WorkerCluster {
  const app = uniqueApp(name);
  const workers: Worker[] = [];
  const ended = new Set<Worker>();
  /** Those that could not begin, or go on. */
  const failed: Worker[] = [];
  const streams: Stream[] = [];
  const topic = (actor: string) => `${app}-${actor}`;
  const events = (what: string) => workers.flatMap((worker) => worker.events(what)).sort((a, b) => a.at - b.at);
  const stored = (actor: string) => readTopic(brokers, topic(actor));
  const output = () => workers.map((worker) => worker.output()).join("\n");
  const ticks = async () =>
    (await stored("greet"))
      .map(({ value, timestamp }): StoredTick => ({ ...JSON.parse(String(value)), timestamp }))
      .sort((a, b) => a.slot - b.slot || a.timestamp - b.timestamp);
  return {
    app,
    workers,
    topic,
    events,
    stored,
    ticks,
    start(runtime, { args = [], env: more = {}, url: own = url, flags } = {}) {
      const program = run(runtime, `test/process/fixtures/${fixture}.ts`, ["worker", "-p", "0", ...args], {
        env: { MEPHISTO_URL: own, APP: app, ...env, ...more },
        ...(flags && { flags }),
      });
      const worker = workerOf(program, runtime);
      workers.push(worker);
      void program.exit.then(({ code }) => {
        ended.add(worker);
        if (code === 1) failed.push(worker);
      });
      return worker;
    },
    settled: async (actor = "work", partitions = 8, within = 40_000) => {
      let told = "";
      try {
        return await until(async () => {
          if (failed.length > 0) return new Map<Worker, number[]>(); // it is told below
          const running = workers.filter((worker) => !ended.has(worker));
          const states = await Promise.all(running.map((worker) => worker.status()));
          told = inspect(states, { depth: 6 });
          const shares = new Map(running.map((worker, index) => {
            const found = states[index]?.actors.find(({ name }) => name === actor);
            return [worker, found?.partitions ?? []];
          }));
          const all = [...shares.values()].flat();
          const whole = all.length === partitions && new Set(all).size === partitions;
          const together = states.every(({ ready, group }) => ready && group.members === running.length);
          return whole && together ? shares : false;
        }, { within, every: 50 });
      } catch (cause) {
        throw new Error(`the workers have not settled: ${told}\n${output()}`, { cause });
      } finally {
        assert.deepEqual(failed.map((worker) => worker.output()), []);
      }
    },
    master: () =>
      until(async () => {
        const last = (await ticks()).at(-1);
        return workers.find(({ pid }) => pid === last?.pid);
      }, { every: 100 }),
    async steady(actor, every) {
      const stream = await steady(brokers, topic(actor), every);
      streams.push(stream);
      return stream;
    },
    async end() {
      await Promise.all(streams.map((stream) => stream.stop().catch(() => {})));
      await Promise.all(workers.map((worker) => {
        worker.kill("SIGKILL");
        return worker.exit;
      }));
    },
    output,
  };
}

function workerOf(program: Program, runtime: Runtime): Worker {
  const address = async () => {
    const { text } = await program.waitFor(/Web port at http/);
    return /http:[\w.:\/]+/.exec(text)?.[0] ?? "";
  };
  const get = async (path: string) => await fetch(await address() + path, { signal: AbortSignal.timeout(10_000) });
  return Object.defineProperties({
    runtime,
    events: (what: string) =>
      program.stdout
        .filter((line) => line.startsWith(`${what} {`))
        .map((line): WorkerEvent => JSON.parse(line.slice(what.length + 1))),
    http: async (path: string) => {
      const answer = await get(path);
      await answer.arrayBuffer();
      return answer.status;
    },
    status: async () => await (await get("/")).json() as Status,
    freeze: () => program.kill("SIGSTOP"),
    thaw: () => program.kill("SIGCONT"),
  }, Object.getOwnPropertyDescriptors(program)) as Worker;
}

/** Messages that go on being written until they are stopped. */
export type Stream = {
  /** When each was sent, in ms on the wall clock, by its id. */
  sent: Map<string, number>;
  stop(): Promise<void>;
};

/** By the independent client. */
async function steady(brokers: string[], topic: string, every: number, partitions = 8): Promise<Stream> {
  const producer = quietKafka(brokers).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const sent = new Map<string, number>();
  let last: Promise<unknown> = Promise.resolve();
  let next = 0;
  const timer = setInterval(() => {
    const id = `steady-${next++}`;
    const messages = [{ partition: next % partitions, value: JSON.stringify({ id }) }];
    sent.set(id, Date.now());
    last = Promise.all([last, producer.send({ topic, messages, acks: -1 })]);
    last.catch(() => {}); // stop() tells
  }, every);
  return {
    sent,
    async stop() {
      clearInterval(timer);
      await last;
      await producer.disconnect();
    },
  };
}

/** Things by something they have in common. */
export function countBy<T, K>(things: Iterable<T>, keyOf: (thing: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const thing of things) counts.set(keyOf(thing), (counts.get(keyOf(thing)) ?? 0) + 1);
  return counts;
}

/** How many of a timer's runs came one interval after the one before: a busy machine may be too late for a slot. */
export function inTurn(runs: readonly { slot: number }[], interval: number): number {
  return runs.slice(1).filter(({ slot }, index) => slot - (runs[index]?.slot ?? 0) === interval).length;
}
