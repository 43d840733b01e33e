import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePorts } from "./ports.ts";

/** A TCP proxy under the test's control. */
export type Proxy = {
  port: number;
  url: string;
  /** Drops all connections and refuses new ones. */
  cut(): Promise<void>;
  /**
   * Accepts connections, and keeps those it has, but forwards nothing (or nothing in one direction): what the peers send
   * is held back.
   */
  freeze(way?: Way): void;
  /** Forwards every piece this many ms after it came in; in one direction: half of a round trip, or a slow answer. */
  delay(ms: number, way?: Way): void;
  /**
   * The line takes so many bytes a second in each direction, which all connections share by turns. What does not fit
   * waits: little of it here, the rest in the buffers of the peers.
   */
  limit(bytesPerSecond: number): void;
  /** Changes what comes back from the target, piece by piece; `undefined` swallows it. */
  alter(change: Change): void;
  /** Swallows the answers to requests of this API, by its key, from the next one on; gives how many so far. */
  swallowAnswers(apiKey: number): () => number;
  /** Undoes `cut`, `freeze`, `delay`, `limit`, `alter` and `swallowAnswers`; what was held back is forwarded. */
  heal(): Promise<void>;
  /** Bytes forwarded so far: to the target, and back from it. */
  bytes(): { sent: number; received: number };
  connections(): number;
  stop(): Promise<void>;
};

/** To the target, or back from it. */
export type Way = "sent" | "received";

/** What becomes of a piece of what the target has sent. It may not be changed in place. */
export type Change = (piece: Uint8Array) => Uint8Array | undefined;

/**
 * Starts a proxy in front of a port of this machine. It forwards every byte as it is, unless it is told otherwise, and is a
 * bad line when it is asked to: `limit` (bandwidth), `delay` (round trips, slow answers), `freeze`, `cut`. The chaos does
 * the same to its workers by the proxies of `startKafka`.
 *
 * A Kafka client follows the addresses that the broker advertises, so a proxy of one's own only sees the bootstrap
 * connection. To stand between a worker and a broker use `startKafka({ proxies: 1 })`.
 */
export async function startProxy(
  { targetPort, port, host = "127.0.0.1", readdress = false }: {
    targetPort: number;
    port?: number;
    host?: string;
    /** Tell clients the proxy's port where the broker tells its own: for a broker that advertises one address only. */
    readdress?: boolean;
  },
): Promise<Proxy> {
  const pairs = new Set<Pair>();
  const bytes = { sent: 0, received: 0 };
  const [free = 0] = port === undefined ? await freePorts(1) : [port];
  const frozen = { sent: false, received: false };
  const delayed = { sent: 0, received: 0 };
  const lines = { sent: new Line(), received: new Line() };
  let change: Change | undefined;
  let swallow: { apiKey: number; count: number } | undefined;
  let server: Server | undefined;

  const listen = async () => {
    const opened = createServer((client) => {
      const target = connect(targetPort, "127.0.0.1");
      const state = (way: Way) => () => ({ frozen: frozen[way], delayed: delayed[way], line: lines[way] });
      /** The requests on this connection whose answers are swallowed, by correlation id. */
      const unanswered = new Set<number>();
      const pair: Pair = {
        sockets: [client, target],
        pumps: [
          pump(client, target, state("sent"), (count) => bytes.sent += count, (piece) => {
            const request = swallow && requestOf(piece);
            if (request && request.apiKey === swallow?.apiKey) unanswered.add(request.correlationId);
            return piece;
          }),
          pump(target, client, state("received"), (count) => bytes.received += count, (piece) => {
            if (piece.length >= 8 && unanswered.delete(Buffer.from(piece).readInt32BE(4))) {
              if (swallow) swallow.count++;
              return undefined;
            }
            const told = readdress ? withPort(piece, targetPort, free) : piece;
            return change ? change(told) : told;
          }),
        ],
      };
      pairs.add(pair);
      for (const socket of pair.sockets) {
        socket.setNoDelay(true);
        // A test that fails before it stops its proxy must not keep its process alive.
        socket.unref();
        socket.on("error", () => {});
        socket.once("close", () => {
          pairs.delete(pair);
          for (const one of pair.sockets) one.destroy();
        });
      }
    });
    server = opened;
    opened.listen(free, host);
    await once(opened, "listening");
    opened.unref();
  };
  const cut = async () => {
    const closing = server;
    if (closing === undefined) return;
    server = undefined;
    const closed = once(closing, "close");
    closing.close();
    for (const pair of pairs) for (const socket of pair.sockets) socket.destroy();
    await closed;
  };

  await listen();
  return {
    port: free,
    url: `kafka://${host}:${free}`,
    cut,
    freeze: (way) => {
      frozen.sent = way !== "received";
      frozen.received = way !== "sent";
    },
    delay: (ms, way) => {
      if (way !== "received") delayed.sent = ms;
      if (way !== "sent") delayed.received = ms;
    },
    limit: (bytesPerSecond) => {
      lines.sent.bytesPerSecond = lines.received.bytesPerSecond = bytesPerSecond;
    },
    alter: (by) => {
      change = by;
    },
    swallowAnswers: (apiKey) => {
      const swallowing = swallow = { apiKey, count: 0 };
      return () => swallowing.count;
    },
    heal: async () => {
      swallow = undefined;
      frozen.sent = frozen.received = false;
      delayed.sent = delayed.received = 0;
      lines.sent.bytesPerSecond = lines.received.bytesPerSecond = Infinity;
      change = undefined;
      for (const pair of pairs) for (const flush of pair.pumps) flush();
      if (server === undefined) await listen();
    },
    bytes: () => ({ ...bytes }),
    connections: () => pairs.size,
    stop: cut,
  };
}

