/** In a file of its own, as it waits for twenty seconds to pass, and needs little of the machine for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kafkaForTests } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { crewOf } from "./crew.ts";

test(
  "a timer of 1 s whose function takes 0.5 s keeps its period, and never begins early",
  { timeout: 60_000 },
  async (t) => {
    const kafka = await kafkaForTests();
    const crew = crewOf(kafka, "precise", { fixture: "ticks", env: { MODE: "precise" } });
    t.after(() => crew.end());
    const worker = crew.start("node");
    await until(() => worker.did("half").length > 20, { within: 40_000 });
    const halves = worker.did("half");
    const slots = halves.map(({ slot }) => slot);
    assert.deepEqual(slots, slots.map((_, index) => (slots[0] ?? 0) + index * 1000));
    // The broker's clock is this machine's; it says whole milliseconds.
    assert.deepEqual(halves.filter(({ at, slot }) => at < slot - 1), []);
  },
);
