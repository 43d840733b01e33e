// A worker whose master says when each tick's function begins. MODE: quick (a tick in 50 ms) or half (a timer of 1 s whose
// function takes 0.5 s) or idle (a tick in 100 ms, for the time from the slot to the function).
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { actor, app, timer } from "mephisto";

const { APP = "bench-mastership", MODE = "quick" } = process.env;
const bench = app(APP, { partitions: 3 });

const out = actor(bench, async function out(stream) {
  for await (const _ of stream);
});

const every = MODE === "half" ? 1 : MODE === "idle" ? 0.1 : 0.05;
timer(bench, every, { onMaster: true }, async function tick({ slot, epoch }) {
  console.log(`tick ${slot} ${epoch} ${performance.timeOrigin + performance.now()}`);
  if (MODE === "half") await sleep(500);
  else await out.send({ value: slot });
});

export default bench;
await bench.main(import.meta);
