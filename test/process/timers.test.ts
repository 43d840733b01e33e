/** What `timers`, `list` and `/` tell of what real workers have written down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kafkaForTests } from "../support/kafka.ts";
import { run } from "../support/process.ts";
import { until } from "../support/until.ts";
import { clusterOf, type Worker, type WorkerCluster } from "./cluster.ts";

const SLOT = 200;

/** A timer in the answer of `/`, and in that of `timers --json`, which has more of what comes. */
type Told = {
  name: string;
  rule: string | null;
  lastSlot: string | null;
  outcome: string | null;
  epoch: number | null;
  worker: string | null;
  error: string | null;
  ran: number | null;
  failed: number | null;
  skipped: number | null;
  caughtUp: number | null;
};
type Page = { worker: string; mastership: { master: boolean; epoch: number }; timers: Told[] };

const page = async (worker: Worker) => JSON.parse(JSON.stringify(await worker.status())) as Page;

const named = (timers: Told[] | undefined, name: string) => timers?.find((timer) => timer.name === name);

const when = (slot: string | null | undefined) => Date.parse(slot ?? "");

/** A command of the script in a process of its own; gives its output. */
async function command(cluster: WorkerCluster, url: string, words: string[], MODE: string): Promise<string> {
  const program = run("node", "test/process/fixtures/ticks.ts", words, {
    env: { MEPHISTO_URL: url, APP: cluster.app, MODE },
  });
  assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
  assert.deepEqual(program.stderr, []);
  return program.stdout.join("\n");
}

test("what two masters wrote down is told by timers, list and the web port", { timeout: 120_000 }, async (t) => {
  const { url } = await kafkaForTests();
  const cluster = clusterOf({ url, brokers: (await kafkaForTests()).brokers }, "told", { fixture: "ticks" });
  t.after(() => cluster.end());

  const first = cluster.start("bun", { env: { MODE: "precise" } });
  await until(() => first.events("half").length >= 2, { within: 30_000, every: 50 });
  const { worker: firstName } = await page(first);
  first.kill("SIGTERM");
  await first.exit;

  const second = cluster.start("node", { env: { MODE: "throws" } });
  const seen = await until(async () => {
    const answer = await page(second).catch(() => undefined);
    return (named(answer?.timers, "publish")?.failed ?? 0) >= 2 && answer;
  }, { within: 30_000, every: 100 });

  await t.test("the master's / has its own timer, and the one that only the journal knows", () => {
    assert.deepEqual([seen.mastership.master, seen.mastership.epoch], [true, 2]);
    const publish = named(seen.timers, "publish");
    assert.deepEqual([publish?.rule, publish?.epoch, publish?.worker], ["every 200ms", 2, seen.worker]);
    const half = named(seen.timers, "half");
    assert.deepEqual([half?.rule, half?.epoch, half?.worker, half?.outcome], [null, 1, firstName, "ok"]);
  });

  const third = cluster.start("deno", { env: { MODE: "throws" } });
  await t.test("the / of a worker that has never been master has what the master wrote down", async () => {
    const answer = await until(async () => {
      const { mastership, timers } = await page(third);
      return named(timers, "half") && !mastership.master && timers;
    }, { within: 30_000, every: 100 });
    const publish = named(answer, "publish");
    assert.deepEqual([publish?.epoch, publish?.worker], [2, seen.worker]);
    assert.ok((publish?.failed ?? 0) >= 2);
    assert.equal(named(answer, "half")?.worker, firstName);
  });
  third.kill("SIGTERM");
  await third.exit;

  second.kill("SIGTERM");
  await second.exit;
  const stored = (await cluster.stored("out")).map(({ value }) => JSON.parse(String(value)) as { slot: number });
  const told = JSON.parse(await command(cluster, url, ["timers", "--json", "--next", "2"], "throws"));

  await t.test("the counts are those of an independent reader", () => {
    const publish = named(told.timers, "publish");
    const slots = stored.map(({ slot }) => slot).sort((a, b) => a - b);
    const all = 1 + (when(publish?.lastSlot) - (slots[0] ?? 0)) / SLOT;
    assert.equal(publish?.ran, slots.length);
    // With catchUp "all" each slot was run; the ones that threw have published nothing.
    assert.equal(publish?.failed, all - slots.length);
    assert.equal(publish?.skipped, 0);
    assert.equal(publish?.outcome, slots.at(-1) === when(publish?.lastSlot) ? "ok" : "failed");
    assert.equal(publish?.error, publish?.outcome === "ok" ? null : "on purpose");
  });

  await t.test("the next slots follow one another, and a timer that is gone has none", () => {
    const coming: { slot: string }[] = told.timers.find(({ name }: Told) => name === "publish").next;
    const [one, two] = coming.map(({ slot }) => when(slot));
    assert.equal(coming.length, 2);
    assert.equal((one ?? NaN) % SLOT, 0);
    assert.equal((two ?? NaN) - (one ?? NaN), SLOT);
    assert.equal(told.timers.find(({ name }: Told) => name === "half").next, null);
  });

  await t.test("who was master last, and that it has resigned", () => {
    const { worker, epoch, resigned } = told.lastMaster;
    assert.deepEqual([worker, epoch, resigned], [seen.worker, 2, true]);
  });

  await t.test("the same in tables", async () => {
    const { lastSlot, worker } = named(told.timers, "half") ?? {};
    const row = new RegExp(
      `^half +in the journal, not in this script +the master +- +${
        lastSlot?.replace(/\.000Z$/, "Z")
      } +ok +1 +${worker} `,
      "m",
    );
    assert.match(await command(cluster, url, ["timers"], "throws"), row);
    assert.match(await command(cluster, url, ["list"], "throws"), row);
    assert.doesNotMatch(await command(cluster, url, ["timers"], "precise"), /not in this script/);
  });
});
