import assert from "node:assert/strict";
import { test } from "node:test";
import { askToResign, type Handover } from "../../src/worker/resign.ts";
import { resolveSettings } from "../../src/worker/settings.ts";
import { FakeDriver, type FakeMembership, FakeTime, settle } from "./fakes.ts";

/** Somebody who asks, and the group that is asked. */
async function asking() {
  const time = new FakeTime();
  const driver = new FakeDriver(time);
  const settings = resolveSettings({}, { flags: {}, env: {} });
  const about = { worker: "me", runtime: "bun 1" };
  const outcome = askToResign({ driver, group: "shop", settings, about, sleep: time.sleep });
  outcome.catch(() => {}); // its test tells
  await settle();
  const membership: FakeMembership = driver.membership ?? assert.fail("it has not joined");
  return { time, driver, outcome, membership };
}

async function endsAs(outcome: Promise<Handover>, driver: FakeDriver, expected: Handover): Promise<void> {
  assert.deepEqual(await outcome, expected);
  assert.match(driver.calls.at(-1) ?? "", /^leave/);
}

test("who asks joins without taking part in anything", async () => {
  const { driver, membership, outcome } = await asking();
  const { topics, profile } = membership.options;
  assert.deepEqual([topics, profile.mayBeMaster, profile.timers, profile.presence], [[], false, [], undefined]);
  membership.generation({ members: 1, master: undefined });
  await endsAs(outcome, driver, { outcome: "noWorker" });
});

test("it asks, and waits until another one is master", async () => {
  const { driver, membership, outcome } = await asking();
  membership.generation({ members: 3, master: "a", successor: "b" });
  await settle();
  assert.ok(driver.calls.includes("askToResign"));
  membership.generation({ members: 3, master: "a", successor: "b" });
  membership.generation({ members: 3, master: undefined });
  membership.generation({ members: 3, master: "b" });
  await endsAs(outcome, driver, { outcome: "handedOver", was: "a", is: "b" });
});

test("where nobody else may be master, or nobody is, it asks for nothing", async () => {
  const alone = await asking();
  alone.membership.generation({ members: 3, master: "a", successor: undefined });
  await endsAs(alone.outcome, alone.driver, { outcome: "noSuccessor", was: "a" });
  const none = await asking();
  none.membership.generation({ members: 3, master: undefined });
  await endsAs(none.outcome, none.driver, { outcome: "noMaster" });
  for (const { driver } of [alone, none]) assert.ok(!driver.calls.includes("askToResign"));
});

test("a master that does not go in time stays, and is asked no longer", async () => {
  const { time, driver, membership, outcome } = await asking();
  membership.generation({ members: 3, master: "a", successor: "b" });
  await time.pass(30_000);
  await endsAs(outcome, driver, { outcome: "timedOut", was: "a" });
});

test("a group that does not answer, or refuses, is an error", async () => {
  const silent = await asking();
  await silent.time.pass(60_000);
  await assert.rejects(silent.outcome, { code: "UNREACHABLE" });
  const refused = await asking();
  refused.membership.listener.failed(new Error("no"));
  await assert.rejects(refused.outcome, /no/);
});
