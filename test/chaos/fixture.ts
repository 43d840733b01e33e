// A worker that keeps a history: what it does, with the time, a line an event, in a file of its own. It runs the source and
// not the package, so that it can watch the lease itself.
import { appendFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { actor, app, timer } from "../../mod.ts";
import { Lease } from "../../src/core/lease.ts";
import type { Entry } from "./history.ts";

const { APP = "chaos", DIARY = "/dev/null", TICK = "0.2s", SEED = "1" } = process.env;
const { pid } = process;

/** Comparable between processes, and not set back when the wall clock is. */
const now = () => performance.timeOrigin + performance.now();
const write = (entry: Entry) => appendFileSync(DIARY, JSON.stringify(entry) + "\n");

/** What a master publishes once a second: something for a narrow line to carry. */
const BALLAST = "x".repeat(20_000);

let lease: Lease | undefined;
const left = () => lease?.left() ?? 0;
for (const name of ["renew", "signOfLife"] as const) {
  const before = Lease.prototype[name];
  Lease.prototype[name] = function (sent) {
    before.call(this, sent);
    lease = this;
    write({ what: "lease", at: now(), until: now() + this.left() });
  };
}
const end = Lease.prototype.end;
Lease.prototype.end = function () {
  end.call(this);
  write({ what: "lease", at: now(), until: now() });
};

const say = (line: string) => {
  const master = /^This worker is master \(epoch (\d+)\)/.exec(line);
  if (master) write({ what: "master", at: now(), epoch: Number(master[1]) });
  if (line.startsWith("This worker is no longer master")) write({ what: "stepped down", at: now() });
  console.error(new Date().toISOString(), line);
};

const chaos = app(APP, { logger: { debug: () => {}, info: say, warn: say, error: say } });

export const greet = actor(chaos, async function greet(greetings) {
  for await (const { value, partition, offset } of greetings.events()) {
    write({ what: "greeted", at: now(), id: `${partition}@${offset}`, slot: (value as { slot: number }).slot });
  }
});

actor(chaos, async function work(messages) {
  for await (const { value } of messages.events()) {
    write({ what: "handled", at: now(), id: (value as { id: string }).id });
  }
});

timer(chaos, TICK, { onMaster: true, catchUp: "all" }, async function publish({ slot, epoch, signal }) {
  write({ what: "tick", at: now(), slot, epoch, left: left() });
  signal.addEventListener("abort", () => write({ what: "aborted", at: now(), slot }), { once: true });
  await greet.send({ value: { slot, epoch, pid } });
  // Every fifth waits, so that much of what befalls the worker befalls it inside a tick.
  if (slot % 1000 !== 0) return;
  await sleep(60);
  write({ what: "woken", at: now(), slot, left: left(), aborted: signal.aborted });
  try {
    await greet.send({ value: { slot, epoch, pid, second: true, ballast: BALLAST } });
  } catch (error) {
    write({ what: "refused", at: now(), slot, code: (error as { code?: string }).code ?? String(error) });
  }
});

/** How long the event loop stands still, in turn, in ms: less and more than a session. */
const blocks = [300, 2500, 8000];
let blocked = Number(SEED);
process.on("SIGUSR2", () => {
  const until = performance.now() + (blocks[blocked++ % blocks.length] ?? 0);
  write({ what: "blocked", at: now(), until: now() + until - performance.now() });
  while (performance.now() < until);
});

export default chaos;
await chaos.main(import.meta);
