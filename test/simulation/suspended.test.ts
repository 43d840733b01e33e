import assert from "node:assert/strict";
import { test } from "node:test";
import type { Standstill } from "../../src/testing/host.ts";
import { SESSION_MS } from "./faults.ts";
import { simulate } from "./simulation.ts";

const FROZEN_AT = 6000;
const LASTS = 5000;
const SEEDS = 3;
/** Of the simulated workers. */
const HEARTBEAT_INTERVAL_MS = SESSION_MS / 6;
/** The first of the two answers, on a quick line. */
const ROUND_TRIP_MS = 150;

/** What the master, whose machine stands still for longer than a session, does after that: when, in ms, and what. */
async function afterwards(seed: number, what: Standstill): Promise<{ after: number; line: string }[]> {
  const faults = [{ at: FROZEN_AT, kind: "freeze", victim: "master", lasts: LASTS, what }] as const;
  const { violation, lines } = await simulate(seed, { faults, keeps: true });
  assert.equal(violation, undefined, `seed ${seed}`);
  const all = lines.map((line) => {
    const [, at = "", text = ""] = /^\s*([\d.]+)\s+(.*)$/.exec(line) ?? [];
    return { after: Number(at) * 1000 - FROZEN_AT - LASTS, line: text };
  });
  const master = all.find(({ line }) => / goes on$/.test(line))?.line.split(" ")[0] ?? assert.fail("nobody thaws");
  assert.ok(
    all.some(({ line, after }) => after < 0 && !line.startsWith(master) && /is master/.test(line)),
    "another is",
  );
  return all.filter(({ line, after }) => after >= 0 && line.startsWith(master));
}

const isOver = (line: string) => /This worker is no longer master/.test(line);

for (const what of ["monotonic", "wall"] as const) {
  test(`where the time since the start is known a master begins nothing after a suspension (${what})`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const lines = await afterwards(seed, what);
      const over = lines.findIndex(({ line }) => isOver(line));
      assert.ok((lines[over]?.after ?? Infinity) < 1, `seed ${seed}`);
      const begun = lines.slice(0, over).filter(({ line }) => / ticks /.test(line));
      assert.deepEqual(begun, [], `seed ${seed}`);
    }
  });
}

test("where all clocks stood still the first answer ends mastership, within a heartbeat's interval", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const over = (await afterwards(seed, "all")).find(({ line }) => isOver(line));
    assert.ok((over?.after ?? Infinity) < HEARTBEAT_INTERVAL_MS + ROUND_TRIP_MS, `seed ${seed}: ${over?.after} ms`);
  }
});
