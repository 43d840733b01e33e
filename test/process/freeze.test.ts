import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kafkaForTests } from "../support/kafka.ts";
import { describeGroup } from "../support/independent.ts";
import { until } from "../support/until.ts";
import { greetedAll, nextMaster, onceASlot } from "./checks.ts";
import { crewOf } from "./crew.ts";

test("a frozen master", { timeout: 120_000 }, async (t) => {
  const kafka = await kafkaForTests();
  const crew = crewOf(kafka, "freeze", { fixture: "frozen" });
  t.after(() => crew.end());
  for (const runtime of ["bun", "deno", "node"] as const) crew.start(runtime);
  await crew.settled("greet");
  const master = await crew.master();

  await t.test("for less than a session: nothing moves", async () => {
    await until(() => master.did("begun").length > 0);
    const { group: { generation }, mastership: { epoch } } = await master.status();
    master.freeze();
    // What is tested is the passing of this time.
    await sleep(2500);
    const thawed = Date.now();
    master.thaw();
    await until(() => master.did("tick").some(({ slot }) => slot > thawed));
    const { group, mastership } = await master.status();
    assert.deepEqual([group.generation, mastership.master, mastership.epoch], [generation, true, epoch]);
    assert.deepEqual(master.did("aborted"), []);
    const ticks = await crew.ticks();
    assert.deepEqual(new Set(ticks.map(({ pid }) => pid)), new Set([master.pid]));
    onceASlot(ticks, 500);
  });

  await t.test("for longer than a session: another is elected, and it notices before it acts", async () => {
    master.freeze();
    const frozen = Date.now();
    const first = await nextMaster(crew, master);
    // The session decides, which is 6 s: not two of them.
    assert.ok(first.timestamp < frozen + 12_000, `the next one publishes ${first.timestamp - frozen} ms later`);
    // Partitions of the frozen one are the others' now.
    await until(async () => (await describeGroup(kafka.brokers, crew.app)).members.length === 2);
    const thawed = Date.now();
    master.thaw();

    await until(() => master.did("aborted").length === 1);
    await until(() => master.did("refused").length === 1);
    assert.deepEqual(master.did("refused").map(({ id }) => id), ["NOT_MASTER"]);
    assert.deepEqual(master.did("sent"), []);
    const shares = await crew.settled("greet");
    assert.ok((shares.get(master) ?? []).length >= 2, "it has partitions again");
    // The present master publishes on, also some time after the old one is back.
    const back = Date.now();
    const pids = await until(async () => {
      const later = (await crew.ticks()).filter(({ slot }) => slot > back);
      return later.length >= 3 && new Set(later.map(({ pid }) => pid));
    });
    assert.deepEqual(pids, new Set([first.pid]));
    // Nothing of what runs on the master was begun by the old one after its thaw.
    const acts = [...master.did("tick"), ...master.did("begun")].filter(({ at }) => at >= thawed);
    assert.deepEqual(acts, [], `thawed at ${thawed}\n${master.output()}`);
    const ticks = await crew.ticks();
    onceASlot(ticks, 500);
    const epochs = new Map(ticks.map(({ pid, epoch }) => [pid, epoch]));
    assert.ok((epochs.get(first.pid) ?? 0) > (epochs.get(master.pid) ?? 0), "the epoch has grown");
    // The tick that the freeze interrupted publishes nothing of its own.
    const late = (await crew.stored("late")).map(({ value }) => JSON.parse(String(value)));
    assert.deepEqual(late.filter(({ pid }) => pid === master.pid), []);
    // What it had handled and not committed is handled again, by another.
    await greetedAll(crew);
    assert.equal((await master.status()).mastership.master, false);
  });
});
