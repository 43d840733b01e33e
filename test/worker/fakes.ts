/** Time, a log and a group under the test's hand. */
import assert from "node:assert/strict";
import type { ActorDefinition, Handler } from "../../src/core/actor.ts";
import type { ByteBudget } from "../../src/core/byte-budget.ts";
import type { Clock } from "../../src/core/clock.ts";
import { Lease } from "../../src/core/lease.ts";
import { type Message, RecordBatchCursor } from "../../src/core/message.ts";
import { type Logger, silent } from "../../src/core/logger.ts";
import { serializer } from "../../src/core/serializer.ts";
import { BackgroundReports } from "../../src/core/background-reports.ts";
import type {
  Delivery,
  Driver,
  Generation,
  JoinOptions,
  MemberListener,
  Membership,
  MissingTopic,
  OutgoingRecord,
  Peer,
  TopicSpec,
} from "../../src/driver/driver.ts";

import { FakeMasterLog } from "./fake-master-log.ts";

/** Lets everything run that needs no time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** One turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Whether a promise is settled once everything has run that needs no time. */
export async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const end = () => {
    done = true;
  };
  promise.then(end, end);
  await settle();
  return done;
}

type Sleeper = { at: number; wake: () => void };

/** Clocks, and sleepers that wake when the test lets time pass. */
export class FakeTime implements Clock {
  #monotonic = 1000;
  #wall: number;
  #sleepers: Sleeper[] = [];

  constructor(wall: number = Date.UTC(2026, 0, 1)) {
    this.#wall = wall;
  }

  readonly monotonic = (): number => this.#monotonic;
  readonly wall = (): number => this.#wall;

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { at: this.#monotonic + Math.max(0, ms), wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
        resolve();
      }, { once: true });
    });

  get sleepers(): number {
    return this.#sleepers.length;
  }

  /** Time passes; whoever sleeps wakes at the right moment, and does what it does before the next one wakes. */
  async pass(ms: number): Promise<void> {
    await settle();
    const end = this.#monotonic + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.jump(Math.max(0, next.at - this.#monotonic));
      this.#sleepers = this.#sleepers.filter((each) => each !== next);
      next.wake();
      await settle();
    }
    this.jump(end - this.#monotonic);
  }

  /** Time passes on both clocks, and nobody wakes: a process that is frozen, or busy. */
  jump(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
  }

  /** The wall clock is set. */
  set(by: number): void {
    this.#wall += by;
  }

  #next(end: number): Sleeper | undefined {
    return this.#sleepers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** That code which tries again at once whatever is refused, for 1 ms each time, runs no longer than 20 ms at a stretch. */
export async function letsOthersHaveTheirTurn(time: FakeTime, isRefused: () => Promise<void>): Promise<void> {
  let refused = 0;
  const loop = async () => {
    while (refused < 1000) {
      await isRefused();
      refused++;
      time.jump(1);
    }
  };
  const looping = loop();
  await settle();
  assert.deepEqual([refused, time.sleepers], [21, 1]);
  await time.pass(0);
  assert.deepEqual([refused, time.sleepers], [42, 1]);
  assert.equal(await isDone(looping), false);
}

/** An actor of text; what starts with a byte that is not UTF-8 cannot be read. */
export function textActor(handler: Handler<string>, topic = "shop-orders"): ActorDefinition {
  const text = serializer("text", "text");
  return {
    name: topic.replace(/^[^-]*-/, ""),
    topic,
    partitions: 8,
    valueSerializer: text,
    keySerializer: text,
    handler: handler as Handler<unknown, unknown>,
  };
}

/** A value that the text serializer cannot read. */
export const UNREADABLE = "\u0000unreadable";

export function message(value: string | null, offset: number, part: Partial<Message> = {}): Message {
  const bytes = value === UNREADABLE ? Uint8Array.of(0xff) : value === null ? null : encoder.encode(value);
  return { offset, timestamp: 1_700_000_000_000 + offset, key: null, value: bytes, headers: [], ...part };
}

/** A partition's deliveries, and the offset up to which it has been acknowledged. */
export class FakePartition {
  readonly topic: string;
  readonly partition: number;
  acknowledged = 0;
  readonly acknowledgements: number[] = [];
  opened = 0;
  closed = 0;
  #next = 0;

  constructor(partition: number, topic = "shop-orders") {
    this.topic = topic;
    this.partition = partition;
  }

  /** Markers of transactions: offsets without a message. */
  markers(count: number): Delivery {
    this.#next += count;
    return this.delivery();
  }

  /** A run of these messages, as a driver would give it. */
  run(values: readonly (string | null | Message)[]): RecordBatchCursor {
    const messages = values.map((value) => {
      const one = value !== null && typeof value === "object" ? value : message(value, this.#next);
      this.#next = one.offset + 1;
      return one;
    });
    return new RecordBatchCursor(this.topic, this.partition, messages, this.#next, (next) => {
      this.acknowledged = next;
      this.acknowledgements.push(next);
    });
  }

  delivery(...values: (string | null | Message)[]): Delivery {
    return this.sized(undefined, 0, ...values);
  }

  /** One that takes so much room when it is open. */
  sized(budget: ByteBudget | undefined, bytes: number, ...values: (string | null | Message)[]): Delivery {
    const run = this.run(values);
    let open = 0;
    return {
      topic: this.topic,
      partition: this.partition,
      get bytes() {
        return open;
      },
      open: () => {
        this.opened++;
        open = bytes;
        budget?.add(open);
        return run;
      },
      close: () => {
        this.closed++;
        budget?.release(open);
        open = 0;
      },
    };
  }
}

