/**
 * The fetcher against brokers as in fetch-world.ts. The dice are seeded: a run that fails fails again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Acknowledgements } from "../../../../src/core/acknowledgements.ts";
import { ByteBudget } from "../../../../src/core/byte-budget.ts";
import { BackgroundReports } from "../../../../src/core/background-reports.ts";
import type { Delivery } from "../../../../src/driver/driver.ts";
import { Fetcher } from "../../../../src/kafka/consumer/fetch/fetcher.ts";
import { Lines } from "../../../core/fakes.ts";
import { Earliest, nameOf, World } from "./fetch-world.ts";

const SEEDS = 10;
const PARTITIONS = 6;

interface Options {
  readonly keepsSessions: boolean;
  readonly recreates: boolean;
  readonly limit: number;
}

/** Lives through it; gives what went wrong. */
async function run(seed: number, { keepsSessions, recreates, limit }: Options): Promise<string[]> {
  const world = new World(seed, PARTITIONS);
  world.keepsSessions = keepsSessions;
  const { roll, faults } = world;
  const clock = { monotonic: () => world.now, wall: () => world.now };
  const lines = new Lines();
  const troubles = new BackgroundReports(lines, clock);
  const budget = new ByteBudget(limit);
  const waiting: { delivery: Delivery; acks: Acknowledgements | undefined }[] = [];
  const all = new Map<number, Acknowledgements>();
  /** By the topic's id and the partition: what is next. */
  const next = new Map<string, number>();
  const deliver = (delivery: Delivery) => {
    const acks = all.get(delivery.partition);
    if (!world.held.has(delivery.partition)) faults.push(`${delivery.partition} was delivered and is not held`);
    waiting.push({ delivery, acks });
  };
  const fetcher = new Fetcher(world, new Earliest(world), deliver, lines, clock, undefined, budget, troubles);
  const add = (partition: number) => {
    const topicId = world.topic("t")?.topicId ?? "";
    const offset = next.get(nameOf(topicId, partition)) ?? 0;
    const acks = new Acknowledgements({ topic: "t", partition }, offset, topicId);
    all.set(partition, acks);
    world.held.add(partition);
    fetcher.add(acks);
  };
  const remove = (partition: number) => {
    world.held.delete(partition);
    fetcher.remove({ topic: "t", partition });
  };
  const handle = () => {
    const { delivery, acks } = waiting.shift() ?? {};
    const opened = delivery?.open();
    for (const { value, offset } of opened?.messages ?? []) {
      const [topicId = "", partition] = new TextDecoder().decode(value?.subarray(0, 60)).split(" ");
      const name = nameOf(topicId, Number(partition));
      const expected = next.get(name) ?? 0;
      if (offset !== expected) faults.push(`${name}: ${offset} came, and ${expected} was expected`);
      if (acks !== all.get(Number(partition))) faults.push(`${name}: ${offset} came of an assignment that is over`);
      next.set(name, offset + 1);
    }
    opened?.acknowledge(opened.messages.length);
    delivery?.close();
  };
  const pass = async (ms: number) => {
    world.now += ms;
    mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  for (let partition = 0; partition < PARTITIONS; partition += 2) add(partition);
  for (let step = 0; step < 250; step++) {
    const partition = roll(PARTITIONS);
    switch (roll(8)) {
      case 0:
        if (world.held.has(partition)) remove(partition);
        if (roll(2) === 0) add(partition);
        break;
      case 1:
      case 2:
        for (let n = roll(6); n > 0; n--) world.log.sizes[partition]?.push(300 + roll(roll(4) === 0 ? 90_000 : 2000));
        break;
      case 3:
        if (roll(3) === 0) world.strike();
        break;
      case 4:
        if (recreates && roll(12) === 0) world.recreate();
        break;
      default:
        for (let n = roll(8); n > 0; n--) handle();
    }
    await pass(1 + roll(roll(5) === 0 ? 400 : 10));
  }
  world.calm = true;
  for (let partition = 0; partition < PARTITIONS; partition++) if (!world.held.has(partition)) add(partition);
  const rest = () =>
    world.log.sizes.flatMap((sizes, partition) => {
      const got = next.get(nameOf(world.log.topicId, partition)) ?? 0;
      return got === sizes.length ? [] : [`${partition} has come to ${got} of ${sizes.length}`];
    });
  for (let n = 0; n < 2000 && (rest().length > 0 || waiting.length > 0); n++) {
    await pass(10);
    while (waiting.length > 0) handle();
  }
  faults.push(...rest());
  for (let n = 0; n < 100; n++) await pass(20);
  faults.push(...troubles.all.map(({ reason }) => `trouble that is over is told: ${reason}`));
  if (budget.held !== 0) faults.push(`${budget.held} bytes are counted that nobody has`);
  if (!recreates) faults.push(...lines.of(/^error|^warn(?!: Broker \d at nobody:\d sent nothing for too long)/));
  fetcher.close();
  world.close();
  return faults;
}

const kinds: readonly (readonly [string, Options])[] = [
  ["sessions are kept", { keepsSessions: true, recreates: false, limit: 32 << 20 }],
  ["no sessions are kept", { keepsSessions: false, recreates: false, limit: 32 << 20 }],
  ["there is little room", { keepsSessions: true, recreates: false, limit: 150_000 }],
  ["topics are made again", { keepsSessions: true, recreates: true, limit: 1 << 20 }],
];

for (const [name, options] of kinds) {
  test(`whatever fails, each message comes once and in order: ${name}`, async (t) => {
    mock.timers.enable({ apis: ["setTimeout"] });
    t.after(() => mock.timers.reset());
    for (let seed = 1; seed <= SEEDS; seed++) {
      assert.deepEqual((await run(seed, options)).slice(0, 5), [], `seed ${seed}`);
    }
  });
}

test("of thousands of partitions with a backlog no more comes than there is room for, and each has its turn", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const world = new World(1, 2000);
  world.calm = true;
  const clock = { monotonic: () => world.now, wall: () => world.now };
  const budget = new ByteBudget(1 << 20);
  const waiting: Delivery[] = [];
  const deliver = (delivery: Delivery) => void waiting.push(delivery);
  const fetcher = new Fetcher(world, new Earliest(world), deliver, new Lines(), clock, undefined, budget);
  t.after(() => fetcher.close());
  for (const [partition, sizes] of world.log.sizes.entries()) {
    sizes.push(6000, 6000);
    world.held.add(partition);
    fetcher.add(new Acknowledgements({ topic: "t", partition }, 0, world.log.topicId));
  }
  let most = 0;
  const pass = async () => {
    world.now += 10;
    mock.timers.tick(10);
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, budget.held);
  };
  for (let n = 0; n < 300; n++) await pass();
  assert.ok(waiting.length > 100, `${waiting.length} came`);
  const firsts = new Set<number>();
  for (let n = 0; n < 3000 && firsts.size < 2000; n++) {
    for (const delivery of waiting.splice(0, 10)) {
      for (const { offset } of delivery.open()?.messages ?? []) if (offset === 0) firsts.add(delivery.partition);
      delivery.close();
    }
    await pass();
  }
  assert.equal(firsts.size, 2000);
  assert.ok(most < 1.75 * budget.limit, `${most} bytes were held, of 24 MB`);
});
