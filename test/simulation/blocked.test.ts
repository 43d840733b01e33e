import assert from "node:assert/strict";
import { test } from "node:test";
import { Lines } from "../core/fakes.ts";
import { bytes } from "../kafka/support.ts";
import { memoryCluster } from "./memory-cluster.ts";
import { APP, PARTITIONS, SimWorker, TOPIC } from "./sim-worker.ts";

const SESSION = 6000;
const BLOCKS = 8000;
const EACH = 3;

for (const count of [1, 2]) {
  test(`${count} workers whose every message blocks for longer than a session finish a topic`, async (t) => {
    const { time, random, log, pump, process } = memoryCluster(7);
    t.after(() => pump.stop());
    const handled = new Map<string, number>();
    const lines = new Lines();
    const workers = Array.from({ length: count }, (_, index) => {
      const { host, driver } = process(`worker-${index}`);
      const handle = async (partition: number, offset: number) => {
        // Nothing of this process runs; what has come meanwhile is looked after before the handler comes back.
        host.freeze();
        time.after(BLOCKS, () => host.thaw());
        await host.sleep(0);
        handled.set(`${partition}/${offset}`, (handled.get(`${partition}/${offset}`) ?? 0) + 1);
      };
      return new SimWorker(
        host,
        driver,
        SESSION,
        { handle, tick: () => Promise.resolve() },
        () => random.next(),
        lines,
      );
    });
    for (const worker of workers) worker.start();
    await pump.until(() => log.topics.has(TOPIC));
    const { driver: producer } = process("sender");
    for (let sent = 0; sent < PARTITIONS * EACH; sent++) {
      await producer.publisher.send({ topic: TOPIC, key: null, value: bytes(`${sent}`), headers: [], timestamp: 0 });
    }
    const { offsets } = log.group(APP);
    const ends = log.topics.get(TOPIC)?.partitions.map(({ end }) => end) ?? [];
    const left = () => ends.reduce((sum, end, p) => sum + end - (offsets.get(`${TOPIC}/${p}`) ?? 0), 0);
    await pump.until(() => left() === 0, { within: 3 * BLOCKS * PARTITIONS * EACH });
    assert.equal(handled.size, PARTITIONS * EACH);
    assert.ok(Math.max(...handled.values()) <= count, "no worker handles a message twice");
    assert.match(
      lines.all.find((line) => /blocked it/.test(line)) ?? "",
      /actor say with sim-say\[\d\] at offset \d blocked/,
    );
    for (const { worker } of workers) void worker.stop();
    await pump.until(() => workers.every(({ worker }) => worker.status().state === "stopped"), { within: 60_000 });
  });
}
