import assert from "node:assert/strict";
import { test } from "node:test";
import { every, type Rule } from "../../../src/core/rule.ts";
import { Forecast } from "../../../src/worker/timers/forecast.ts";

/** A rule of 1 s that counts how often it is asked. */
function counted(): { rule: Rule; asked(): number } {
  let asked = 0;
  const rule: Rule = {
    ...every(1000),
    next: (after) => {
      asked++;
      return every(1000).next(after);
    },
  };
  return { rule, asked: () => asked };
}

const slots = (forecast: Forecast, rule: Rule, now: number) => forecast.of(rule, now).map(({ slot }) => slot);

test("the slots that come are worked out anew when the first has come, or the clock was set back", () => {
  const { rule, asked } = counted();
  const forecast = new Forecast();
  assert.deepEqual(slots(forecast, rule, 5500), [6000, 7000, 8000]);
  assert.equal(asked(), 3);
  assert.deepEqual(slots(forecast, rule, 5999), [6000, 7000, 8000]);
  assert.equal(asked(), 3);
  assert.deepEqual(slots(forecast, rule, 6000), [7000, 8000, 9000]);
  assert.deepEqual(slots(forecast, rule, 2000), [3000, 4000, 5000]);
  assert.deepEqual(slots(new Forecast(), { ...rule, next: () => undefined }, 1), []);
});

test("those of many timers are prepared with rests, and then at hand", async () => {
  const rules = Array.from({ length: 100 }, counted);
  const forecast = new Forecast();
  let work = 0, rests = 0;
  const due = () => ++work % 10 === 0 ? Promise.resolve(void rests++) : undefined;
  await forecast.prepare(rules.map(({ rule }) => rule), 5500, due);
  assert.equal(rests, 10);
  for (const { rule } of rules) assert.deepEqual(slots(forecast, rule, 5600), [6000, 7000, 8000]);
  assert.deepEqual(new Set(rules.map(({ asked }) => asked())), new Set([3]));
});
