import type { ActorDefinition } from "../../core/actor.ts";
import type { Clock } from "../../core/clock.ts";
import { describeThrown } from "../../core/errors.ts";
import type { Decoder, Feed, InFlight } from "../../core/feed.ts";
import { HandlerStream } from "../../core/handler-stream.ts";
import type { Logger } from "../../core/logger.ts";
import type { Message, RecordBatchCursor } from "../../core/message.ts";
import type { Sleep } from "../../core/delay.ts";
import type { Yielder } from "../../core/yielder.ts";
import { LogThrottle } from "../../core/log-throttle.ts";
import type { OutgoingRecord, Publisher } from "../../driver/driver.ts";
import type { Context } from "../../runtime/context.ts";
import type { BlockWatch } from "../calls/block-watch.ts";
import { origin } from "../calls/origin.ts";
import type { Scope } from "../calls/scope.ts";
import { ScopeSends } from "../calls/scope-sends.ts";
import { runAs, type Running } from "../calls/stop.ts";
import { type ActorCounts, at, type Failures } from "./failures.ts";
import type { PartitionBuffers } from "./partition-buffers.ts";
import { Turn } from "./turn.ts";

/** After a failure of a handler that has no message in hand, or its return. */
const TROUBLE_PAUSE_MS = 1000;

/** To somebody whose handler is made for one message. */
const USE_STREAM = "It is given a stream of messages, not one: for await (const message of stream) { … }";

export interface HandlerLoopParts {
  readonly actor: ActorDefinition;
  readonly decoder: Decoder;
  readonly counts: ActorCounts;
  readonly buffers: PartitionBuffers;
  readonly failures: Failures;
  readonly publisher: Pick<Publisher, "send">;
  readonly context: Context<Scope>;
  readonly calls?: Context<Running> | undefined;
  /** What `stop()` inside of the handler stands for. */
  readonly running: Running;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly yielder: Yielder;
  readonly blocks: Pick<BlockWatch, "enter" | "returned">;
  /** Aborts when nothing more is handed out. */
  readonly signal: AbortSignal;
}

/** Calls a handler again and again, each time with a new stream: what it has in hand, and what it sends meanwhile. */
export class HandlerLoop implements Feed {
  readonly signal: AbortSignal;
  readonly #parts: HandlerLoopParts;
  readonly #beginSends: () => ScopeSends;
  readonly #turn = new Turn();
  #stream: HandlerStream | undefined;
  /** What the call of the handler sends that is under way. */
  #sends: ScopeSends;
  /** What was in hand of a handler that has failed, until it stands in its buffers again. */
  #failing: readonly InFlight[] = [];

  constructor(parts: HandlerLoopParts) {
    this.#parts = parts;
    this.signal = parts.signal;
    const { actor, clock, logger, publisher } = parts;
    const { log: report } = new LogThrottle((sentence) => logger.error(sentence), clock);
    const send = (record: OutgoingRecord) => publisher.send(record);
    this.#beginSends = () => new ScopeSends({ name: `actor ${actor.name}`, send, report });
    this.#sends = this.#beginSends();
  }

