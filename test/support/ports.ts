import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Free TCP ports on 127.0.0.1, all different.
 *
 * They lie below the range that the system hands out to outgoing connections: while a broker restarts on its port, a
 * client that reconnects must neither be given that port nor connect to itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 10_500 + Math.floor(Math.random() * 22_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
