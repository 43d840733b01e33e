// A worker with many timers on its master, which measures itself. TIMERS: how many; EVERY: their interval in seconds;
// SENDS: how many messages a run sends; WATCHED: for how long it is measured, in ms, once it has settled.
import process from "node:process";
import { actor, app, timer } from "mephisto";
import { measured } from "./given.ts";

/** How long after the first run it is not measured yet: while code is compiled, and the first slots come late. */
const SETTLE_MS = 5000;
/** How often the event loop is asked for its turn: what it is late by is how long a heartbeat would wait. */
const BEAT_MS = 20;

const { APP = "bench-timers", TIMERS, EVERY, SENDS, WATCHED } = process.env;
const bench = app(APP, { partitions: 1 });
const out = actor(bench, async function out(stream) {
  for await (const _ of stream);
});

let began = false, measuring = false, runs = 0, held = 0;
let late: number[] = [];

for (let n = 0; n < Number(TIMERS); n++) {
  timer(bench, Number(EVERY), { name: `timer-${n}`, onMaster: true }, async function run({ slot }) {
    if (!began) setTimeout(measure, SETTLE_MS);
    began = true;
    if (measuring) {
      runs++;
      late.push(performance.timeOrigin + performance.now() - slot);
    }
    for (let sent = 0; sent < Number(SENDS); sent++) await out.send({ value: slot });
  });
}

function measure(): void {
  measuring = true;
  const [cpu, at] = [process.cpuUsage(), performance.now()];
  let beat = at;
  const beats = setInterval(() => {
    held = Math.max(held, performance.now() - beat - BEAT_MS);
    beat = performance.now();
  }, BEAT_MS);
  setTimeout(() => {
    clearInterval(beats);
    const seconds = (performance.now() - at) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    late = late.sort((a, b) => a - b);
    measured({
      rate: runs / seconds,
      cpu: (user + system) / 1e4 / seconds,
      memory: process.memoryUsage.rss() / 1e6,
      late: late[late.length >> 1] ?? NaN,
      late99: late[Math.floor(late.length * 0.99)] ?? NaN,
      held,
    });
    process.exit(0);
  }, Number(WATCHED));
}

export default bench;
await bench.main(import.meta);
