import type { Acknowledgements } from "../core/acknowledgements.ts";
import type { ByteBudget } from "../core/byte-budget.ts";
import { RecordBatchCursor } from "../core/message.ts";
import type { Delivery, TopicPartition } from "../driver/driver.ts";
import type { Host } from "./host.ts";
import type { MemoryLog } from "./memory-log.ts";
import { ANSWER_MS, Line, type Network } from "./network.ts";

/** How long the log waits for something to read before it answers that there is nothing. */
const LONG_POLL_MS = 5000;
/** After a failure. */
const RETRY_PAUSE_MS = 200;
/** Deliveries of a partition that are not closed yet: no more is asked for. */
const MOST_OPEN = 2;

/** A partition that a member reads. */
export class Reader implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly acks: Acknowledgements;
  readonly #log: MemoryLog;
  readonly #host: Host;
  readonly #line: Line;
  readonly #deliver: (delivery: Delivery) => void;
  readonly #budget: ByteBudget | undefined;
  #next: number;
  #stopped = false;
  #open = 0;
  #room: (() => void) | undefined;

  constructor(
    log: MemoryLog,
    network: Network,
    host: Host,
    acks: Acknowledgements,
    deliver: (delivery: Delivery) => void,
    budget: ByteBudget | undefined,
  ) {
    this.#budget = budget;
    this.topic = acks.topic;
    this.partition = acks.partition;
    this.acks = acks;
    this.#next = acks.position;
    this.#log = log;
    this.#host = host;
    this.#line = new Line(network, host);
    this.#deliver = deliver;
  }

  /** Reads until it is stopped. */
  async read(topicId: string): Promise<void> {
    let id = this.acks.topicId = topicId;
    while (!this.#stopped) {
      try {
        if (this.#open >= MOST_OPEN) await new Promise<void>((resolve) => this.#room = resolve);
        if (this.#stopped) return;
        id = await this.#readOnce(id);
      } catch {
        if (!this.#stopped) await this.#host.sleep(RETRY_PAUSE_MS);
      }
    }
  }

  /** Reads no more; what was delivered may be handled still. */
  stop(): void {
    this.#stopped = true;
    this.#line.close();
    this.#room?.();
  }

  async #readOnce(id: string): Promise<string> {
    const from = this.#next;
    const answer = await this.#line.call<Parameters<Parameters<MemoryLog["fetch"]>[4]>[0]>(
      "Fetch",
      LONG_POLL_MS + ANSWER_MS,
      (reply) => this.#log.fetch(this, id, from, LONG_POLL_MS, reply),
    );
    if (this.#stopped) return id;
    if (answer.error) return await this.#beginAnew(id);
    if (answer.next <= from) return id;
    this.#next = answer.next;
    const acknowledge = this.acks.acknowledger();
    this.#open++;
    let size = answer.messages.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
    this.#budget?.add(size);
    const { topic, partition } = this;
    this.#deliver({
      topic,
      partition,
      get bytes() {
        return size;
      },
      open: () => {
        // A message that was in hand when the partition was lost may have been finished since it came back.
        const messages = answer.messages.filter(({ offset }) => offset >= this.acks.position);
        return new RecordBatchCursor(topic, partition, messages, answer.next, acknowledge);
      },
      close: () => {
        this.#open--;
        this.#budget?.release(size);
        size = 0;
        this.#room?.();
        this.#room = undefined;
      },
    });
    return id;
  }

  /** What would be read is gone, or the topic is another one: goes on at its earliest offset. */
  async #beginAnew(id: string): Promise<string> {
    const { topic } = this;
    const found = await this.#line.call<{ id: string; start: number } | undefined>(
      "ListOffsets",
      ANSWER_MS,
      (reply) => {
        const log = this.#log.partition(this);
        reply(log && { id: this.#log.topics.get(topic)?.id ?? "", start: log.start });
      },
    );
    if (found === undefined) {
      await this.#host.sleep(RETRY_PAUSE_MS);
      return id;
    }
    this.#next = found.start;
    this.acks.reset(found.start, found.id);
    return found.id;
  }
}
