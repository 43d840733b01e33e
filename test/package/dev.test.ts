/** The broker and `dev` from the packed form: nothing else is installed, and Kafka is nowhere. These tests run on Node. */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { before, test } from "node:test";
import { accepts } from "../../src/dev/ports.ts";
import { freePorts } from "../support/ports.ts";
import { type Program, run } from "../support/process.ts";
import { type Installed, packed } from "./support.ts";

/** How long programs that start may take, on a machine that is busy. */
const SLOW_MS = 30_000;

let installed: Installed;
before(async () => {
  installed = await packed();
});

function mephisto(...words: string[]): Program {
  const { folder, env } = installed;
  return run("node", join(folder, "node_modules", ".bin", "mephisto"), words, { cwd: folder, env });
}

async function ends(program: Program, ports: readonly number[]): Promise<void> {
  program.kill("SIGINT");
  assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
  for (const port of ports) assert.equal(await accepts(port), false, `port ${port} is still open`);
}

test(
  "mephisto dev: three runtimes, a master that is killed and replaced, one Ctrl-C",
  { timeout: 120_000 },
  async () => {
    const [broker = 0, web = 0] = await freePorts(2);
    const words = ["-n", "3", "--runtime", "bun,deno,node", "--port", `${broker}`, "-p", `${web}`];
    const dev = mephisto("dev", "master.ts", ...words);
    await dev.waitFor(/^dev +\| 3 workers: \S+ \(bun\), \S+ \(deno\), \S+ \(node\)\./, SLOW_MS);
    const { text, at } = await dev.waitFor(/is the master.* kill -9 \d+$/, SLOW_MS);
    await dev.waitFor(/\| 0\.\d+$/, SLOW_MS);
    process.kill(Number(/\d+$/.exec(text)?.[0]), "SIGKILL");
    const next = await dev.waitFor((line) => line.at > at && /is the master/.test(line.text), SLOW_MS);
    await dev.waitFor((line) => line.at > at && /\| 3 workers share 8 partitions/.test(line.text), SLOW_MS);
    await dev.waitFor((line) => line.at > next.at && /\| 0\.\d+$/.test(line.text), SLOW_MS);
    await ends(dev, [broker, web, web + 1, web + 2]);
  },
);

test("mephisto broker, and a plain worker that finds it", { timeout: 60_000 }, async () => {
  const [port = 0] = await freePorts(1);
  const broker = mephisto("broker", "--port", `${port}`);
  const { text } = await broker.waitFor(/^In other terminals: mephisto worker <script\.ts> -p 0 --url /, SLOW_MS);
  const worker = mephisto("worker", "master.ts", "-p", "0", "--url", text.split(" ").at(-1) ?? "");
  await worker.waitFor(/^0\.\d+$/, SLOW_MS);
  await ends(worker, []);
  await ends(broker, [port]);
});
