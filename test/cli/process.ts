/** A script with a worker that does nothing, as a process of its own: what the process tests start. */
import assert from "node:assert/strict";
import process from "node:process";
import { main } from "../../src/cli/script.ts";
import { MephistoError } from "../../src/core/errors.ts";
import { origin } from "../../src/worker/calls/origin.ts";
import { exampleDefinition, FakeHost, fakeWorker } from "./fake.ts";

const host = new FakeHost();
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
host.made = fakeWorker({
  stop: () => wait(Number(process.env.SLOW_STOP ?? 0)),
  failed: process.env.FAILS === undefined ? new Promise(() => {}) : Promise.resolve(
    process.env.FAILS === "bug" ? new TypeError("a bug") : new MephistoError("PROTOCOL", "The group is gone."),
  ),
});
// What a program's own code throws to nobody, once the worker is up.
const thrown = (): unknown => {
  switch (process.env.THROWN) {
    case "proxy":
      return new Proxy({}, { get: () => assert.fail("a trap") });
    case "prototype":
      return Object.create(null);
    default:
      return new Error("boom");
  }
};
const ways: Record<string, () => void> = {
  rejection: () => void Promise.reject(thrown()),
  unsent: () => {
    for (let i = 0; i < 3; i++) void Promise.reject(new MephistoError("SEND_TIMEOUT", "No answer."));
  },
  exception: () => {
    setTimeout(() => {
      throw thrown();
    });
  },
  listener: () => {
    const controller = new AbortController();
    controller.signal.addEventListener("abort", () => {
      throw thrown();
    });
    controller.abort();
  },
  twice: () => {
    void Promise.reject(thrown());
    setTimeout(() => void Promise.reject(new Error("again")), 50);
  },
};
const { UNCAUGHT = "" } = process.env;
const uncaught = ways[UNCAUGHT];
if (uncaught) {
  setTimeout(() => origin.run({ about: { actor: "orders" }, scope: { adopt: (sending) => sending } }, uncaught), 100);
}
if (process.env.LISTENS !== undefined) process.on("unhandledRejection", () => console.log("heard"));
// What a program may forget to close.
if (process.env.KEEP_OPEN !== undefined) setInterval(() => {}, 1000);
await main(exampleDefinition(), host);
console.log("main has settled");
