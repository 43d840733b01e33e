import assert from "node:assert/strict";
import { test } from "node:test";
import { summaryOf } from "../../../src/core/master-work.ts";
import { listCommand } from "../../../src/cli/commands/list.ts";
import type { ScriptDefinition } from "../../../src/cli/host.ts";
import { runScript } from "../../../src/cli/script.ts";
import { timersCommand } from "../../../src/cli/commands/timers.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import { cronRule } from "../../../src/cron/rule.ts";
import type { Journal } from "../../../src/worker/master/journal/journal.ts";
import { exampleDefinition, FakeHost, FakeTerminal } from "../fake.ts";

/** What is known of the script's first timer without a journal. */
const GREETINGS = {
  name: "publishGreetings",
  rule: "every 2s",
  every: 2000,
  onMaster: true,
  overlap: "skip",
  runningSince: null,
  runningSlot: null,
  notRunning: null,
};

const NOW = Date.parse("2026-03-28T12:00:01Z");

/** The example with a timer by the calendar; `report` is on the night that clocks are put forward. */
function definition(): ScriptDefinition {
  const made = exampleDefinition();
  const [any] = made.timers.values();
  if (any) made.timers.set("report", { ...any, name: "report", rule: cronRule("30 2 * * *", "Europe/Berlin") });
  return made;
}

const JOURNAL: Journal = {
  rules: new Map(),
  running: new Map(),
  master: { epoch: 7, generation: 9, worker: "box-2", version: "v3", resigned: false },
  timers: new Map([
    ["publishGreetings", {
      slot: Date.parse("2026-03-28T12:00:00Z"),
      outcome: "ok",
      epoch: 7,
      worker: "box-2",
      ran: 120,
      failed: 1,
      skipped: 4,
      caughtUp: 2,
    }],
    // Every worker's: what a journal of an older script says of it is of another timer.
    ["cleanUp", {
      slot: 0,
      outcome: "ok",
      epoch: 1,
      worker: "old",
      ran: 1,
      failed: 0,
      skipped: 0,
      caughtUp: 0,
    }],
    ["retired", {
      slot: Date.parse("2026-01-01T08:00:00Z"),
      outcome: "failed",
      epoch: 3,
      worker: "box-1",
      ran: 5,
      failed: 5,
      skipped: 0,
      caughtUp: 0,
      error: "no such\n  table",
    }],
  ]),
};

async function run(command: "timers" | "list", flags: Record<string, string> = {}, host = new FakeHost()) {
  const terminal = new FakeTerminal([]);
  const make = command === "timers" ? timersCommand : listCommand;
  const code = await make(definition(), host, terminal, () => NOW).run(flags, []);
  return { code, out: terminal.stdout, err: terminal.stderr, host };
}

function knowing(journal: Journal | undefined): FakeHost {
  const host = new FakeHost();
  host.known = () => Promise.resolve(journal);
  return host;
}

function failing(error: Error): FakeHost {
  const host = new FakeHost();
  host.known = () => Promise.reject(error);
  return host;
}

test("timers shows what each has done, what comes, with the change of clocks, and who was master", async () => {
  const { code, out, err, host } = await run("timers", { next: "2" }, knowing(JOURNAL));
  assert.deepEqual([code, err, host.closed], [0, "", 1]);
  assert.equal(
    out,
    `TIMER             RUNS                                ON            OVERLAP  LAST SLOT             OUTCOME  EPOCH  WORKER  RAN  FAILED  SKIPPED  CAUGHT UP
publishGreetings  every 2s                            the master    skip     2026-03-28T12:00:00Z  ok       7      box-2   120  1       4        2
cleanUp           every 1m30s                         every worker  skip     -                     -        -      -       -    -       -        -
report            cron 30 2 * * * Europe/Berlin       the master    skip     -                     -        -      -       -    -       -        -
retired           in the journal, not in this script  the master    -        2026-01-01T08:00:00Z  failed   3      box-1   5    5       0        0

TIMER             NEXT SLOTS
publishGreetings  2026-03-28T12:00:02Z
                  2026-03-28T12:00:04Z
cleanUp           2026-03-28T12:01:30Z
                  2026-03-28T12:03:00Z
report            2026-03-29 02:30 → 03:00 +02:00 (clock change)
                  2026-03-30 02:30 +02:00

The last failure of retired: no such table
The last master is box-2 of version v3, epoch 7.
`,
  );
});

test("timers shows since when a run is under way that takes long, in a column of its own", async () => {
  const slot = Date.parse("2026-03-28T11:00:00Z");
  const running = new Map([["report", { slot, since: slot + 1234, epoch: 7, worker: "box-2" }]]);
  const journal = { ...JOURNAL, running };
  const { out } = await run("timers", { next: "1" }, knowing(journal));
  assert.match(out, /^TIMER .* CAUGHT UP +RUNNING SINCE$/m);
  assert.match(out, /^report .* 2026-03-28T11:00:01Z$/m);
  assert.match(out, /^publishGreetings .* -$/m);
  const { timers } = JSON.parse((await run("timers", { json: "true" }, knowing(journal))).out);
  assert.deepEqual([timers[2].runningSince, timers[2].runningSlot], [
    "2026-03-28T11:00:01.234Z",
    "2026-03-28T11:00:00.000Z",
  ]);
});

