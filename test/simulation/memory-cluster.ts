import { type Assign, plan } from "../../src/driver/group-plan.ts";
import { Host } from "../../src/testing/host.ts";
import { MemoryDriver } from "../../src/testing/memory-driver.ts";
import { MemoryLog } from "../../src/testing/memory-log.ts";
import { Network } from "../../src/testing/network.ts";
import { Random } from "../../src/testing/random.ts";
import { VirtualTime } from "../../src/testing/time.ts";
import { Pump } from "./pump.ts";

/** A log in memory, and a network to it, whose time passes as fast as it can until the pump is stopped. */
export function memoryCluster(seed: number) {
  const time = new VirtualTime();
  const random = new Random(seed);
  const network = new Network(time, random);
  const log = new MemoryLog(time, random);
  const pump = new Pump(time);
  void pump.run();
  /** A process, and its way to the log. */
  const process = (name: string, assign: Assign = plan) => {
    const host = new Host(name, time);
    return { host, driver: new MemoryDriver({ log, network, host, assign }) };
  };
  return { time, random, network, log, pump, process };
}
