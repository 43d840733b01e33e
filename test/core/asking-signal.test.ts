import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { askingSignal } from "../../src/core/asking-signal.ts";

/** A signal of a lease that the test ends, without an event. */
function made() {
  const source = new AbortController();
  const reason = new Error("it is over");
  const lease = { over: false, asked: 0 };
  const signal = askingSignal(AbortSignal.any([source.signal]), () => {
    lease.asked++;
    if (lease.over) source.abort(reason);
  });
  return { signal, source, lease, reason };
}

test("what is read of it is asked for, and its event comes then, once", () => {
  for (const read of ["aborted", "reason", "throwIfAborted"] as const) {
    const { signal, lease, reason } = made();
    let events = 0;
    signal.addEventListener("abort", () => events++);
    signal.onabort = () => events++;
    assert.deepEqual([signal.aborted, signal.reason, events], [false, undefined, 0]);
    signal.throwIfAborted();
    lease.over = true;
    if (read === "throwIfAborted") assert.throws(() => signal.throwIfAborted(), reason);
    else assert.equal(signal[read], read === "aborted" || reason);
    const { asked } = lease;
    assert.deepEqual([signal.aborted, signal.reason, events], [true, reason, 2]);
    assert.equal(lease.asked, asked, "what is over is not asked again");
  }
});

test("it may be read by what is asked, and by those that hear of it", () => {
  const source = new AbortController();
  const read: boolean[] = [];
  const signal = askingSignal(source.signal, () => {
    read.push(signal.aborted);
    source.abort();
  });
  signal.addEventListener("abort", () => read.push(signal.aborted));
  assert.equal(signal.aborted, true);
  assert.deepEqual(read, [false, true]);
});

test("it is a signal of the runtime: what is made of it, timers and requests take it", async (t) => {
  const { signal, source, lease } = made();
  assert.ok(signal instanceof AbortSignal);
  const both = AbortSignal.any([signal, AbortSignal.timeout(60_000)]);
  const asked = new Request("http://localhost", { signal });
  const sleeps = sleep(60_000, undefined, { signal });
  const server = createServer(() => {}); // never answers
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const fetched = fetch(`http://127.0.0.1:${address.port}`, { signal });
  const listened = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  assert.deepEqual([both.aborted, asked.signal.aborted], [false, false]);
  lease.over = true;
  assert.equal(signal.aborted, true);
  assert.deepEqual([source.signal.aborted, both.aborted, asked.signal.aborted], [true, true, true]);
  await listened;
  await assert.rejects(sleeps, { name: "AbortError" });
  await assert.rejects(fetched);
  await assert.rejects(sleep(60_000, undefined, { signal }), { name: "AbortError" });
});