test("timers shows which of them the last master lacks, and says so: they run nowhere", async () => {
  const work = summaryOf([{ name: "publishGreetings", rule: "every 2s" }]);
  const master = { epoch: 7, generation: 9, worker: "box-2", version: "1.3", resigned: false, work };
  const { out } = await run("timers", {}, knowing({ ...JOURNAL, master }));
  assert.match(out, /^Not running: report\. The master box-2 \(version 1\.3\) has no such timer\.$/m);
  const { timers } = JSON.parse((await run("timers", { json: "true" }, knowing({ ...JOURNAL, master }))).out);
  const why = "The master box-2 (version 1.3) has no such timer.";
  assert.deepEqual(timers.map((row: { notRunning: unknown }) => row.notRunning), [null, null, why, null]);
  const resigned = { ...master, resigned: true };
  assert.doesNotMatch((await run("timers", {}, knowing({ ...JOURNAL, master: resigned }))).out, /Not running/);
});

test("timers --json is for programs", async () => {
  const { out } = await run("timers", { json: "true", next: "1" }, knowing(JOURNAL));
  const { app, lastMaster, timers } = JSON.parse(out);
  assert.equal(app, "shop");
  assert.deepEqual(lastMaster, JOURNAL.master);
  assert.deepEqual(timers.map(({ name }: { name: string }) => name), [
    "publishGreetings",
    "cleanUp",
    "report",
    "retired",
  ]);
  assert.deepEqual(timers[0], {
    ...GREETINGS,
    lastSlot: "2026-03-28T12:00:00.000Z",
    outcome: "ok",
    epoch: 7,
    worker: "box-2",
    error: null,
    ran: 120,
    failed: 1,
    skipped: 4,
    caughtUp: 2,
    next: [{ slot: "2026-03-28T12:00:02.000Z", local: null, meant: null, clockChange: false, twice: false }],
  });
  assert.deepEqual([timers[2].every, timers[2].lastSlot, timers[2].ran], [null, null, null]);
  assert.deepEqual(timers[2].next, [{
    slot: "2026-03-29T01:00:00.000Z",
    local: "2026-03-29T03:00:00+02:00",
    meant: "2026-03-29T02:30:00",
    clockChange: true,
    twice: false,
  }]);
  assert.deepEqual([timers[3].rule, timers[3].error, timers[3].next], [null, "no such\n  table", null]);
});

test("without a journal, or without a broker, timers says so in one line and shows what comes", async () => {
  const unreachable = new MephistoError("UNREACHABLE", "No broker answers at localhost:9092.");
  const unusable = new MephistoError("JOURNAL_UNUSABLE", "It is rubbish.");
  const lines = [
    [knowing(undefined), "There is no journal shop-master yet: no master has run a timer.\n"],
    [
      failing(unreachable),
      "What has run is not known: No broker answers at localhost:9092. The address is from the default.\n",
    ],
    [failing(unusable), "What has run is not known: It is rubbish.\n"],
  ] as const;
  for (const [host, line] of lines) {
    const { code, out, err } = await run("timers", {}, host);
    assert.deepEqual([code, err, host.closed], [0, line, 1]);
    assert.match(out, /^TIMER +RUNS +ON +OVERLAP\npublishGreetings +every 2s +the master +skip\n/);
    assert.match(out, /^report +2026-03-29 02:30 → 03:00 \+02:00 \(clock change\)$/m);
    assert.equal(out.match(/^ .*2026/gm)?.length, 6, "three of each unless said otherwise");
    const json = JSON.parse((await run("timers", { json: "true" }, host)).out);
    assert.equal(json.lastMaster, null);
    assert.equal(json.timers[0].lastSlot, null);
    assert.equal(json.timers[0].next.length, 3);
  }
});

test("list shows what the journal says if the broker answers at once, and says nothing if not", async () => {
  const known = await run("list", {}, knowing(JOURNAL));
  assert.match(known.out, /^retired +in the journal, not in this script +the master +- +2026-01-01T08:00:00Z +failed/m);
  assert.match(known.out, /^report +2026-03-29 02:30 → 03:00/m);
  assert.ok(known.host.patience <= 1000);
  const host = failing(new MephistoError("UNREACHABLE", "Nobody is there."));
  const { code, out, err } = await run("list", {}, host);
  assert.deepEqual([code, err, host.closed], [0, "", 1]);
  assert.match(out, /^TIMER +RUNS +ON +OVERLAP$/m);
  const { timers } = JSON.parse((await run("list", { json: "true" }, host)).out);
  assert.deepEqual(timers[0], {
    ...GREETINGS,
    lastSlot: null,
    outcome: null,
    epoch: null,
    worker: null,
    error: null,
    ran: null,
    failed: null,
    skipped: null,
    caughtUp: null,
    next: "2026-03-28T12:00:02.000Z",
  });
});

test("a bug is not taken for a broker that does not answer", async () => {
  await assert.rejects(run("timers", {}, failing(new TypeError("x is undefined"))), TypeError);
});

test("a wrong number of slots is told, and nothing is asked", async () => {
  for (const next of ["-1", "two", "1.5", "1001", ""]) {
    const host = new FakeHost();
    const terminal = new FakeTerminal(["timers", `--next=${next}`]);
    assert.equal(await runScript(definition(), host, terminal), 2);
    assert.match(terminal.stderr, /^--next: ".*" is not a number from 0 to 1000\. See --help\.\n$/);
    assert.equal(host.patience, 0);
  }
});

test("an app without timers says so", async () => {
  const terminal = new FakeTerminal(["timers"]);
  const made = exampleDefinition();
  made.timers.clear();
  assert.equal(await runScript(made, knowing({ ...JOURNAL, timers: new Map() }), terminal), 0);
  assert.match(terminal.stdout, /^App shop has no timer\.\n/);
});
