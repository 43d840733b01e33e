import { fileURLToPath } from "node:url";
import { python } from "./interop.ts";
import { type Program, runProgram } from "./process.ts";

const script = fileURLToPath(new URL("../broker/interop-load.py", import.meta.url));

/** In ms. */
const FINISH_TIMEOUT_MS = 60_000;

/** What has been acknowledged to the load, as far as it has said so. */
export class Promises {
  /** By topic and partition: offset to `producer number`. */
  readonly messages = new Map<string, Map<number, string>>();
  /** By topic, partition and key: the offset of its last message. */
  readonly lastOfKey = new Map<string, number>();
  /** By the transaction's number: how many messages it has. */
  readonly committed = new Map<number, number>();
  readonly aborted = new Set<number>();
  /** The last transaction with offsets that was committed: the offset is its number. */
  offsetInTransaction = 0;
  /** The last offset that was committed outside of transactions, in all partitions. */
  offset = 0;
  /** How many partitions a topic has; 0: it was deleted. */
  readonly topics = new Map<string, number>();
  count = 0;

  take([what, ...rest]: [string, ...unknown[]]): void {
    this.count++;
    switch (what) {
      case "message": {
        const [topic, partition, offset, who, n, key] = rest as [string, number, number, number, number, string];
        const place = `${topic} ${partition}`;
        const offsets = this.messages.get(place) ?? new Map<number, string>();
        this.messages.set(place, offsets.set(offset, `${who} ${n}`));
        this.lastOfKey.set(`${place} ${key}`, Math.max(offset, this.lastOfKey.get(`${place} ${key}`) ?? 0));
        break;
      }
      case "committed": {
        const [n, size, withOffset] = rest as [number, number, boolean];
        this.committed.set(n, size);
        if (withOffset) this.offsetInTransaction = n;
        break;
      }
      case "aborted":
        this.aborted.add(rest[0] as number);
        break;
      case "offset":
        this.offset = rest[0] as number;
        break;
      case "topic":
        this.topics.set(rest[0] as string, rest[1] as number);
        break;
      default:
        throw new Error(`the load: ${[what, ...rest].join(" ")}`);
    }
  }
}

/** librdkafka at work: an idempotent and a transactional producer, commits, a member of a group, topics. */
export class BrokerLoad {
  readonly promised = new Promises();
  readonly #program: Program;
  #next = 0;

  constructor(address: string, seed: number) {
    this.#program = runProgram(python, [script, address, String(seed)]);
  }

  /** Takes in what it has said since; gives how much that is in all. Throws if it has met what it must not meet. */
  hear(): number {
    for (; this.#next < this.#program.lines.length; this.#next++) {
      const { text, stream } = this.#program.lines[this.#next] ?? { text: "", stream: "stdout" };
      if (stream === "stdout") this.promised.take(JSON.parse(text));
    }
    return this.promised.count;
  }

  /** Has it finish what it has begun, and end. Throws, with where it is, if it does not. */
  async finish(): Promise<void> {
    this.#program.kill("SIGTERM");
    const late = setTimeout(() => {
      this.#program.kill("SIGUSR1");
      this.#program.waitFor(/Current thread/).finally(() => this.#program.kill("SIGKILL")).catch(() => {});
    }, FINISH_TIMEOUT_MS);
    const { code } = await this.#program.exit;
    clearTimeout(late);
    if (code !== 0) {
      throw new Error(`the load has not come to its end:\n${this.#program.stderr.slice(-100).join("\n")}`);
    }
    this.hear();
  }

  /** Ends it at once. */
  kill(): void {
    this.#program.kill("SIGKILL");
  }
}
