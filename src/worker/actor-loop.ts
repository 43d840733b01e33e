import type { ActorDefinition } from "../core/actor.ts";
import type { ByteBudget } from "../core/byte-budget.ts";
import type { Clock } from "../core/clock.ts";
import { formatDuration } from "../core/duration.ts";
import { describeThrown, MephistoError, messageOf } from "../core/errors.ts";
import { codeField, type Logger, withFields } from "../core/logger.ts";
import type { Message, Run } from "../core/message.ts";
import type { Sleep } from "../core/pause.ts";
import { Seldom } from "../core/seldom.ts";
import { decodeKey, decodeValue } from "../core/serializer.ts";
import type { Supervisor } from "../core/supervisor.ts";
import { type Feed, HandlerStream, type InHand } from "../core/stream.ts";
import type { Yielder } from "../core/yielder.ts";
import type { Delivery, Publisher, Record } from "../driver/driver.ts";
import type { Context } from "../runtime/context.ts";
import type { BlockWatch } from "./block-watch.ts";
import type { DeadLetters } from "./dead-letters/dead-letters.ts";
import { Lane } from "./lane.ts";
import { origin } from "./origin.ts";
import { ScopeSends } from "./scope-sends.ts";
import type { Scope } from "./scope.ts";
import { type CutOff, inHandFor, runAs, type Running } from "./stop.ts";

/** How often a message is tried again before it is set aside, and the pauses before that, in ms. */
const RETRY_PAUSES = [200, 500, 1000, 2000, 5000];
/** After a failure of a handler that has no message in hand, in ms. */
const TROUBLE_PAUSE = 1000;
/** How long a partition waits whose message cannot be handled nor be set aside, in ms. */
const BURY_PAUSE = 5000;
/** A partition has its turn for so long before the next one has, or for one message that takes longer, in ms. */
const TURN_MS = 20;
/** The clock is read once for so many messages at most, while they are quick; what is slow of a sudden is seen that late. */
const MOST_BETWEEN_LOOKS = 16;
/** Messages of which so many take longer than this, in ms, are slow: then the clock is read for each. */
const SLOW_MS = 1;

/** To somebody whose handler is made for one message. */
const USE_STREAM = "It is given a stream of messages, not one: for await (const message of stream) { … }";

/** What has happened to an actor's messages. */
export interface ActorCounts {
  handled: number;
  failed: number;
  setAside: number;
}

export interface ActorLoopParts {
  readonly publisher: Pick<Publisher, "send">;
  readonly deadLetters: DeadLetters;
  readonly context: Context<Scope>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly supervisor: Supervisor;
  readonly yielder: Yielder;
  readonly budget?: Pick<ByteBudget, "full" | "add" | "release">;
  readonly blocks: Pick<BlockWatch, "enter" | "returned">;
  readonly calls?: Context<Running> | undefined;
  /** Whether the worker's partitions may be others' at the moment: the group has heard nothing of it for long. */
  readonly mayHaveLost?: () => boolean;
}

/**
 * Runs an actor's handler on the messages of the partitions that this worker holds. A handler that throws is called
 * again; the message that it threw at waits a while, and its partition with it, while the others go on.
 */
export class ActorLoop implements Feed, Running {
  readonly actor: ActorDefinition;
  readonly counts: ActorCounts = { handled: 0, failed: 0, setAside: 0 };
  readonly #parts: ActorLoopParts;
  /** What the call of the handler sends that is under way. */
  #sends: ScopeSends;
  readonly #beginSends: () => ScopeSends;
  readonly #lanes = new Map<number, Lane>();
  /** In the order in which they have their turn. */
  #order: Lane[] = [];
  /** Since when the partition has its turn, and from which message on it is not counted yet. */
  #turnSince = 0;
  #turnFrom = 0;
  /** When the clock was last read, and how many messages are handed out until it is read again. */
  #lookedAt = 0;
  #lookedFrom = 0;
  #untilLook = 1;
  /** When what waits after a failure is due, as `take` has found: the soonest of all, and of those that are still to come. */
  #retryAt = Infinity;
  #wakeAt = Infinity;
  #stream: HandlerStream | undefined;
  /** What was in hand of a handler that has failed, until it is settled what becomes of it. */
  #failing: readonly InHand[] = [];
  #wake: (() => void)[] = [];
  #ended = false;
  /** Whether what is in hand is not waited for any more. */
  #cutOff = false;
  #running: Promise<void> = Promise.resolve();
  readonly #stop = new AbortController();

