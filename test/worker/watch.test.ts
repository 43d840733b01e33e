import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { Lease } from "../../src/core/lease.ts";
import type { Membership, Peer } from "../../src/driver/driver.ts";
import { Listener } from "../../src/presence/listener.ts";
import { type EvictOn, Watch } from "../../src/worker/watch.ts";
import { Lines } from "../core/fakes.ts";
import { until } from "../support/until.ts";
import { generation } from "./fakes.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function watching(evictOn: EvictOn = "proof", bind = "127.0.0.1", from = "the default") {
  const calls: string[] = [];
  const lines = new Lines();
  const watch = new Watch({ bind: { value: bind, from }, evictOn, logger: lines });
  const note = (name: string) => () => {
    calls.push(name);
    return Promise.resolve();
  };
  const membership: Membership = {
    lease: new Lease({ session: 6000, rebalance: 24_000, margin: 500 }, systemClock),
    joined: true,
    lastContact: 0,
    ready: note("ready"),
    resign: note("resign"),
    yieldMastership: note("yield"),
    askToResign: note("askToResign"),
    evict: ({ id }) => note(`evict ${id}`)(),
    heartbeatNow: note("heartbeatNow"),
    drain: note("drain"),
    leave: note("leave"),
  };
  watch.follow(membership);
  closers.push(() => watch.close());
  return { watch, calls, lines };
}

/** A peer whose process cannot be seen. */
async function peerOf(id: string, listener = new Listener("127.0.0.1")): Promise<{ peer: Peer; listener: Listener }> {
  await listener.listen();
  closers.push(() => listener.close());
  const { host, port, id: greeting } = listener;
  return { peer: { id, worker: id, presence: { host, port, id: greeting, process: undefined } }, listener };
}

const isWatched = (lines: Lines, worker: string) =>
  until(() => lines.all.some((line) => line.includes(`Worker ${worker}: Watches`)));

test("what a peer says of the group makes it ask; whoever is not to be watched any more says nothing", async () => {
  const { watch, calls, lines } = watching();
  const [one, two] = [await peerOf("one"), await peerOf("two")];
  watch.generation(generation({ peers: [one.peer, two.peer] }));
  await isWatched(lines, "one");
  await isWatched(lines, "two");
  await until(() => {
    one.listener.changed();
    return calls.includes("heartbeatNow");
  });
  watch.generation(generation({ peers: [two.peer] }));
  const before = calls.length;
  one.listener.changed();
  two.listener.changed();
  await until(() => calls.length > before);
  assert.deepEqual(new Set(calls), new Set(["heartbeatNow"]));
});

test("without proof nobody is evicted, unless a refused connection is to be trusted", async () => {
  const [careful, trusting] = [watching("proof"), watching("reset")];
  const { peer, listener } = await peerOf("dead");
  for (const { watch, lines } of [careful, trusting]) {
    watch.generation(generation({ peers: [peer] }));
    await isWatched(lines, "dead");
  }
  // Under another membership it is evicted as that.
  trusting.watch.generation(generation({ peers: [{ ...peer, id: "dead again" }] }));
  listener.close();
  await until(() => trusting.calls.includes("evict dead again"));
  assert.ok(
    trusting.lines.all.includes("info: Worker dead is gone: its address refuses connections. The group hears of it."),
  );
  await until(() => careful.lines.all.some((line) => /Worker dead: Its address refuses/.test(line)));
  assert.deepEqual(careful.calls.filter((call) => call !== "heartbeatNow"), []);
});

test("where it cannot listen it does without, unless the address was asked for", async () => {
  const elsewhere = "192.0.2.1";
  assert.equal(await watching("proof", elsewhere).watch.listen(), undefined);
  await assert.rejects(watching("proof", elsewhere, "--presence-bind").watch.listen(), { code: "INVALID_OPTION" });
  const presence = await watching().watch.listen();
  assert.ok(presence && presence.port > 0 && presence.id !== "");
});
