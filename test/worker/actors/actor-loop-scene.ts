import assert from "node:assert/strict";
import type { Stream } from "../../../src/core/stream.ts";
import { ByteBudget } from "../../../src/core/byte-budget.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import type { OutgoingRecord } from "../../../src/driver/driver.ts";
import { ActorLoop } from "../../../src/worker/actors/actor-loop.ts";
import { Lines } from "../../core/fakes.ts";
import { loopParts } from "./actor-loop-parts.ts";
import { FakeTime, settle, textActor } from "../fakes.ts";
import { type ModelEntry, ModelPartition, RUN_BYTES } from "./model-partition.ts";

export type Op =
  | { readonly op: "deliver"; readonly partition: number; readonly entries: readonly ModelEntry[] }
  | { readonly op: "revoke" | "lose" | "assign" | "unreadable"; readonly partition: number }
  | { readonly op: "pass"; readonly ms: number }
  | { readonly op: "crowd" | "away"; readonly on: boolean }
  | { readonly op: "fault" };

export type Reading =
  | { readonly how: "values" | "events" }
  | { readonly how: "take"; readonly count: number; readonly within: number };

/** One call of the handler: its loops one after the other; `leave`: after so many steps, 0: never. */
export type Call = readonly { readonly reading: Reading; readonly leave: number }[];

/** The pauses after each failed attempt, as documented; the sixth failure sets a message aside. */
const PAUSES_MS = [200, 500, 1000, 2000, 5000];
const LIMIT_BYTES = 4 * RUN_BYTES;
/** A fault of ours ends the worker when restarting does not help. */
const MOST_FAULTS = 2;

/** An actor's loop over three partitions whose whole history is known; each step checks what must hold. */
export class Scene {
  readonly #time = new FakeTime();
  readonly #lines = new Lines();
  readonly #budget = new ByteBudget(LIMIT_BYTES);
  readonly #partitions: readonly ModelPartition[];
  readonly #loop: ActorLoop;
  readonly #parts: ReturnType<typeof loopParts>;
  readonly #calls: readonly Call[];
  readonly #revocations: Promise<void>[] = [];
  #called = 0;
  #crowded = false;
  #faults = 0;
  /** Whether the log was away: what cannot be dead-lettered is tried again. */
  #wasAway = false;
  #read = 0;
  /** What was found wrong inside of the handler, where a throw would be its failure. */
  readonly #wrong: unknown[] = [];

