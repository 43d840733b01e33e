import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import type { Driver } from "../driver/driver.ts";

/** What is appended to a topic's name for the messages that could not be handled. */
export const DEAD = ".dead";

/** The longest that an error becomes in a header, in characters. */
const LONGEST = 2000;

const encoder = new TextEncoder();

/** Where messages go that cannot be handled: as they were, with what went wrong in their headers. */
export class DeadLetters {
  readonly #driver: Driver;
  readonly #worker: string;
  readonly #clock: Clock;
  readonly #ensured = new Map<string, Promise<unknown>>();

  constructor(driver: Driver, worker: string, clock: Clock) {
    this.#driver = driver;
    this.#worker = worker;
    this.#clock = clock;
  }

  /** Resolves when the message has been written to `<topic>.dead`. Errors: as the driver's. */
  async add(
    at: { topic: string; partition: number },
    message: Message,
    error: unknown,
    attempts: number,
  ): Promise<void> {
    const topic = at.topic + DEAD;
    await this.#ensure(topic);
    const about = {
      "mephisto-error": messageOf(error).slice(0, LONGEST),
      "mephisto-topic": at.topic,
      "mephisto-partition": String(at.partition),
      "mephisto-offset": String(message.offset),
      "mephisto-attempts": String(attempts),
      "mephisto-worker": this.#worker,
    };
    const old = message.headers.flatMap(([name, value]): [string, Uint8Array][] =>
      value === null || name in about ? [] : [[name, value]]
    );
    const added = Object.entries(about).map(([name, value]): [string, Uint8Array] => [name, encoder.encode(value)]);
    const { key, value } = message;
    // A producer may have sent any timestamp; one that is no whole number cannot be sent again.
    const timestamp = Number.isSafeInteger(message.timestamp) ? message.timestamp : this.#clock.wall();
    await this.#driver.publisher.send({ topic, key, value, headers: [...old, ...added], timestamp });
  }

  /** The topic is created when it is first needed. */
  async #ensure(topic: string): Promise<void> {
    let ensured = this.#ensured.get(topic);
    if (ensured === undefined) {
      ensured = this.#driver.ensureTopics([{ topic, partitions: 1, replicationFactor: -1 }]);
      this.#ensured.set(topic, ensured);
      ensured.catch(() => this.#ensured.delete(topic));
    }
    await ensured;
  }
}
