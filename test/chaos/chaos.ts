import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import kafkajs from "kafkajs";
import { uniqueApp } from "../process/cluster.ts";
import { createTopic, quietKafka, readTopic } from "../support/kafkajs-oracle.ts";
import type { KafkaServer } from "../support/kafka.ts";
import { type Program, run } from "../support/process.ts";
import { between, seeded } from "../support/random.ts";
import type { Runtime } from "../support/runtimes.ts";
import { until } from "../support/until.ts";
import type { WorkerStatus } from "../../src/worker/status.ts";
import { type Entry, readDiary } from "./history.ts";
import { type Fault, killTheMaster, nextFault, type Place, type Stage } from "./faults.ts";
import { judge } from "./checker.ts";

export interface ChaosOptions {
  readonly kafka: KafkaServer;
  readonly seed: number;
  /** How long faults go on, in ms. */
  readonly lasts: number;
  /** How long between two faults, in ms: from and to. */
  readonly pauses: readonly [number, number];
  /** One worker for each, behind a proxy each of `kafka`. */
  readonly runtimes: readonly Runtime[];
  /** Told what happens. */
  say(line: string): void;
}

export interface ChaosReport {
  /** A sentence for each thing that must hold and does not. */
  readonly wrong: readonly string[];
  readonly faults: number;
  readonly masters: number;
  readonly slots: number;
  readonly messages: number;
  /** All that the workers wrote to their terminals. */
  readonly output: string;
}

const INTERVAL = 200;
const PARTITIONS = 8;
/** Every so many messages (no multiple of the partitions) one has so many bytes: what a narrow line has to carry. */
const LARGE = { every: 11, bytes: 100_000 } as const;

