import assert from "node:assert/strict";
import { test } from "node:test";
import { connectAnew } from "../../src/worker/connect.ts";
import { resolveSettings } from "../../src/worker/settings.ts";
import { fakeApp, Lines } from "../core/fakes.ts";
import { FakeDriver, FakeTime } from "./fakes.ts";

/** A driver of a cluster that says these of itself. */
function made(info: { clusterId: string; isInMemory?: boolean }) {
  const time = new FakeTime();
  const driver = new FakeDriver(time);
  driver.connect = () => Promise.resolve({ ...info, brokers: [] });
  const lines = new Lines();
  const { definition } = fakeApp();
  const settings = resolveSettings({}, { flags: {}, env: {} });
  const parts = {
    definition,
    driver,
    settings,
    logger: lines,
    clock: time,
    sleep: time.sleep,
    random: () => 0,
    advice: "",
  };
  return { parts, lines };
}

test("only a broker that keeps nothing, and is another than before, is begun anew with", async () => {
  const { signal } = new AbortController();
  const of = async (info: { clusterId: string; isInMemory?: boolean }) => {
    const { parts, lines } = made(info);
    const connected = await connectAnew(parts, "before", signal);
    return [connected?.clusterId, lines.all.filter((line) => line.startsWith("warn")).length];
  };
  assert.deepEqual(await of({ clusterId: "another", isInMemory: true }), ["another", 1]);
  assert.deepEqual(await of({ clusterId: "before", isInMemory: true }), [undefined, 0]);
  assert.deepEqual(await of({ clusterId: "another", isInMemory: false }), [undefined, 0]);
  assert.deepEqual(await of({ clusterId: "another" }), [undefined, 0]);
});

test("who gives up while it is begun anew says nothing of that", async () => {
  const { parts, lines } = made({ clusterId: "another", isInMemory: true });
  assert.deepEqual([await connectAnew(parts, "before", AbortSignal.abort()), lines.all], [undefined, []]);
});
