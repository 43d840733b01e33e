import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePorts } from "./ports.ts";

/** A TCP proxy under the test's control. */
export type Proxy = {
  port: number;
  url: string;
  /** Drops all connections and refuses new ones. */
  cut(): Promise<void>;
  /** Accepts connections, and keeps those it has, but forwards nothing: what the peers send is held back. */
  freeze(): void;
  /** Forwards every piece this many ms after it came in. */
  delay(ms: number): void;
  /** Undoes `cut`, `freeze` and `delay`; what was held back is forwarded. */
  heal(): Promise<void>;
  /** Bytes forwarded so far: to the target, and back from it. */
  bytes(): { sent: number; received: number };
  connections(): number;
  stop(): Promise<void>;
};

/**
 * Starts a proxy in front of a port of this machine.
 *
 * A Kafka client follows the addresses that the broker advertises, so a proxy of one's own only sees the bootstrap
 * connection. To stand between a worker and a broker use `startKafka({ proxies: 1 })`.
 */
export async function startProxy({ targetPort, port }: { targetPort: number; port?: number }): Promise<Proxy> {
  const pairs = new Set<Pair>();
  const bytes = { sent: 0, received: 0 };
  const [free = 0] = port === undefined ? await freePorts(1) : [port];
  let frozen = false;
  let delayed = 0;
  let server: Server | undefined;

  const listen = async () => {
    const opened = createServer((client) => {
      const target = connect(targetPort, "127.0.0.1");
      const state = () => ({ frozen, delayed });
      const pair: Pair = {
        sockets: [client, target],
        pumps: [
          pump(client, target, state, (count) => bytes.sent += count),
          pump(target, client, state, (count) => bytes.received += count),
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
    opened.listen(free, "127.0.0.1");
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
    url: `kafka://127.0.0.1:${free}`,
    cut,
    freeze: () => {
      frozen = true;
    },
    delay: (ms) => {
      delayed = ms;
    },
    heal: async () => {
      frozen = false;
      delayed = 0;
      for (const pair of pairs) for (const flush of pair.pumps) flush();
      if (server === undefined) await listen();
    },
    bytes: () => ({ ...bytes }),
    connections: () => pairs.size,
    stop: cut,
  };
}

type Pair = { sockets: [client: Socket, target: Socket]; pumps: (() => void)[] };

/** Forwards what comes in, in order; gives back a function that looks again at what was held back. */
function pump(
  from: Socket,
  to: Socket,
  state: () => { frozen: boolean; delayed: number },
  count: (bytes: number) => void,
): () => void {
  const held: { piece: Uint8Array | "end"; at: number }[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    for (let next = held[0]; next !== undefined && !state().frozen; next = held[0]) {
      const wait = next.at + state().delayed - performance.now();
      if (wait > 0) {
        timer = setTimeout(flush, wait);
        return;
      }
      held.shift();
      if (next.piece === "end") {
        to.end();
      } else {
        count(next.piece.length);
        to.write(next.piece);
      }
    }
  };
  const hold = (piece: Uint8Array | "end") => {
    held.push({ piece, at: performance.now() });
    flush();
  };
  from.on("data", (piece: Uint8Array) => hold(piece));
  from.once("end", () => hold("end"));
  from.once("close", () => clearTimeout(timer));
  return flush;
}