/** Keeps workers going through one fault after the other, heals everything, and says what did not hold. */
export async function chaos({ kafka, seed, lasts, pauses, runtimes, say }: ChaosOptions): Promise<ChaosReport> {
  const app = uniqueApp("chaos");
  const folder = await mkdtemp(join(tmpdir(), "mephisto-chaos-"));
  const chance = seeded(seed);
  const workers = new Workers(app, folder, kafka, seed, runtimes);
  const begun = performance.now();
  const tell = (line: string) => say(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  try {
    for (const actor of ["greet", "work"]) {
      await createTopic(kafka.brokers, `${app}-${actor}`, { partitions: PARTITIONS });
    }
    for (const place of workers.places) workers.start(place);
    const load = await steady(kafka.brokers, `${app}-work`);
    await until(async () => (await readTopic(kafka.brokers, `${app}-greet`)).length > 0, {
      within: 30_000,
      every: 200,
    });

    const faults: { fault: Fault; over: number }[] = [];
    const undo = async (all: boolean) => {
      for (const one of faults.filter(({ over }) => all || over <= performance.now())) {
        faults.splice(faults.indexOf(one), 1);
        tell(`over: ${one.fault.name}`);
        await one.fault.undo();
      }
    };
    let count = 0;
    for (const end = performance.now() + lasts; performance.now() < end;) {
      const fault = count === 0 ? killTheMaster(workers) : nextFault(workers, chance);
      const next = performance.now() + between(chance, ...pauses);
      if (fault) {
        count++;
        tell(fault.name);
        await fault.begin();
        faults.push({ fault, over: performance.now() + fault.lasts });
      }
      while (performance.now() < next) {
        await sleep(20);
        await undo(false);
      }
    }
    await undo(true);
    tell("all is healed");

    const stored = () => readTopic(kafka.brokers, `${app}-greet`);
    const slots = async () => (await stored()).map(({ value }): number => JSON.parse(String(value)).slot);
    const wrong = await workers.recover();
    // Somebody is master again, and has caught up with what was missed.
    if (!await reaches(async () => Math.max(...await slots()), Date.now())) wrong.push("the schedule does not go on");
    const sent = await load.stop();
    const due = await stored();
    const evidence = async () => ({
      histories: workers.histories(),
      ticks: await stored(),
      due,
      sent,
      interval: INTERVAL,
    });
    // What is on its way arrives: then the workers stop, and what is there is all there is.
    await until(async () => !judge(await evidence()).some((line) => /not been handled/.test(line)), {
      within: 15_000,
      every: 300,
    }).catch(() => {});
    for (const place of workers.places) await workers.end(place, "SIGTERM");
    const found = await evidence();
    const masters = [...found.histories.values()].flat().filter(({ what }) => what === "master").length;
    return {
      wrong: [...wrong, ...judge(found)],
      faults: count,
      masters,
      slots: new Set(await slots()).size,
      messages: sent.size,
      output: workers.output(),
    };
  } finally {
    await workers.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

class Workers implements Stage {
  readonly places: readonly Place[];
  readonly kafka: KafkaServer;
  readonly #app: string;
  readonly #folder: string;
  readonly #seed: number;
  readonly #programs: Program[] = [];

  constructor(app: string, folder: string, kafka: KafkaServer, seed: number, runtimes: readonly Runtime[]) {
    this.#app = app;
    this.#folder = folder;
    this.#seed = seed;
    this.kafka = kafka;
    this.places = runtimes.map((runtime, index): Place => {
      const proxy = kafka.proxies[index];
      if (proxy === undefined) throw new Error("each worker needs a proxy");
      return { name: `worker ${index + 1} (${runtime})`, runtime, proxy, process: undefined, trouble: undefined };
    });
  }

  start(place: Place): void {
    const program = run(place.runtime, "test/chaos/fixture.ts", ["worker", "-p", "0"], {
      env: {
        MEPHISTO_URL: place.proxy.url,
        APP: this.#app,
        TICK: `${INTERVAL / 1000}s`,
        SEED: String(this.#seed + this.#programs.length),
        DIARY: join(this.#folder, `${this.#programs.length}`),
      },
    });
    this.#programs.push(program);
    place.process = program;
  }

  async end(place: Place, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const program = this.#programs.find(({ pid }) => pid === place.process?.pid);
    place.process = undefined;
    program?.kill(signal);
    await program?.exit;
  }

  master(): Place | undefined {
    let latest: { readonly at: number; readonly pid: string } | undefined;
    for (const [worker, entries] of this.histories()) {
      const at = entries.findLast(({ what }) => what === "master")?.at ?? -Infinity;
      if (at > (latest?.at ?? -Infinity)) latest = { at, pid: worker };
    }
    return this.places.find(({ process }) => process && `process ${process.pid}` === latest?.pid);
  }

  /** Waits until every worker is well again, and says who is not. */
  async recover(): Promise<string[]> {
    const wrong: string[] = [];
    const running = this.places.flatMap(({ name, process }) => {
      const program = this.#programs.find(({ pid }) => pid === process?.pid);
      return program ? [{ name, program }] : [];
    });
    for (const { name, program } of running) {
      try {
        const { text } = await program.waitFor(/Web port at http/, 20_000);
        const address = /http:[\w.:\/]+/.exec(text)?.[0] ?? "";
        await until(async () => {
          const answer = await fetch(address, { signal: AbortSignal.timeout(2000) });
          const { ready, group } = await answer.json() as WorkerStatus;
          return ready && group.members === running.length;
        }, { within: 30_000, every: 100 });
      } catch (error) {
        wrong.push(`${name} does not get well again: ${String(error)}`);
      }
    }
    return wrong;
  }

  histories(): Map<string, Entry[]> {
    return new Map(this.#programs.map(({ pid }, index) => {
      try {
        return [`process ${pid}`, readDiary(join(this.#folder, `${index}`))];
      } catch {
        return [`process ${pid}`, []]; // it ended before it wrote anything
      }
    }));
  }

  output(): string {
    return this.#programs.map((program) => program.output()).join("\n");
  }

  async kill(): Promise<void> {
    await Promise.all(this.#programs.map((program) => {
      program.kill("SIGKILL");
      return program.exit;
    }));
  }
}

/** For so long nothing may go on: how long it takes to make up for what was missed is the machine's affair. */
const STANDSTILL_MS = 30_000;

/** Whether what grows gets beyond a goal; not if it stands still for too long before. */
async function reaches(look: () => Promise<number>, goal: number): Promise<boolean> {
  let [most, since] = [-Infinity, performance.now()];
  while (most <= goal && performance.now() - since < STANDSTILL_MS) {
    const now = await look();
    if (now > most) [most, since] = [now, performance.now()];
    await sleep(500);
  }
  return most > goal;
}

/** Messages to the other actor, by the independent client; those that were acknowledged count. */
async function steady(brokers: string[], topic: string): Promise<{ stop(): Promise<Set<string>> }> {
  const producer = quietKafka(brokers).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const sent = new Set<string>();
  const stop = new AbortController();
  const writing = (async () => {
    for (let next = 0; !stop.signal.aborted; next++) {
      const id = `work-${next}`;
      const ballast = next % LARGE.every === 0 ? "x".repeat(LARGE.bytes) : "";
      try {
        await producer.send({
          topic,
          messages: [{ partition: next % PARTITIONS, value: JSON.stringify({ id, ballast }) }],
          acks: -1,
        });
        sent.add(id);
      } catch {
        // The broker is being restarted: nothing was promised.
      }
      await sleep(25);
    }
  })();
  return {
    async stop() {
      stop.abort();
      await writing;
      await producer.disconnect();
      return sent;
    },
  };
}
