import { once } from "node:events";
import { createServer } from "node:net";
import process from "node:process";

/** The first of all ports, how many processes have a range of their own, and how long that is. */
const [FIRST, RANGES, LENGTH] = [10_500, 220, 100];
/** Coprime to the length, and so large that the next few after a port, which `dev` takes too, are not given out soon. */
const STEP = 7;

const range = FIRST + process.pid % RANGES * LENGTH;
let next = Math.floor(Math.random() * LENGTH);

/**
 * Free TCP ports on 127.0.0.1, all different.
 *
 * They lie below the range that the system hands out to outgoing connections: while a broker restarts on its port, a
 * client that reconnects must neither be given that port nor connect to itself. Each process takes them from a range of
 * its own, since a broker may listen only seconds after its port was found free, and another test looks for one as well.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    next = (next + STEP) % LENGTH;
    if (await isFree(range + next)) ports.add(range + next);
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
