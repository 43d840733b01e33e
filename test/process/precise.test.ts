/** In a file of its own, as it waits for twenty seconds to pass, and needs little of the machine for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kafkaForTests } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { clusterOf, inTurn } from "./cluster.ts";

test(
  "a timer of 1 s whose function takes 0.5 s keeps its period, and never begins early",
  { timeout: 60_000 },
  async (t) => {
    const kafka = await kafkaForTests();
    const cluster = clusterOf(kafka, "precise", { fixture: "ticks", env: { MODE: "precise" } });
    t.after(() => cluster.end());
    const worker = cluster.start("node");
    // A busy machine may be too late for a slot; between those that it leaves out the period is kept.
    await until(() => inTurn(worker.events("half"), 1000) >= 15, { within: 50_000 });
    const halves = worker.events("half");
    assert.deepEqual(halves.filter(({ slot }) => slot % 1000 !== 0), []);
    // If each run pushed the next one on, all of the last would be late.
    const late = halves.slice(-5).map(({ at, slot }) => at - slot);
    assert.ok(Math.min(...late) < 500, `${late}`);
    // The broker's clock is this machine's; it says whole milliseconds.
    assert.deepEqual(halves.filter(({ at, slot }) => at < slot - 1), []);
  },
);
