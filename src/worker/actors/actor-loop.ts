import type { ActorDefinition } from "../../core/actor.ts";
import { MephistoError } from "../../core/errors.ts";
import type { Decoder } from "../../core/feed.ts";
import { withFields } from "../../core/logger.ts";
import { decodeKey, decodeValue } from "../../core/serializer.ts";
import type { Supervisor } from "../../core/supervisor.ts";
import type { Delivery } from "../../driver/driver.ts";
import { type CutOff, inFlightFor, type Running } from "../calls/stop.ts";
import { type ActorCounts, Failures, type FailuresParts } from "./failures.ts";
import { HandlerLoop, type HandlerLoopParts } from "./handler-loop.ts";
import { PartitionBuffers, type PartitionBuffersParts } from "./partition-buffers.ts";

export type ActorLoopParts =
  & Pick<PartitionBuffersParts, "budget" | "mayHaveLost">
  & Pick<FailuresParts, "deadLetters" | "troubles">
  & Pick<
    HandlerLoopParts,
    "publisher" | "context" | "calls" | "logger" | "clock" | "sleep" | "yielder" | "blocks"
  >
  & { readonly supervisor: Supervisor };

/**
 * Runs an actor's handler on the messages of the partitions that this worker holds. A handler that throws is called
 * again; the message that it threw at waits a while, and its partition with it, while the others go on.
 */
export class ActorLoop implements Running {
  readonly actor: ActorDefinition;
  readonly counts: ActorCounts = { handled: 0, failed: 0, deadLettered: 0 };
  readonly decoder: Decoder;
  readonly #parts: ActorLoopParts;
  readonly #buffers: PartitionBuffers;
  readonly #handler: HandlerLoop;
  readonly #failures: Failures;
  readonly #stop = new AbortController();
  /** Whether what is in hand is not waited for any more. */
  #cutOff = false;
  #running: Promise<void> = Promise.resolve();

  constructor(actor: ActorDefinition, parts: ActorLoopParts) {
    const { name, topic, keySerializer, valueSerializer } = actor;
    this.actor = actor;
    this.#parts = parts;
    this.decoder = {
      key: (bytes) => decodeKey(keySerializer, bytes),
      value: (bytes) => decodeValue(valueSerializer, bytes),
    };
    const common = { ...parts, actor, counts: this.counts, logger: withFields(parts.logger, { actor: name, topic }) };
    const buffers = this.#buffers = new PartitionBuffers({
      ...parts,
      topic,
      inFlight: () => this.#cutOff ? [] : this.#handler.inFlight(),
    });
    const failures = this.#failures = new Failures({ ...common, buffers });
    const { decoder } = this;
    this.#handler = new HandlerLoop({
      ...common,
      buffers,
      failures,
      decoder,
      signal: this.#stop.signal,
      running: this,
    });
  }

  start(): void {
    const { signal } = this.#stop;
    const { name } = this.actor;
    const options = { signal, endless: true, fields: { actor: name } };
    this.#running = this.#parts.supervisor.loop(`The loop of actor ${name}`, () => this.#handler.run(), options);
  }

  /** Hands out nothing more; resolves when the handler has come to its end. */
  async stop(): Promise<void> {
    this.end();
    await this.idle();
  }

  end(): void {
    const reason = new MephistoError("STOPPED", "The worker is stopping.");
    this.#stop.abort(reason);
    this.#buffers.end(reason);
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  /** What it acknowledges until its partitions are handed over counts. */
  cutOff(): readonly CutOff[] {
    const { name: actor } = this.actor;
    if (!this.#handler.inCall) return [];
    const held = this.#handler.inFlight();
    this.#cutOff = true;
    this.#buffers.letGo();
    if (held.length === 0) return [{ what: `The handler of ${actor} has not ended.`, fields: { actor } }];
    const how = inFlightFor(this.#parts.clock.monotonic() - this.#handler.turnSince);
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
    this.#buffers.assigned(partition);
  }

  /** Resolves when nothing of the partition is in hand. */
  async revoked(partition: number): Promise<void> {
    await this.#buffers.revoked(partition);
    this.#failures.gone(partition);
  }

  /** The partition is gone already: what is in hand of it cannot be acknowledged any more. */
  lost(partition: number): void {
    this.#buffers.lost(partition);
    this.#failures.gone(partition);
  }

  deliver(delivery: Delivery): void {
    this.#buffers.deliver(delivery);
  }

  get partitions(): number[] {
    return this.#buffers.partitions;
  }
}
