// A worker with very many timers on its master, at the end of a slow line: TIMERS timers `every 1m`, each of which sends
// one message; it says with each term which slot it begins at, and its own lines go on to the terminal.
import process from "node:process";
import { actor, app, timer } from "mephisto";

const { APP = "scale-timers", TIMERS } = process.env;
const bench = app(APP, { partitions: 1 });
const out = actor(bench, async function out(stream) {
  for await (const _ of stream);
});
for (let n = 0; n < Number(TIMERS); n++) {
  timer(bench, "1m", { name: `timer-${n}`, onMaster: true }, async function run({ slot }) {
    await out.send({ value: `${n} ${slot}` });
  });
}

export default bench;
await bench.main(import.meta);
