import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { silent } from "../../src/core/logger.ts";
import { delay } from "../../src/core/delay.ts";
import { timer } from "../../src/core/define-timer.ts";
import { context } from "../../src/runtime/context.ts";
import { Master } from "../../src/worker/master/master.ts";
import type { Term } from "../../src/worker/master/mastership.ts";
import type { Scope } from "../../src/worker/calls/scope.ts";
import { TimerLoop } from "../../src/worker/timers/timer-loop.ts";
import { ConnectionLost } from "../../src/kafka/connection/errors.ts";
import { fakeApp, supervisorOf } from "../core/fakes.ts";
import { App, closeMasters, masterAt, type Meddling } from "../kafka/master/masters.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { startProxy } from "../support/proxy.ts";
import { readTopic } from "../support/kafkajs-oracle.ts";
import { type Chance, seeded } from "../support/random.ts";
import { until } from "../support/until.ts";

/** Of the timer. */
const SLOT_MS = 50;
const PARTITIONS = 3;
/** Another one is another test. */
const SEED = Number(process.env.SEED ?? 1);

/** A message of a tick. */
type Sent = { slot: number; epoch: number; part: number; name: string };

/** One who believes to be master for ever, whatever happens: nothing in it asks a lease. `url`: its way to the log. */
function zombie(app: App, name: string, url = app.url) {
  const { shop, definition } = fakeApp({}, app.id);
  const scopes = context<Scope>();
  const encode = (value: object) => new TextEncoder().encode(JSON.stringify(value));
  timer(shop, SLOT_MS / 1000, { name: "restock", onMaster: true, catchUp: "all" }, async ({ slot, epoch }) => {
    for (let part = 0; part < PARTITIONS; part++) {
      const value = encode({ slot, epoch, part, name });
      await scopes.get()?.send({ topic: app.topic, key: null, value, headers: [], timestamp: slot });
    }
  });
  const own = masterAt(url);
  const base = { worker: name, context: scopes, logger: silent, clock: systemClock, sleep: delay };
  const parts = { ...base, supervisor: supervisorOf(base) };
  const loops = [...definition.timers.values()].map((timer) => new TimerLoop(timer, parts));
  const end = new AbortController();
  const term: Term = {
    generation: 1,
    electedIn: 1,
    electedAt: -Infinity,
    signal: end.signal,
    get ended() {
      return end.signal.aborted ? "the test is over" : undefined;
    },
    holds: () => !end.signal.aborted,
  };
  const yields: string[] = [];
  const master = new Master({
    ...parts,
    definition,
    log: own.log,
    journalId: app.state.id,
    sessionTimeout: 1500,
    version: "",
    timers: loops,
    tasks: [],
    yieldMastership: (why) => void yields.push(why),
    // It is back soon.
    sleep: (ms, signal) => delay(ms / 20, signal),
  });
  return {
    ...own,
    master,
    yields,
    begin: () => master.begin(term),
    async end() {
      end.abort();
      await Promise.all(loops.map((loop) => loop.idle()));
    },
  };
}

/**
 * What a network and a frozen process do to requests: they are late, are lost, or their answers are; they arrive, on a
 * connection that nobody listens to any more, when the one who sent them has long gone on.
 */
function trouble(chance: Chance, url: string, isOver: () => boolean): Meddling {
  const elsewhere = masterAt(url).cluster;
  return async (call, send) => {
    const what = isOver() ? 1 : chance();
    const lost = () => new ConnectionLost("the broker", "the test lost it");
    if (what < 0.06) await delay(300 * chance());
    else if (what < 0.09) {
      await send();
      throw lost();
    } else if (what < 0.11) throw lost();
    else if (what < 0.15) {
      void delay(10 + 400 * chance()).then(() => elsewhere.ask(call)).catch(() => {});
      throw lost();
    }
    return await send();
  };
}

describe("masters that never ask whether their lease holds", { timeout: 120_000 }, () => {
  after(closeMasters);

  test("publish every slot once, however often they fence one another", async () => {
    const app = await new App(await kafkaForTests()).start({ partitions: PARTITIONS });
    const chance = seeded(SEED);
    let isOver = false;
    const zombies = ["a", "b", "c"].map((name) => zombie(app, name));
    for (const { cluster } of zombies) cluster.meddle = trouble(chance, app.url, () => isOver);
    for (const { begin } of zombies) begin();
    try {
      // Who is master for how long is chance: it may take more than twelve until each has had its turn.
      await until(async () => {
        const all = await stored(app);
        const names = new Set(all.map(({ name }) => name));
        return names.size === zombies.length && new Set(all.map(({ epoch }) => epoch)).size >= 12;
      }, { within: 60_000, every: 250 });
    } finally {
      isOver = true;
      await Promise.all(zombies.map(({ end }) => end()));
    }
    everySlotOnce(await stored(app));
    assert.equal(
      new Set((await stored(app)).map(({ name }) => name)).size,
      zombies.length,
      "all of them have published",
    );
  });

  test("one whose transactions hang gives up, whatever its lease says, and another goes on where it stands", async () => {
    const app = await new App(await kafkaForTests()).start({ partitions: PARTITIONS });
    const proxy = await startProxy({
      targetPort: Number(new URL(app.url.replace("kafka:", "http:")).port),
      readdress: true,
    });
    const hanging = zombie(app, "hanging", proxy.url);
    const next = zombie(app, "next");
    try {
      hanging.begin();
      await until(async () => (await stored(app)).length > 0);
      // Only what the log answers to the master is held up: nothing is wrong with the group's connection, or the lease.
      proxy.freeze("received");
      await until(() => hanging.yields.length > 0);
      assert.match(hanging.master.trouble ?? "", /^This worker is elected and could not tick for/);
      next.begin();
      await until(async () => (await stored(app)).some(({ name }) => name === "next"));
      await proxy.heal();
    } finally {
      await Promise.all([hanging.end(), next.end()]);
      await proxy.stop();
    }
    everySlotOnce(await stored(app));
  });
});

/** What an independent reader finds. */
async function stored(app: App) {
  return (await readTopic(app.brokers, app.topic)).map(({ value, partition }) => {
    const message: Sent = JSON.parse(String(value));
    return { ...message, partition };
  });
}

function everySlotOnce(messages: readonly (Sent & { partition: number })[]): void {
  const slots = messages.map(({ slot }) => slot);
  const [first, last] = [Math.min(...slots), Math.max(...slots)];
  const wanted = Array.from({ length: 1 + (last - first) / SLOT_MS }, (_, index) => first + index * SLOT_MS)
    .flatMap((slot) => Array.from({ length: PARTITIONS }, (_, part) => `${slot} ${part}`));
  assert.deepEqual(messages.map(({ slot, part }) => `${slot} ${part}`).sort(), wanted);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const epochs = messages.filter((message) => message.partition === partition).map(({ epoch }) => epoch);
    assert.deepEqual(epochs, epochs.toSorted((a, b) => a - b));
  }
}