  constructor(calls: readonly Call[]) {
    this.#calls = calls;
    this.#parts = loopParts(this.#time, this.#lines, this.#time.sleep);
    this.#loop = new ActorLoop(textActor((stream) => this.#handle(stream)), {
      ...this.#parts,
      sleep: this.#time.sleep,
      budget: this.#budget,
    });
    const settled = (next: number, partition: ModelPartition) =>
      this.#checked(() => {
        this.#readSent();
        partition.checkAcknowledged(next);
      });
    this.#partitions = [0, 1, 2].map((partition) => new ModelPartition(partition, this.#budget, settled));
    for (const partition of this.#partitions) this.#assign(partition);
    this.#loop.start();
  }

  async run(step: Op): Promise<void> {
    const partition = "partition" in step ? this.#partitions[step.partition] : undefined;
    switch (step.op) {
      case "deliver":
        partition?.append(step.entries);
        if (partition) this.#deliver(partition);
        break;
      case "unreadable":
        if (partition?.life) this.#loop.deliver(partition.unreadable());
        break;
      case "pass":
        await this.#time.pass(step.ms);
        break;
      case "assign":
        if (partition && partition.life === undefined && partition.leaving === undefined) this.#assign(partition);
        break;
      case "lose":
        if (partition?.life === undefined && partition?.leaving === undefined) break;
        partition.end();
        this.#loop.lost(step.partition);
        break;
      case "revoke":
        if (partition?.life) this.#revoke(partition);
        break;
      case "crowd":
        this.#crowd(step.on);
        break;
      case "away":
        this.#wasAway ||= step.on;
        if (step.on) this.#parts.driver.errors.set("send", new MephistoError("SEND_TIMEOUT", "Away."));
        else this.#parts.driver.errors.clear();
        break;
      case "fault":
        if (this.#faults++ < MOST_FAULTS) this.#lines.breakAt = /attempt|failed/i;
        break;
    }
    await settle();
    this.#checkBytes();
  }

  /** Everything gets on again: all that was delivered is handled or dead-lettered, and what it took is given back. */
  async end(): Promise<void> {
    await this.run({ op: "away", on: false });
    await this.run({ op: "crowd", on: false });
    this.#lines.breakAt = undefined;
    await this.#time.pass(200_000);
    for (const partition of this.#partitions) {
      if (partition.life) this.#deliver(partition);
    }
    await this.#time.pass(100_000);
    this.#checkBytes();
    await Promise.all(this.#revocations);
    for (const partition of this.#partitions) partition.checkEnd();
    assert.equal(this.#budget.held, 0, "all room is given back");
    const done = this.#partitions.reduce((sum, { handled }) => sum + handled, 0);
    if (this.#faults === 0) assert.ok(this.#loop.counts.handled >= done, `${this.#loop.counts.handled} of ${done}`);
    await this.#loop.stop();
    assert.equal(this.#time.sleepers, 0);
  }

  #assign(partition: ModelPartition): void {
    partition.begin();
    this.#loop.assigned(partition.partition);
    if (partition.hasMore) this.#deliver(partition);
  }

  #deliver(partition: ModelPartition): void {
    if (partition.life && partition.hasMore) this.#loop.deliver(partition.delivery());
  }

  #revoke(partition: ModelPartition): void {
    const life = partition.leave();
    const revoked = this.#loop.revoked(partition.partition).then(() =>
      this.#checked(() => {
        partition.checkGivenUp(life);
      })
    );
    this.#revocations.push(revoked);
  }

  #crowd(on: boolean): void {
    if (on === this.#crowded) return;
    this.#crowded = on;
    if (on) this.#budget.add(LIMIT_BYTES);
    else this.#budget.release(LIMIT_BYTES);
  }

  /** What is in hand takes its room, and what is done, lost or being given up takes none. */
  #checkBytes(): void {
    if (this.#wrong.length > 0) throw this.#wrong[0];
    const hog = this.#crowded ? LIMIT_BYTES : 0;
    const open = this.#partitions.reduce((sum, each) => sum + each.openBytes(), 0);
    assert.equal(this.#budget.held - hog, open, "the bytes of what is open and not done");
  }

  /** What stands in the topic of dead letters now. */
  #readSent(): void {
    const { sent } = this.#parts.driver;
    for (; this.#read < sent.length; this.#read++) {
      const headers = headersOf(sent[this.#read]);
      const partition = this.#partitions[Number(headers.get("mephisto-partition"))];
      const attempts = Number(headers.get("mephisto-attempts"));
      partition?.deadLettered(Number(headers.get("mephisto-offset")), attempts, PAUSES_MS.length + 1, this.#faults > 0);
    }
  }

  #checked(check: () => void): void {
    try {
      check();
    } catch (wrong) {
      this.#wrong.push(wrong);
    }
  }

  async #handle(stream: Stream<string>): Promise<void> {
    const call = this.#calls[this.#called++ % this.#calls.length] ?? [];
    for (const { reading, leave } of call) {
      let steps = 0;
      for await (const values of readAs(stream, reading)) {
        await this.#step(values, reading.how === "take" ? reading.count : 1);
        if (++steps === leave) break;
      }
      if (steps !== leave || leave === 0) return;
    }
  }

  async #step(values: readonly string[], most: number): Promise<void> {
    this.#readSent();
    const messages = values.map((value) => {
      const [partition = "", offset] = value.split(":");
      return { in: this.#partitions[Number(partition)] ?? assert.fail(value), offset: Number(offset) };
    });
    const lives = new Map(messages.map((each) => [each.in, each.in.current]));
    this.#checked(() => {
      assert.ok(messages.length > 0 && messages.length <= most, `a batch of ${messages.length} where ${most} is most`);
      for (const { in: partition } of messages) {
        const offsets = messages.filter((each) => each.in === partition).map(({ offset }) => offset);
        partition.checkHandedOut(
          offsets,
          messages.length === 1,
          this.#time.monotonic(),
          PAUSES_MS,
          this.#wasAway || this.#faults > 0,
        );
      }
    });
    const takes = Math.max(...messages.map((each) => each.in.about(each.offset).takes));
    if (takes > 0) await this.#time.sleep(takes);
    const failing = messages.filter((each) => each.in.about(each.offset).fails > 0);
    const now = this.#time.monotonic();
    const isAlone = messages.length === 1;
    for (const each of messages) each.in.returned(each.offset, failing.length > 0, isAlone, lives.get(each.in), now);
    if (failing.length > 0) throw new Error("as it should");
  }
}

function readAs(stream: Stream<string>, reading: Reading): AsyncIterable<readonly string[]> {
  if (reading.how === "take") return stream.take(reading.count, { within: `${reading.within}ms` });
  const source = reading.how === "values" ? stream : stream.events();
  const inner: AsyncIterator<unknown> = source[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<readonly string[], undefined>> => {
    const { done, value } = await inner.next();
    if (done) return { done: true, value: undefined };
    return { done: false, value: [typeof value === "string" ? value : String(Object(value).value)] };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

function headersOf(record: OutgoingRecord | undefined): Map<string, string> {
  const text = new TextDecoder();
  return new Map(record?.headers.map(([name, bytes]) => [name, bytes ? text.decode(bytes) : ""]));
}
