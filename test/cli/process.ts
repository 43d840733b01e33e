/** A script with a worker that does nothing, as a process of its own: what the process tests start. */
import process from "node:process";
import { main } from "../../src/cli/script.ts";
import { MephistoError } from "../../src/core/errors.ts";
import { exampleDefinition, FakeHost, fakeWorker } from "./fake.ts";

const host = new FakeHost();
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
host.made = fakeWorker({
  stop: () => process.env.SLOW_STOP === undefined ? Promise.resolve() : wait(60_000),
  failed: process.env.FAILS === undefined ? new Promise(() => {}) : Promise.resolve(
    process.env.FAILS === "bug" ? new TypeError("a bug") : new MephistoError("PROTOCOL", "The group is gone."),
  ),
});
// What a program may forget to close.
if (process.env.KEEP_OPEN !== undefined) setInterval(() => {}, 1000);
await main(exampleDefinition(), host);
console.log("main has settled");
