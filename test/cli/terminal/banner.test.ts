import assert from "node:assert/strict";
import { test } from "node:test";
import { introduce } from "../../../src/cli/terminal/banner.ts";
import { timer } from "../../../src/core/define-timer.ts";
import { resolveSettings } from "../../../src/worker/settings.ts";
import { fakeApp } from "../../core/fakes.ts";

function lines(timers: number): string[] {
  const { shop, definition } = fakeApp();
  for (let n = 0; n < timers; n++) timer(shop, 1, { name: `t${n}`, onMaster: true }, () => {});
  const settings = resolveSettings({}, { flags: {}, env: {} });
  const said = introduce(definition, settings, { worker: "me", runtime: "node" }, undefined);
  return said.filter((line) => /^Timer|more/.test(line));
}

test("a worker names its timers, and of very many the first and their number", () => {
  assert.equal(lines(20).length, 20);
  assert.deepEqual([lines(10_000).length, lines(10_000).at(-2)], [21, "Timer t19 runs every 1s on the master"]);
  assert.equal(lines(10_000).at(-1), "… and 9,980 more timers");
});