  constructor(actor: ActorDefinition, parts: ActorLoopParts) {
    this.actor = actor;
    const { name, topic } = actor;
    this.#parts = { ...parts, logger: withFields(parts.logger, { actor: name, topic }) };
    const { tell } = new Seldom((sentence) => this.#parts.logger.error(sentence), parts.clock);
    const send = (record: Record) => parts.publisher.send(record);
    this.#beginSends = () => new ScopeSends({ name: `actor ${name}`, send, tell });
    this.#sends = this.#beginSends();
  }

  start(): void {
    const { signal } = this.#stop;
    const { name } = this.actor;
    const options = { signal, endless: true, fields: { actor: name } };
    this.#running = this.#parts.supervisor.loop(`The loop of actor ${name}`, () => this.#run(), options);
  }

  /** Hands out nothing more; resolves when the handler has come to its end. */
  async stop(): Promise<void> {
    this.end();
    await this.idle();
  }

  end(): void {
    this.#ended = true;
    const reason = new MephistoError("STOPPED", "The worker is stopping.");
    this.#stop.abort(reason);
    for (const lane of this.#lanes.values()) {
      lane.drop();
      lane.handling.abort(reason);
    }
    this.#wakeAll();
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  /** What it acknowledges until its partitions are handed over counts. */
  cutOff(): readonly CutOff[] {
    const { name: actor } = this.actor;
    if (this.#stream === undefined) return [];
    const held = this.#stream.inHand();
    this.#cutOff = true;
    this.#letGo();
    if (held.length === 0) return [{ what: `The handler of ${actor} has not ended.`, fields: { actor } }];
    const how = inHandFor(this.#parts.clock.monotonic() - this.#turnSince);
    return held.flatMap(({ run, from, to }) => {
      const { topic, partition, messages } = run;
      const [first, last] = [messages[from]?.offset, messages[to - 1]?.offset];
      const offsets = first === last ? `offset ${first}` : `offsets ${first} to ${last}`;
      const what =
        `The handler of ${actor} had ${topic}[${partition}] at ${offsets} ${how}: it is handled again by the ` +
        "next worker that has the partition.";
      return first === undefined ? [] : [{ what, fields: { actor, topic, partition, offset: first } }];
    });
  }

  assigned(partition: number): void {
    const { topic } = this.actor;
    const mayBeLost = () => this.#parts.mayHaveLost?.() ? lost(`${topic}[${partition}] may be`) : undefined;
    const lane = new Lane({ topic, partition }, mayBeLost, this.#parts.budget);
    this.#lanes.set(partition, lane);
    this.#order.push(lane);
  }

  /** Resolves when nothing of the partition is in hand. */
  async revoked(partition: number): Promise<void> {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.leaving ??= Promise.withResolvers();
    lane.drop();
    this.#wakeAll(); // a batch that is being gathered may hold some of it
    this.#letGo();
    await lane.leaving.promise;
    this.#forget(lane);
  }

  /** The partition is gone already: what is in hand of it cannot be acknowledged any more. */
  lost(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.leaving ??= Promise.withResolvers();
    lane.leaving.resolve();
    lane.drop();
    lane.handling.abort(lost(`${this.actor.topic}[${partition}] is`));
    this.#wakeAll();
    this.#forget(lane);
  }

  deliver(delivery: Delivery): void {
    const lane = this.#lanes.get(delivery.partition);
    if (lane === undefined) return delivery.close();
    lane.add(delivery);
    this.#wakeAll();
  }

  get partitions(): number[] {
    return [...this.#lanes.keys()].sort((a, b) => a - b);
  }

  // The feed of the handler's stream.

  get ended(): boolean {
    return this.#ended;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get unsettled(): boolean {
    return this.#sends.unsettled;
  }

  settle(): Promise<void> {
    return this.#sends.settle();
  }

  settled(): void {
    for (const lane of this.#lanes.values()) lane.settled();
    this.#letGo();
  }

  /** Partitions that are given away, and of which nothing is in hand. */
  #letGo(): void {
    const held = this.#cutOff ? [] : this.#stream?.inHand() ?? [];
    for (const lane of this.#lanes.values()) {
      if (lane.leaving && !held.some(({ run }) => run.partition === lane.partition)) lane.leaving.resolve();
    }
  }

  take(holding: boolean): Run | undefined {
    const now = this.#parts.clock.monotonic();
    const lanes = this.#byTurn(now);
    // While there is no room nothing more is opened: what is open comes to its end first. One at least always goes on.
    const crowded = this.#parts.budget?.full === true;
    let run = this.#takeOf(lanes, now, holding, !crowded);
    if (run === undefined && crowded && !holding) run = this.#takeOf(lanes, now, holding, true);
    if (this.#retryAt < Infinity) this.#noteRetries(now);
    if (run === undefined) return undefined;
    void this.#parts.yielder.due(now); // from here on what runs is counted, whatever was waited for before
    this.#turnSince = this.#lookedAt = now;
    this.#turnFrom = run.index;
    this.#raise(run);
    return run;
  }

  /** A retry that is due first, the one that has waited longest before others; else those in turn. */
  #byTurn(now: number): Lane[] {
    if (this.#retryAt > now) return this.#order;
    const due = this.#order.filter(({ retryAt }) => retryAt <= now).sort((a, b) => a.retryAt - b.retryAt);
    return [...due, ...this.#order.filter((lane) => !due.includes(lane))];
  }

  #takeOf(lanes: readonly Lane[], now: number, holding: boolean, mayOpen: boolean): Run | undefined {
    for (const lane of lanes) {
      const run = lane.take(now, holding, mayOpen);
      if (run === undefined) continue;
      this.#order.splice(this.#order.indexOf(lane), 1);
      this.#order.push(lane);
      return run;
    }
    return undefined;
  }

  #noteRetries(now: number): void {
    this.#retryAt = this.#wakeAt = Infinity;
    for (const { retryAt } of this.#order) {
      if (retryAt < this.#retryAt) this.#retryAt = retryAt;
      if (retryAt < this.#wakeAt && retryAt > now) this.#wakeAt = retryAt;
    }
  }

  extend(run: Run): boolean {
    if (run.dropped || run.index >= run.messages.length) return false;
    const { clock, yielder } = this.#parts;
    const now = clock.monotonic();
    this.#adapt(now);
    run.limit = run.index; // for the answer no
    const lane = this.#lanes.get(run.partition);
    if (lane === undefined || !lane.goesOn(run, now) || this.#retryAt <= now || yielder.due(now)) return false;
    if (now - this.#turnSince >= TURN_MS) {
      if (this.#order.some((other) => other !== lane && other.ready(now))) return false;
      this.#count(run);
      this.#turnSince = now;
    }
    this.#raise(run);
    return true;
  }

  get crowded(): boolean {
    return this.#parts.budget?.full === true;
  }

  get turned(): boolean {
    return this.#parts.yielder.turned;
  }

  rest(): Promise<void> | undefined {
    return this.#parts.yielder.due();
  }

  returned(): void {
    this.#parts.blocks.returned(this.#inHandText);
  }

  readonly #inHandText = (): string | undefined => {
    const [held] = this.#stream?.inHand() ?? [];
    const last = held?.run.messages[held.to - 1];
    if (held === undefined || last === undefined) return undefined;
    const first = held.run.messages[Math.min(held.from, this.#lookedFrom)] ?? last;
    const between = first === last ? "" : ` (or another since offset ${first.offset}, which it had in a row)`;
    return `actor ${this.actor.name} with ${at(held.run, last)}${between}`;
  };

  /** How many messages go by until the clock is read again: all at once fewer when they are slow, by and by more. */
  #adapt(now: number): void {
    if (now - this.#lookedAt > SLOW_MS) this.#untilLook = 1;
    else if (this.#untilLook < MOST_BETWEEN_LOOKS) this.#untilLook *= 2;
    this.#lookedAt = now;
  }

  #raise(run: Run): void {
    this.#lookedFrom = run.index;
    run.limit = Math.min(run.messages.length, run.index + this.#untilLook);
  }

  #count(run: Run): void {
    this.counts.handled += Math.max(0, run.index - this.#turnFrom);
    this.#turnFrom = run.index;
  }

  owns(run: Run): boolean {
    return this.#lanes.get(run.partition)?.owns(run) ?? false;
  }

  give(run: Run, inHand = false): void {
    this.#count(run);
    this.#lanes.get(run.partition)?.give(run, inHand);
  }

  async wait(limit?: number): Promise<void> {
    if (this.#ended) return;
    // The moment is the one that `take` has found to be ahead: if it has passed since, there is nothing to wait for.
    const ms = Math.min(limit ?? Infinity, this.#wakeAt - this.#parts.clock.monotonic());
    if (ms <= 0) return;
    if (!Number.isFinite(ms)) return await new Promise<void>((resolve) => this.#wake.push(resolve));
    const awake = new AbortController();
    const wake = () => awake.abort();
    this.#wake.push(wake);
    await this.#parts.sleep(ms + 1, awake.signal);
    if (!awake.signal.aborted) this.#wake = this.#wake.filter((each) => each !== wake);
  }

  async setAside(run: Run, message: Message, error: unknown): Promise<boolean> {
    return await this.#bury(run, message, error, 0, `cannot be decoded: ${messageOf(error)}`);
  }

  // The handler.

  async #run(): Promise<void> {
    const { actor: { name, handler }, decoder } = this;
    this.#takeBack();
    const left = this.#parts.blocks.enter(this.#inHandText);
    while (!this.#ended) {
      const stream = this.#stream = new HandlerStream(this, decoder, this.#parts.clock);
      try {
        const call = () => runAs(this.#parts.calls, this, () => handler(stream));
        const scope = this.#sends;
        await origin.run({ about: { actor: name }, scope }, () => this.#parts.context.run(scope, call));
        await stream.finish();
        if (this.#ended) {
          this.#stream = undefined;
          break;
        }
        const why = stream.used ? " although its stream goes on" : ` without reading its stream. ${USE_STREAM}`;
        this.#parts.logger.warn(`The handler of ${name} has returned${why}. It is called again.`);
        await this.#parts.sleep(TROUBLE_PAUSE, this.#stop.signal);
      } catch (error) {
        this.returned();
        const held = this.#failing = [...stream.inHand()];
        stream.abandon();
        await this.#failed(held, error, stream.used ? "" : `. ${USE_STREAM}`);
        this.#failing = [];
      }
      this.#stream = undefined;
      this.#sends.end();
      this.#sends = this.#beginSends();
      this.settled();
    }
    left();
  }

  /** After a fault of this loop: what it had in hand is handed out again, rather than passed over. */
  #takeBack(): void {
    const held = [...this.#failing, ...this.#stream?.inHand() ?? []];
    this.#stream?.abandon();
    this.#stream = undefined;
    this.#failing = [];
    for (const { run, from } of held) run.index = Math.min(run.index, from);
    for (const [partition, lane] of this.#lanes) {
      const runs = held.map(({ run }) => run).filter((run) => run.partition === partition && lane.owns(run));
      if (runs.length > 0) lane.again([...new Set(runs)]);
    }
    this.settled();
  }

  readonly decoder = {
    key: (bytes: Uint8Array): unknown => decodeKey(this.actor.keySerializer, bytes),
    value: (bytes: Uint8Array | null): unknown => decodeValue(this.actor.valueSerializer, bytes),
  };

  async #failed(held: readonly InHand[], error: unknown, advice: string): Promise<void> {
    const { logger } = this.#parts;
    if (this.#ended) return this.#endedUnfinished(held, error);
    await this.#sends.forget();
    // A shutdown or a partition that is given away is not the message's fault: its next owner will have it.
    const ours = held.filter(({ run }) => this.owns(run));
    if (this.#ended) return;
    if (held.length === 0) {
      logger.error(
        `The handler of ${this.actor.name} failed with no message in hand: ${describeThrown(error)}${advice}`,
      );
      return await this.#parts.sleep(TROUBLE_PAUSE, this.#stop.signal);
    }
    const told = [...this.#lanes.values()].filter(({ handling, partition }) =>
      handling.told && ours.some(({ run }) => run.partition === partition)
    );
    const messages = ours.reduce((sum, { from, to }) => sum + to - from, 0);
    this.counts.handled -= messages;
    for (const { run, from, to } of ours) {
      run.index = Math.min(run.index, from); // a batch may hold a run twice, with another partition's turn between
      if (messages > 1 && told.length === 0) run.solo = Math.max(run.solo, to);
    }
    for (const [partition, lane] of this.#lanes) {
      const runs = ours.filter(({ run }) => run.partition === partition).map(({ run }) => run);
      if (runs.length > 0) lane.again([...new Set(runs)]);
    }
    // It did as its signal said, which others than itself are the reason for.
    if (told.length > 0) {
      for (const lane of told) this.#retryIn(lane, TROUBLE_PAUSE);
      return logger.debug(
        `The handler of ${this.actor.name} has ended, as told: ${describeThrown(error)}`,
        codeField(error),
      );
    }
    if (messages > 1) {
      this.counts.failed++;
      logger.error(
        `A batch of ${messages} of ${this.actor.topic} failed: ${describeThrown(error)}. Trying them one at a time.`,
      );
    } else for (const { run } of ours) await this.#messageFailed(run, error);
  }

  /** A handler that throws when the worker stops has not failed; what it had in hand is its next owner's. */
  #endedUnfinished(held: readonly InHand[], error: unknown): void {
    const { name: actor } = this.actor;
    for (const { run, from } of held) {
      const message = run.messages[from];
      if (message === undefined) continue;
      const { topic, partition } = run;
      this.#parts.logger.info(
        `The handler of ${actor} ended as the worker stops (${describeThrown(error)}), before it was done with ${
          at(run, message)
        }: it is handled again.`,
        { actor, topic, partition, offset: message.offset },
      );
    }
  }

  async #messageFailed(run: Run, error: unknown): Promise<void> {
    const lane = this.#lanes.get(run.partition);
    const message = run.messages[run.index];
    if (lane === undefined || message === undefined) return;
    if (lane.failedAt !== message.offset) lane.attempts = 0;
    lane.failedAt = message.offset;
    this.counts.failed++;
    const wait = RETRY_PAUSES[lane.attempts++];
    if (wait !== undefined) {
      this.#retryIn(lane, wait);
      this.#parts.logger.error(
        `${at(run, message)} failed: ${describeThrown(error)}. Attempt ${lane.attempts + 1} follows in ${
          formatDuration(wait)
        }.`,
        { partition: run.partition, offset: message.offset, ...codeField(error) },
      );
      return;
    }
    const what = `failed ${lane.attempts} times: ${describeThrown(error)}`;
    if (!await this.#bury(run, message, error, lane.attempts, what)) lane.attempts--; // its next failure leads here again
    else if (!lane.leaving) run.acknowledge(++run.index);
    lane.give(run);
  }

  /**
   * Whether the message is out of the way, in a topic, a file or the log. While the log is away its partition waits, and it
   * is tried again from the start: a message that can be found nowhere is lost. `what`: what happened to it, for people.
   */
  async #bury(run: Run, message: Message, error: unknown, attempts: number, what: string): Promise<boolean> {
    if (this.#ended || !this.owns(run)) return false; // its next owner will come to it
    const { topic, partition } = run;
    const fields = { actor: this.actor.name, topic, partition, offset: message.offset, ...codeField(error) };
    let place: string;
    try {
      place = await this.#parts.deadLetters.add(run, message, error, attempts);
    } catch (trouble) {
      const why = messageOf(trouble);
      this.#parts.logger.error(
        `${at(run, message)} ${what}. It cannot be set aside: ${why} Its partition waits.`,
        fields,
      );
      const lane = this.#lanes.get(run.partition);
      if (lane) this.#retryIn(lane, BURY_PAUSE);
      return false;
    }
    this.counts.setAside++;
    this.#parts.logger.error(`${at(run, message)} ${what}. Set aside in ${place}.`, fields);
    return true;
  }

  #retryIn(lane: Lane, ms: number): void {
    lane.notBefore = this.#parts.clock.monotonic() + ms;
    this.#retryAt = Math.min(this.#retryAt, lane.notBefore);
  }

  #forget(lane: Lane): void {
    if (this.#lanes.get(lane.partition) === lane) this.#lanes.delete(lane.partition);
    this.#order = this.#order.filter((each) => each !== lane);
  }

  #wakeAll(): void {
    if (this.#wake.length > 0) { for (const wake of this.#wake.splice(0)) wake(); }
  }
}

function lost(what: string): MephistoError {
  return new MephistoError(
    "PARTITION_LOST",
    `${what} another worker's: the group has not heard of this one for too long.`,
  );
}

function at({ topic, partition }: Run, { offset }: Message): string {
  return `${topic}[${partition}] at offset ${offset}`;
}