/** What a piece asks for, if it is the whole of a request, as small ones are. */
function requestOf(piece: Uint8Array): { apiKey: number; correlationId: number } | undefined {
  const bytes = Buffer.from(piece);
  if (bytes.length < 12 || bytes.readInt32BE(0) !== bytes.length - 4) return undefined;
  return { apiKey: bytes.readInt16BE(4), correlationId: bytes.readInt32BE(8) };
}

/** The same with another port after each `127.0.0.1`, as in the protocol's lists of brokers. */
function withPort(piece: Uint8Array, from: number, to: number): Uint8Array {
  const told = Buffer.from(piece);
  const at = (port: number) => {
    const address = Buffer.from("127.0.0.1\0\0\0\0");
    address.writeInt32BE(port, 9);
    return address;
  };
  const address = at(from);
  for (let index = told.indexOf(address); index >= 0; index = told.indexOf(address, index)) at(to).copy(told, index);
  return told;
}

type Pair = { sockets: [client: Socket, target: Socket]; pumps: (() => void)[] };

/** What is forwarded at a time over a limited line: small, so that nobody waits long for his turn. */
const SLICE_BYTES = 4096;
/** More than this is not held back of one connection of a limited line: the peer's own buffers fill. */
const HELD_BYTES = 64 << 10;

/** A line that all connections share: whoever has something due gets a slice of it in turn. */
class Line {
  bytesPerSecond = Infinity;
  readonly #waiting: (() => number)[] = [];
  #freeAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `forward` forwards at most a slice and says how many bytes that were. */
  wait(forward: () => number): void {
    this.#waiting.push(forward);
    this.#run();
  }

  #run(): void {
    if (this.#timer !== undefined) return;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const now = performance.now();
      if (this.bytesPerSecond < Infinity && this.#freeAt > now + 1) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#run();
        }, this.#freeAt - now);
        this.#timer.unref();
        return;
      }
      this.#waiting.shift();
      this.#freeAt = Math.max(this.#freeAt, now) + next() / this.bytesPerSecond * 1000;
    }
  }
}

/** Forwards what comes in, in order; gives back a function that looks again at what was held back. */
function pump(
  from: Socket,
  to: Socket,
  state: () => { frozen: boolean; delayed: number; line: Line },
  count: (bytes: number) => void,
  change: Change = (piece) => piece,
): () => void {
  const held: { piece: Uint8Array | "end"; at: number }[] = [];
  let heldBytes = 0;
  let inLine = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const forward = (piece: Uint8Array) => {
    count(piece.length);
    heldBytes -= piece.length;
    to.write(piece);
    if (from.isPaused() && heldBytes <= HELD_BYTES) from.resume();
  };
  const flush = () => {
    clearTimeout(timer);
    const { frozen, delayed, line } = state();
    for (let next = held[0]; next !== undefined && !frozen && !inLine; next = held[0]) {
      const wait = next.at + delayed - performance.now();
      if (wait > 0) {
        timer = setTimeout(flush, wait);
        return;
      }
      if (next.piece === "end") {
        held.shift();
        to.end();
      } else if (line.bytesPerSecond === Infinity) {
        held.shift();
        forward(next.piece);
      } else {
        inLine = true;
        line.wait(takeSlice);
      }
    }
  };
  const takeSlice = () => {
    inLine = false;
    const [next] = held;
    if (next === undefined || next.piece === "end" || state().frozen || to.destroyed) return 0;
    const slice = next.piece.subarray(0, SLICE_BYTES);
    if (slice.length === next.piece.length) held.shift();
    else next.piece = next.piece.subarray(SLICE_BYTES);
    forward(slice);
    queueMicrotask(flush);
    return slice.length;
  };
  const hold = (piece: Uint8Array | "end") => {
    held.push({ piece, at: performance.now() });
    if (piece !== "end") heldBytes += piece.length;
    flush();
    if (heldBytes > HELD_BYTES && state().line.bytesPerSecond < Infinity) from.pause();
  };
  from.on("data", (piece: Uint8Array) => {
    const changed = change(piece);
    if (changed) hold(changed);
  });
  from.once("end", () => hold("end"));
  from.once("close", () => clearTimeout(timer));
  return flush;
}
