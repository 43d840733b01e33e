import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "./history.ts";
import { type Evidence, judge } from "./checker.ts";
import { Buffer } from "node:buffer";

const INTERVAL = 200;

function greeting(offset: number, slot: number, epoch: number, second = false): Evidence["ticks"][number] {
  const value = Buffer.from(JSON.stringify({ slot, epoch, pid: 1, ...(second && { second }) }));
  return { partition: 0, offset: BigInt(offset), timestamp: slot, key: null, value, headers: {} };
}

const ticks = [greeting(0, 1000, 1), greeting(1, 1000, 1, true), greeting(2, 1200, 1), greeting(3, 1400, 2)];
const first: Entry[] = [
  { what: "lease", at: 900, until: 1300 },
  { what: "master", at: 950, epoch: 1 },
  { what: "tick", at: 1000, slot: 1000, epoch: 1, left: 300 },
  { what: "woken", at: 1060, slot: 1000, left: 240, aborted: false },
  { what: "tick", at: 1200, slot: 1200, epoch: 1, left: 100 },
  { what: "handled", at: 1450, id: "work-0" },
];
const second: Entry[] = [
  { what: "lease", at: 1300, until: 6000 },
  { what: "master", at: 1350, epoch: 2 },
  { what: "tick", at: 1400, slot: 1400, epoch: 2, left: 4600 },
  ...ticks.map(({ partition, offset }): Entry => ({
    what: "greeted",
    at: 1500,
    id: `${partition}@${offset}`,
    slot: 0,
  })),
];
const well: Evidence = {
  histories: new Map([["process 1", first], ["process 2", second]]),
  ticks,
  due: ticks,
  sent: new Set(["work-0"]),
  interval: INTERVAL,
};

test("a run in which all holds is blamed for nothing", () => {
  assert.deepEqual(judge(well), []);
});

/** One mistake each, and what must be said of it. */
const mistakes: Record<string, [Partial<Evidence>, RegExp]> = {
  "a slot is missing": [{ ticks: ticks.toSpliced(2, 1) }, /^slot 1200 .* is in the topic 0 times$/],
  "half of a tick is missing": [{ ticks: ticks.toSpliced(1, 1) }, /^slot 1000 second .* is in the topic 0 times$/],
  "a slot is there twice": [{ ticks: [...ticks, greeting(4, 1200, 2)] }, /^slot 1200 .* is in the topic 2 times$/],
  "a slot is none": [{ ticks: [...ticks, greeting(4, 1300, 2)] }, /^slot 1300 is none$/],
  "an older master writes": [{ ticks: [...ticks, greeting(4, 1600, 1)] }, /^epoch 1 after 2/],
  "two are master": [
    { histories: changed("process 1", { what: "lease", at: 1000, until: 1390 }) },
    /^process 2 is master \(epoch 2\) 40 ms before the lease of process 1 /,
  ],
  "two have one epoch": [
    { histories: changed("process 2", { what: "master", at: 1350, epoch: 1 }) },
    /^epoch 1 is that of two workers$/,
  ],
  "a tick begins while another is inside": [
    { histories: changed("process 2", { what: "tick", at: 1150, slot: 1400, epoch: 2, left: 4600 }) },
    /^process 2 begins slot 1400 inside the term of process 1$/,
  ],
  "a tick begins without a lease": [
    { histories: changed("process 2", { what: "tick", at: 1400, slot: 1400, epoch: 2, left: -5 }) },
    /^process 2 begins slot 1400 without a lease$/,
  ],
  "a signal does not abort": [
    { histories: changed("process 1", { what: "woken", at: 1060, slot: 1000, left: -1, aborted: false }) },
    /^process 1 goes on with slot 1000: its signal has not aborted$/,
  ],
  "a send is not refused": [
    { histories: changed("process 1", { what: "woken", at: 1060, slot: 1000, left: -1, aborted: true }) },
    /^process 1 may still send in slot 1000 without a lease$/,
  ],
  "a message is lost": [{ sent: new Set(["work-0", "work-1"]) }, /^message work-1 has not been handled$/],
  "a greeting is lost": [{ due: [...ticks, greeting(9, 1400, 2)] }, /^greeting 0@9 has not been handled$/],
};

/** The histories with one entry of another kind or time: it takes the place of the one of its kind and slot. */
function changed(worker: string, entry: Entry): Evidence["histories"] {
  const slotOf = (one: Entry) => "slot" in one ? one.slot : undefined;
  const isSame = (one: Entry) => one.what === entry.what && slotOf(one) === slotOf(entry);
  const history = (well.histories.get(worker) ?? []).map((one) => isSame(one) ? entry : one);
  return new Map([...well.histories, [worker, history]]);
}

for (const [name, [mistake, said]] of Object.entries(mistakes)) {
  test(`it is found that ${name}`, () => {
    const lines = judge({ ...well, ...mistake });
    assert.ok(lines.some((line) => said.test(line)), lines.join("\n"));
  });
}
