import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Phase } from "../../src/testing/network.ts";
import { APP, SimWorker } from "./sim-worker.ts";
import { memoryCluster } from "./memory-cluster.ts";

const SESSION = 3000;
/** For how long nothing of one worker's rounds comes through: longer than the group has leaseGraceMs with anybody. */
const LASTS = 8 * SESSION;
const SAMPLE = 10;
const SEEDS = 4;

/**
 * Three workers, of which the first leads. From a moment on what one of them asks in its rounds, or is answered, is lost in
 * silence, while its heartbeats pass; then the first, or the master, dies, or another worker joins. How long nobody is
 * master, at the longest, in ms; and whether all is well in the end.
 */
async function withLostRounds(
  t: TestContext,
  { master, victim, dies, phase, lost }: {
    master: number;
    victim: number;
    dies: number | undefined;
    phase: Phase;
    lost: readonly string[];
  },
  seed: number,
): Promise<{ longest: number; isWell: boolean }> {
  const { time, random, network, log, pump, process } = memoryCluster(seed);
  t.after(() => pump.stop());
  const start = (name: string) => {
    const { host, driver } = process(name);
    const join = driver.join.bind(driver);
    driver.join = (options, listener) => {
      const membership = join(options, listener);
      worker.membership = membership;
      worker.memberId = () => membership.member.memberId;
      return membership;
    };
    const script = { handle: () => undefined, tick: () => Promise.resolve() };
    const worker = Object.assign(new SimWorker(host, driver, SESSION, script, () => random.next()), {
      memberId: (): string => "",
    });
    worker.start();
    return worker;
  };
  const group = log.group(APP);
  const alive = () => workers.filter(({ host }) => host.alive);
  const isWell = () =>
    group.state === "stable" && group.members.size === alive().length &&
    alive().every(({ worker, membership }) => worker.ready() && membership?.joined) &&
    alive().filter((each) => each.master).length === 1;
  const workers = [start("first")];
  await pump.until(isWell);
  workers.push(start("second"));
  await pump.until(isWell);
  workers.push(start("third"));
  await pump.until(isWell);
  for (let n = 0; n < 9 && !workers[master]?.master; n++) {
    const next = alive().find((each) => each.master);
    next?.membership?.askToResign();
    await pump.until(() => !next?.master && isWell());
  }
  assert.ok(workers[master]?.master);
  const from = time.now;
  network.watch = (host, name, at) => {
    return lost.includes(name) && host === workers[victim]?.host && at === phase && time.now < from + LASTS
      ? "lost"
      : 0;
  };
  const dead = dies === undefined ? undefined : workers[dies];
  if (dead === undefined) workers.push(start("fourth"));
  else {
    dead.host.kill();
    group.leave(dead.memberId()); // its death is proved
  }
  let longest = 0;
  for (let without = 0, next = time.now; time.now < from + LASTS; next += SAMPLE) {
    await pump.until(() => time.now >= next);
    without = alive().some((each) => each.master) ? 0 : without + SAMPLE;
    longest = Math.max(longest, without);
  }
  await pump.until(isWell, { within: 3 * SESSION });
  return { longest, isWell: isWell() };
}

const cases: readonly {
  readonly what: string;
  readonly master: number;
  readonly victim: number;
  readonly dies: number | undefined;
  readonly lost?: readonly string[];
}[] = [
  { what: "the leader and master", master: 0, victim: 0, dies: undefined },
  { what: "the leader, its JoinGroups excepted,", master: 1, victim: 0, dies: 1, lost: ["SyncGroup"] },
  { what: "the leader when another is master", master: 1, victim: 0, dies: undefined },
  { what: "the leader when the master dies", master: 1, victim: 0, dies: 1 },
  { what: "a follower", master: 0, victim: 1, dies: undefined },
  { what: "the next leader when leader and master die", master: 0, victim: 1, dies: 0 },
  { what: "another one when leader and master die", master: 0, victim: 2, dies: 0 },
];

for (const { what, lost = ["JoinGroup", "SyncGroup"], ...roles } of cases) {
  for (const phase of ["answer", "request"] as const) {
    test(`when the ${phase}s of the rounds of ${what} are lost, and heartbeats pass, a master is missed for less than three sessions`, async (t) => {
      // Whether it is heard that a connection is lost is chance.
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { longest, isWell } = await withLostRounds(t, { ...roles, phase, lost }, seed);
        t.diagnostic(`${what}, ${phase}s: ${longest} ms`);
        assert.ok(longest < 3 * SESSION, `${longest} ms`);
        assert.ok(isWell);
      }
    });
  }
}