  /** Until the signal aborts. */
  async run(): Promise<void> {
    const { actor: { handler }, blocks, clock, decoder } = this.#parts;
    this.#takeBack();
    const left = blocks.enter(this.#inFlightText);
    while (!this.ended) {
      const stream = this.#stream = new HandlerStream(this, decoder, clock);
      try {
        await this.#call(() => handler(stream));
        await stream.finish();
        if (!this.ended) await this.#returned(stream);
      } catch (error) {
        this.returned();
        this.#failing = stream.inFlight();
        stream.abandon();
        await this.#failed(this.#failing, error, stream.used ? "" : `. ${USE_STREAM}`);
      }
      this.#stream = undefined;
      this.#sends.end();
      this.#sends = this.#beginSends();
      this.#parts.buffers.letGo();
    }
    left();
  }

  /** Whether a call of the handler has not ended. */
  get inCall(): boolean {
    return this.#stream !== undefined;
  }

  inFlight(): readonly InFlight[] {
    return this.#stream?.inFlight() ?? [];
  }

  /** Since when its partition has its turn, on the monotonic clock. */
  get turnSince(): number {
    return this.#turn.since;
  }

  // The feed of its stream.

  get ended(): boolean {
    return this.signal.aborted;
  }

  get crowded(): boolean {
    return this.#parts.buffers.crowded;
  }

  get turned(): boolean {
    return this.#parts.yielder.turned;
  }

  get unsettled(): boolean {
    return this.#sends.unsettled;
  }

  take(holding: boolean): RecordBatchCursor | undefined {
    const now = this.#parts.clock.monotonic();
    const run = this.#parts.buffers.take(now, holding);
    if (run === undefined) return undefined;
    void this.#parts.yielder.due(now); // from here on what runs is counted, whatever was waited for before
    this.#turn.begin(run, now);
    return run;
  }

  wait(limitMs?: number): Promise<void> {
    return this.#parts.buffers.wait(limitMs);
  }

  extend(run: RecordBatchCursor): boolean {
    if (!run.ours || run.handedOut) return false;
    const { clock, counts, buffers, yielder } = this.#parts;
    const now = clock.monotonic();
    this.#turn.look(now);
    run.limit = run.index; // for the answer no
    if (buffers.retryIsDue(now) || yielder.due(now)) return false;
    if (this.#turn.isOver(now)) {
      if (buffers.othersReady) return false;
      counts.handled += this.#turn.renew(run, now);
    }
    this.#turn.raise(run);
    return true;
  }

  release(run: RecordBatchCursor): void {
    this.#parts.counts.handled += this.#turn.count(run);
    this.#parts.buffers.release(run);
  }

  done(messages: readonly InFlight[]): void {
    const { failures, buffers } = this.#parts;
    for (const each of messages) buffers.done(each);
    if (failures.waiting) { for (const { run } of messages) failures.done(run.partition); }
    buffers.letGo();
  }

  deadLetter(run: RecordBatchCursor, message: Message, error: unknown): Promise<boolean> {
    return this.#parts.failures.undecodable(run, message, error);
  }

  rest(): Promise<void> | undefined {
    return this.#parts.yielder.due();
  }

  returned(): void {
    this.#parts.blocks.returned(this.#inFlightText);
  }

  settle(): Promise<void> {
    return this.#sends.settle();
  }

  #call(handler: () => Promise<void>): Promise<void> {
    const { actor, calls, context, running } = this.#parts;
    const call = async () => await runAs(calls, running, handler);
    const scope = this.#sends;
    return origin.run({ about: { actor: actor.name }, scope }, () => context.run(scope, call));
  }

  /** It should not have, but what it had in hand is done. */
  async #returned({ used }: HandlerStream): Promise<void> {
    const { actor: { name }, logger, sleep } = this.#parts;
    const why = used ? " although its stream goes on" : ` without reading its stream. ${USE_STREAM}`;
    logger.warn(`The handler of ${name} has returned${why}. It is called again.`);
    await sleep(TROUBLE_PAUSE_MS, this.signal);
  }

  async #failed(held: readonly InFlight[], error: unknown, advice: string): Promise<void> {
    const { actor: { name }, failures, logger, sleep } = this.#parts;
    if (this.ended) return failures.endedUnfinished(held, error);
    await this.#sends.forget();
    if (this.ended) return;
    if (held.length === 0) {
      logger.error(`The handler of ${name} failed with no message in hand: ${describeThrown(error)}${advice}`);
      return await sleep(TROUBLE_PAUSE_MS, this.signal);
    }
    this.#failing = [];
    await failures.failed(held, error);
  }

  /** After a fault of this loop: what it had in hand is handed out again, rather than passed over. */
  #takeBack(): void {
    const held = [...this.#failing, ...this.inFlight()];
    this.#failing = [];
    this.#stream?.abandon();
    this.#stream = undefined;
    this.#parts.buffers.requeue(held, true);
    this.#parts.buffers.letGo();
  }

  readonly #inFlightText = (): string | undefined => {
    const [held] = this.inFlight();
    const last = held?.run.messages[held.to - 1];
    if (held === undefined || last === undefined) return undefined;
    const first = held.run.messages[Math.min(held.from, this.#turn.lookedFrom)] ?? last;
    const between = first === last ? "" : ` (or another since offset ${first.offset}, which it had in a row)`;
    return `actor ${this.#parts.actor.name} with ${at(held.run, last)}${between}`;
  };
}
