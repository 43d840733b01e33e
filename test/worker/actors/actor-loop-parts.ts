/** What an actor's loop is made with, beside time: nothing is written anywhere. */
import type { Clock } from "../../../src/core/clock.ts";
import type { Sleep } from "../../../src/core/delay.ts";
import { Yielder } from "../../../src/core/yielder.ts";
import { context } from "../../../src/runtime/context.ts";
import { DeadLetters } from "../../../src/worker/dead-letters/dead-letters.ts";
import type { Scope } from "../../../src/worker/calls/scope.ts";
import { type Lines, supervisorOf } from "../../core/fakes.ts";
import { FakeDriver, nextTurn } from "../fakes.ts";

export function loopParts(clock: Clock, lines: Lines, sleep: Sleep = nextTurn) {
  const driver = new FakeDriver(clock, lines);
  return {
    driver,
    publisher: driver.publisher,
    troubles: driver.troubles,
    deadLetters: new DeadLetters({
      driver,
      worker: "me",
      clock,
      sleep,
      logger: lines,
      replicationFactor: -1,
      keep: () => Promise.resolve("a file"),
    }),
    context: context<Scope>(),
    logger: lines,
    clock,
    yielder: new Yielder(clock, nextTurn, nextTurn),
    blocks: { enter: () => () => {}, returned: () => {} },
    supervisor: supervisorOf({ logger: lines, clock, sleep: nextTurn }),
  };
}
