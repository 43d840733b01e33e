import { connect, createServer } from "node:net";

const LOCAL = "127.0.0.1";
const LAST = 65_535;

/** How long a connection to this machine may take. */
const CONNECT_TIMEOUT_MS = 500;

/**
 * Whether nothing listens on a port of this machine. Also asked by connecting: some systems let two programs listen on one
 * port, one of them on all addresses.
 */
export async function isFree(port: number, host: string = LOCAL): Promise<boolean> {
  if (await accepts(port, "::1") || await accepts(port, host)) return false;
  return await listens(port, host) !== undefined;
}

/** The first `count` free ports from `first` on; any free ones when that is 0. */
export async function freePorts(first: number, count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let port = first; ports.length < count && port <= LAST; port++) {
    if (first > 0) {
      if (await isFree(port)) ports.push(port);
      continue;
    }
    const any = await anyPort();
    if (!ports.includes(any)) ports.push(any);
  }
  return ports;
}

/** A port that is free now. */
export async function anyPort(host: string = LOCAL): Promise<number> {
  return await listens(0, host) ?? 0;
}

/** Whether something answers on a port. */
export function accepts(port: number, host: string = LOCAL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const over = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => over(false));
    socket.once("connect", () => over(true));
    socket.once("error", () => over(false));
  });
}

/** Listens for a moment; gives the port, or nothing when it is taken. */
function listens(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : undefined));
    });
  });
}
