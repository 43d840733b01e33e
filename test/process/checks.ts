import assert from "node:assert/strict";
import { committed, endOffsets } from "../support/kafkajs-oracle.ts";
import { until } from "../support/until.ts";
import { countBy, type StoredTick, type Worker, type WorkerCluster } from "./cluster.ts";

/** The first tick of another master. */
export function nextMaster(cluster: WorkerCluster, old: Worker): Promise<StoredTick> {
  return until(async () => {
    const ticks = await cluster.ticks();
    const last = ticks.findLastIndex(({ pid }) => pid === old.pid);
    return ticks[last + 1];
  }, { within: 30_000, every: 100 });
}

/** No slot is published twice. */
export function onceASlot(ticks: StoredTick[], interval: number): void {
  const twice = [...countBy(ticks, ({ slot }) => slot)].filter(([, count]) => count > 1);
  assert.deepEqual(twice, [], "no slot is published twice");
  for (const { slot } of ticks) assert.equal(slot % interval, 0);
}

/** How many slots there are from the first to the last tick. */
export function slotsOf(ticks: StoredTick[], interval: number): number {
  const [first = 0, last = 0] = [ticks[0]?.slot, ticks.at(-1)?.slot];
  return 1 + (last - first) / interval;
}

/** Every message of these is handled. */
export async function handledAll(cluster: WorkerCluster, ids: string[]): Promise<Map<string, number>> {
  const counts = () => countBy(cluster.events("handled"), ({ id }) => id);
  await allThere(cluster, () => {
    const found = counts();
    return ids.filter((id) => !found.has(id));
  });
  return counts();
}

/** Every message of these is handled by one worker, one time. */
export async function handledOnce(cluster: WorkerCluster, ids: string[]): Promise<void> {
  const found = await handledAll(cluster, ids);
  const twice = ids.filter((id) => found.get(id) !== 1);
  assert.deepEqual(twice, [], `handled twice\n${cluster.output()}`);
}

/** Every greeting in the topic is printed. */
export async function greetedAll(cluster: WorkerCluster): Promise<Map<string, number>> {
  const stored = (await cluster.stored("greet")).map(({ partition, offset }) => `${partition}@${offset}`);
  const greeted = () => countBy(cluster.events("greeted"), ({ partition, offset }) => `${partition}@${offset}`);
  await allThere(cluster, () => {
    const found = greeted();
    return stored.filter((place) => !found.has(place));
  });
  return greeted();
}

/** Every greeting in the topic is printed by one worker, one time. */
export async function greetedOnce(cluster: WorkerCluster): Promise<void> {
  const twice = [...await greetedAll(cluster)].filter(([, count]) => count > 1);
  assert.deepEqual(twice, [], `greeted twice\n${cluster.output()}`);
}

/** Waits until nothing is missing. */
async function allThere(cluster: WorkerCluster, missing: () => string[]): Promise<void> {
  try {
    await until(() => missing().length === 0, { within: 20_000, every: 50 });
  } catch (cause) {
    throw new Error(`these are not handled: ${missing()}\n${cluster.output()}`, { cause });
  }
}

/** The group knows that all of the work is done. */
export async function allCommitted(cluster: WorkerCluster, brokers: string[]): Promise<void> {
  const topic = cluster.topic("work");
  const ends = await endOffsets(brokers, topic);
  await until(async () => {
    const offsets = await committed(brokers, cluster.app, topic);
    return ends.every((end, partition) => end === 0n || offsets[partition] === end);
  }, { every: 200 });
}
