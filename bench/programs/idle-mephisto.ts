// A worker that has nothing to do: an actor without messages, and a timer that does not come round.
import { actor, app, timer } from "mephisto";

const master = app("bench-idle", { valueSerializer: "raw" });
actor(master, async function say(greetings) {
  for await (const greeting of greetings) console.log(greeting.toString());
});
timer(master, "7d", { onMaster: true }, function weekly() {});
await master.main(import.meta);
