// The group's leader alone: how long it takes to plan, and for how long it holds up everything else. CASE: as in
// bench/scale/assignor.ts. Prints what it has measured; a case that takes too long is ended from outside.
import process from "node:process";
import type { TopicPartition } from "../../src/driver/driver.ts";
import { systemClock } from "../../src/core/clock.ts";
import { Pacer } from "../../src/core/delay.ts";
import { type Member, planInTurns } from "../../src/driver/group-plan.ts";
import { memberData } from "../../src/kafka/group/user-data.ts";
import type { AssignorCase } from "../scale/assignor.ts";
import { measured } from "./given.ts";

const BEAT_MS = 1;

const { workers, partitions, topics, half }: AssignorCase = JSON.parse(process.env.CASE ?? "{}");
const names = Array.from({ length: topics }, (_, n) => `topic-${n}`);
const counts = new Map(names.map((name) => [name, Math.floor(partitions / topics)]));
const encoder = new TextEncoder();

const members = (count: number) => Array.from({ length: count }, (_, n) => member(n, [], -1));

function member(n: number, owned: readonly TopicPartition[], generation: number): Member {
  const memberId = `worker-${String(n).padStart(5, "0")}`;
  const said = { format: 1, worker: memberId, incarnation: memberId, eligible: true };
  // Each topic is known to another half of the workers.
  const known = half ? names.filter((_, topic) => (n >> topic) % 2 === 0) : names;
  const data = memberData(encoder.encode(JSON.stringify(said)));
  return { memberId, instanceId: null, topics: known, owned, generation, data };
}

/** Plans until nothing moves any more, as the generations of a group do; gives the members as they are then. */
async function settle(from: readonly Member[]): Promise<{ after: Member[]; longest: number; rounds: number }> {
  let after = [...from];
  let longest = 0, rounds = 0;
  for (let moved = true; moved && rounds < 5; rounds++) {
    const began = performance.now();
    const turns = new Pacer(systemClock);
    const planned = await planInTurns(after, counts, after[0]?.memberId ?? "", () => turns.due());
    longest = Math.max(longest, performance.now() - began);
    const next = after.map((one): Member => ({
      ...one,
      owned: planned.partitions.get(one.memberId) ?? [],
      generation: rounds,
    }));
    moved = next.some(({ owned }, index) => owned.length !== after[index]?.owned.length);
    after = next;
  }
  return { after, longest, rounds };
}

let held = 0, beat = performance.now();
const beats = setInterval(() => {
  held = Math.max(held, performance.now() - beat - BEAT_MS);
  beat = performance.now();
}, BEAT_MS);
const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
await turn();
held = 0;

const first = await settle(members(workers));
await turn();
// A tenth of the workers leaves at once, and then as many come back.
const fewer = await settle(first.after.slice(Math.ceil(workers / 10)));
await turn();
const again = await settle([...fewer.after, ...members(workers).slice(0, Math.ceil(workers / 10))]);
await turn();
clearInterval(beats);
// Some know none of the topics.
const loads = again.after.filter(({ topics }) => topics.length > 0).map(({ owned }) => owned.length);
measured({
  form: first.longest,
  leave: fewer.longest,
  join: again.longest,
  rounds: Math.max(first.rounds, fewer.rounds, again.rounds),
  least: Math.min(...loads),
  most: Math.max(...loads),
  held,
});