/** A record for people. */
export function shown({ topic, value, headers }: OutgoingRecord): string {
  const about = headers.map(([name, value]) => ` ${name}=${value === null ? null : decoder.decode(value)}`).join("");
  return `${topic} ${value === null ? null : decoder.decode(value)}${about}`;
}

/** A promise and what ends it. */
export type Pending = { record: OutgoingRecord; done: () => void; fail: (error: Error) => void };

/** A log under the test's hand. Sends are acknowledged at once unless `hold` says otherwise. */
export class FakeDriver implements Driver {
  /** What was called, in order. */
  readonly calls: string[] = [];
  readonly sent: OutgoingRecord[] = [];
  /** The topics that had to be there, in order. */
  readonly ensured: TopicSpec[] = [];
  readonly master: FakeMasterLog;
  readonly held: Pending[] = [];
  hold = false;
  /** Thrown by the calls of these names, as long as it stands there. */
  readonly errors = new Map<"connect" | "ensureTopics" | "send" | "flush" | "close" | "leave", Error>();
  /** Waited for by the calls of these names. */
  readonly waits = new Map<"connect" | "ensureTopics" | "flush" | "leave" | "yield", Promise<unknown>>();
  membership: FakeMembership | undefined;
  readonly troubles: BackgroundReports;
  missingTopics: MissingTopic[] = [];
  /** Whether the first generation is synced at once. */
  ready: Promise<void> = Promise.resolve();
  readonly #clock: Clock;

  constructor(clock: Clock, logger: Logger = silent) {
    this.#clock = clock;
    this.troubles = new BackgroundReports(logger, clock);
    this.master = new FakeMasterLog(clock);
  }

  readonly publisher = {
    send: (record: OutgoingRecord): Promise<void> => {
      const error = this.errors.get("send");
      if (error) return Promise.reject(error);
      this.sent.push(record);
      if (!this.hold) return Promise.resolve();
      return new Promise<void>((resolve, reject) => this.held.push({ record, done: resolve, fail: reject }));
    },
    flush: () => this.#call("flush"),
  };

  async connect(): Promise<{ clusterId: string; brokers: string[] }> {
    await this.#call("connect");
    return { clusterId: "c", brokers: ["b:9092"] };
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<Map<string, number>> {
    this.ensured.push(...topics);
    await this.#call("ensureTopics", topics.map(({ topic }) => topic).join(","));
    return new Map(topics.map(({ topic, partitions }) => [topic, partitions]));
  }

  join(options: JoinOptions, listener: MemberListener): FakeMembership {
    this.calls.push("join");
    return this.membership = new FakeMembership(
      options,
      listener,
      this.#clock,
      this.ready,
      (call, within) => this.#call(call, within),
    );
  }

  async close(within: number): Promise<void> {
    await this.#call("close", String(within));
  }

  async #call(
    name: "connect" | "ensureTopics" | "flush" | "close" | MembershipCall,
    about = "",
  ): Promise<void> {
    this.calls.push(about ? `${name} ${about}` : name);
    const isPlain = name === "resign" || name === "askToResign" || name === "evict" || name === "heartbeatNow" ||
      name === "drain";
    if (name !== "close" && !isPlain) await this.waits.get(name);
    if (name === "yield") return;
    const error = isPlain ? undefined : this.errors.get(name);
    if (error) throw error;
  }
}

type MembershipCall = "leave" | "resign" | "yield" | "askToResign" | "evict" | "heartbeatNow" | "drain";

/** A place in a group that does what the test says. */
export class FakeMembership implements Membership {
  readonly options: JoinOptions;
  readonly listener: MemberListener;
  readonly lease: Lease;
  joined = false;
  lastContact = -Infinity;
  readonly #ready: Promise<void>;
  readonly #call: (name: MembershipCall, about?: string) => Promise<void>;

  constructor(
    options: JoinOptions,
    listener: MemberListener,
    clock: Clock,
    ready: Promise<void>,
    call: (name: MembershipCall, about?: string) => Promise<void>,
  ) {
    this.options = options;
    this.listener = listener;
    this.lease = new Lease({ session: 6000, rebalance: 24_000, margin: 500 }, clock);
    this.#ready = ready;
    this.#call = call;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  async resign(): Promise<void> {
    await this.#call("resign");
  }

  async yieldMastership(): Promise<void> {
    await this.#call("yield");
  }

  drain(): void {
    void this.#call("drain");
  }

  askToResign(): void {
    void this.#call("askToResign");
  }

  async evict({ id }: Peer): Promise<void> {
    await this.#call("evict", id);
  }

  heartbeatNow(): void {
    void this.#call("heartbeatNow");
  }

  leave(within: number): Promise<void> {
    return this.#call("leave", String(Math.round(within)));
  }

  /** The group has decided, and the coordinator has just answered. */
  generation(part: Partial<Generation> = {}): void {
    this.joined = true;
    this.heartbeat();
    this.listener.generation(generation(part));
  }

  /** The coordinator answers a heartbeat. */
  heartbeat(): void {
    const now = this.lease.now();
    this.lastContact = now.monotonic;
    this.lease.renew(now);
  }
}

export function generation(part: Partial<Generation> = {}): Generation {
  const elected = part.elected ?? false;
  return {
    generation: 1,
    members: 1,
    master: elected ? "me" : "another",
    elected,
    notBefore: -Infinity,
    peers: [],
    successor: undefined,
    resignAsked: false,
    ...part,
  };
}
