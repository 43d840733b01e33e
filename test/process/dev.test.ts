/** `dev` as a whole: a broker and workers as processes of their own, how they start, restart and end. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { accepts } from "../../src/dev/ports.ts";
import { freePorts } from "../support/ports.ts";
import { type Program, run } from "../support/process.ts";
import { executable, root, type Runtime, runtimes } from "../support/runtimes.ts";
import { until } from "../support/until.ts";

mkdirSync(join(root, ".cache"), { recursive: true });
const folder = mkdtempSync(join(root, ".cache", "dev-"));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "package.json"), '{ "type": "module" }');

/** How long what is told of workers that start may take, on a machine that is busy. */
const SLOW_MS = 30_000;

/** A script of its own in the folder, and the file that it imports. */
function script(name: string, greeting = "Hello"): { path: string; part: string } {
  const [path, part] = [join(folder, `${name}.ts`), join(folder, `${name}-part.ts`)];
  const cluster = join(root, "test/process/fixtures/fake-crew.ts");
  writeFileSync(part, `export const greeting = ${JSON.stringify(greeting)};\n`);
  writeFileSync(
    path,
    `import { cluster } from ${
      JSON.stringify(cluster)
    };\nimport { greeting } from "./${name}-part.ts";\nawait cluster(greeting);\n`,
  );
  return { path, part };
}

async function dev(
  path: string,
  words: readonly string[],
  { on = "node", env = {} }: { on?: Runtime; env?: Record<string, string> } = {},
): Promise<{ program: Program; broker: number; web: number }> {
  // So many in a row that the web ports are free too.
  const [broker = 0, web = 0] = await freePorts(2);
  const program = run(on, path, ["dev", "--port", `${broker}`, "-p", `${web}`, ...words], { env });
  return { program, broker, web };
}

const greeted = (program: Program, worker: string, greeting = "Hello") =>
  program.waitFor(new RegExp(`^${worker} +\\| ${greeting} from \\d+`), SLOW_MS).then(({ text }) => pidOf(text));

const pidOf = (text: string) => Number(/from (\d+)|-9 (\d+)/.exec(text)?.slice(1).find((part) => part !== undefined));

/** What still runs of a script, and of the shells that watch over it. */
function left(path: string): string[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid,args"], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line.includes(path));
}

async function gone(path: string, ports: readonly number[]): Promise<void> {
  await until(() => left(path).length === 0, { within: SLOW_MS });
  for (const port of ports) assert.equal(await accepts(port), false, `port ${port} is still open`);
}

for (const on of runtimes) {
  test(`dev on ${on}: three workers of mixed runtimes, one is killed, another takes over, one Ctrl-C ends all`, {
    timeout: 120_000,
  }, async () => {
    const { path } = script(`mixed-${on}`);
    const env = { NODE_ENV: "test" };
    const { program, broker, web } = await dev(path, ["--runtime", "bun,deno,node"], { on, env });
    for (const worker of ["worker.1", "worker.2", "worker.3"]) await greeted(program, worker);
    const { text } = await program.waitFor(/^dev +\| worker\.\d is the master.* kill -9 \d+$/, SLOW_MS);
    const [, master = ""] = /(worker\.\d) is/.exec(text) ?? [];
    process.kill(pidOf(text), "SIGKILL");
    await program.waitFor(new RegExp(`${master} was killed by SIGKILL\\. It is started again in \\d+ms\\.`));
    const others = (line: { text: string }) => /is the master/.test(line.text) && pidOf(line.text) !== pidOf(text);
    await program.waitFor(others, SLOW_MS);
    await until(() => program.stdout.filter((line) => line.includes("Hello from")).length === 4, { within: SLOW_MS });
    assert.equal(await accepts(web + 2), true);
    assert.ok(!program.stdout.some((line) => line.includes("| NODE_ENV is there")));

    program.kill("SIGINT");
    assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
    assert.equal(program.stdout.filter((line) => line.includes("has stopped")).length, 4, program.output());
    assert.match(program.stdout.at(-1) ?? "", /the broker has stopped/, "the broker stops last");
    await gone(path, [broker, web, web + 1, web + 2]);
  });

  test(`dev on ${on} is killed: its workers stop, then the broker`, { timeout: 60_000 }, async () => {
    const { path } = script(`killed-${on}`);
    const env = { STOPPED: join(folder, `stopped-${on}`) };
    const { program, broker, web } = await dev(path, ["--runtime", "node,bun,deno"], { on, env });
    const pids: number[] = [];
    for (const worker of ["worker.1", "worker.2", "worker.3"]) pids.push(await greeted(program, worker));
    program.kill("SIGKILL");
    await gone(path, [broker, web, web + 1, web + 2]);
    // Each stopped as it should, though nobody read any more what it said.
    const stopped = readFileSync(env.STOPPED, "utf8").trim().split("\n").map(Number);
    assert.deepEqual(stopped.sort(), pids.sort());
  });
}

test("a worker that hears nothing is killed when dev has been", { timeout: 60_000 }, async () => {
  const { path } = script("busy");
  const { program, broker } = await dev(path, ["-n", "1"], { env: { BUSY: "1" } });
  await program.waitFor(/busy \d+/, SLOW_MS);
  program.kill("SIGKILL");
  await gone(path, [broker]);
});

test("a second Ctrl-C ends everything at once", { timeout: 60_000 }, async () => {
  const { path } = script("twice");
  const { program, broker } = await dev(path, ["-n", "2"], { env: { BUSY: "1" } });
  await program.waitFor(/busy \d+/, SLOW_MS);
  program.kill("SIGINT");
  const { at } = await program.waitFor(/Stopping after SIGINT/);
  await until(() => performance.now() - at > 320); // within 300 ms it would be the same one
  program.kill("SIGINT");
  assert.deepEqual(await program.exit, { code: 130, signal: null }, program.output());
  await gone(path, [broker]);
});

for (const on of runtimes) {
  test(`--watch on ${on}: a change is taken by all, one that does not run by none`, { timeout: 120_000 }, async () => {
    const { path, part } = script(`watch-${on}`);
    const { program, broker, web } = await dev(path, ["-n", "2", "--watch"], { on });
    for (const worker of ["worker.1", "worker.2"]) await greeted(program, worker);

    writeFileSync(part, 'export const greeting = "Good day";\n');
    const saved = program.lines.length;
    const first = await greeted(program, "worker.1", "Good day");
    const second = await greeted(program, "worker.2", "Good day");
    await program.waitFor(/All workers run the change/, SLOW_MS);
    const said = program.lines.slice(saved).filter(({ text }) => !/Good day from|has stopped/.test(text));
    assert.ok(said.length <= 5, program.output());

    writeFileSync(part, 'export const greeting = "Good;\n');
    await program.waitFor(/The change does not run/, SLOW_MS);
    assert.ok(program.stderr.some((line) => /^trial +\| .*(Error|error)/.test(line)), program.output());
    process.kill(first, 0);
    process.kill(second, 0);

    writeFileSync(part, 'export const greeting = "Good night";\n');
    await greeted(program, "worker.1", "Good night");
    await greeted(program, "worker.2", "Good night");
    const stops = program.lines.findIndex(({ text }) => text.includes(`| ${second} has stopped`));
    const starts = program.lines.findIndex(({ text }) => /^worker\.1 .*Good night/.test(text));
    assert.ok(starts >= 0 && starts < stops, `one after the other\n${program.output()}`);

    program.kill("SIGINT");
    assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
    await gone(path, [broker, web, web + 1]);
  });
}

test("when nobody reads what it shows, dev ends all", { timeout: 60_000 }, async () => {
  const { path } = script("unread");
  const [broker = 0, web = 0] = await freePorts(2);
  const words = ["dev", "-n", "1", "--port", `${broker}`, "-p", `${web}`];
  const reader = spawnSync("/bin/sh", ["-c", '"$@" 2>/dev/null | head -1', "sh", executable("node"), path, ...words], {
    encoding: "utf8",
    timeout: SLOW_MS,
    env: { ...process.env, CHATTY: "1" },
  });
  assert.match(reader.stdout, /^worker\.1 +\|/);
  await gone(path, [broker, web]);
});

test("--no-restart: a worker that dies is gone, and dev ends with the last", { timeout: 60_000 }, async () => {
  const { path } = script("no-restart");
  const { program, broker } = await dev(path, ["-n", "2", "--no-restart"]);
  const pids = [await greeted(program, "worker.1"), await greeted(program, "worker.2")];
  for (const pid of pids) process.kill(pid, "SIGKILL");
  assert.deepEqual(await program.exit, { code: 1, signal: null }, program.output());
  assert.ok(program.stderr.some((line) => line.endsWith("worker.1 was killed by SIGKILL.")), program.output());
  await gone(path, [broker]);
});

test("ports that are taken: the next ones, said; the broker's, when it was asked for, is an error", async () => {
  const { path } = script("taken");
  const [web = 0] = await freePorts(1);
  const other = createServer().listen(web, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  try {
    const { program } = await dev(path, ["-n", "2", "-p", `${web}`, "--no-restart"]);
    await program.waitFor(new RegExp(`Web port ${web} is taken by other programs`), SLOW_MS);
    await program.waitFor(new RegExp(`127\\.0\\.0\\.1:${web + 1} .*:${web + 2} `));
    program.kill("SIGTERM");
    assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());

    const refused = run("node", path, ["dev", "--port", `${web}`]);
    assert.deepEqual(await refused.exit, { code: 1, signal: null });
    assert.match(refused.stderr.join("\n"), new RegExp(`^Port ${web} is taken .* --port`));
  } finally {
    other.close();
  }
});

test("broker alone: says where it listens and how to use it; a taken port is one sentence", async () => {
  const { path } = script("alone");
  const [port = 0] = await freePorts(1);
  const broker = run("node", path, ["broker", "--port", `${port}`]);
  await broker.waitFor(/In other terminals/, SLOW_MS);
  assert.equal(broker.stdout.length, 2);
  assert.match(
    broker.stdout[1] ?? "",
    new RegExp(`node .*alone\\.ts worker -p 0 --url kafka://127\\.0\\.0\\.1:${port}$`),
  );
  const second = run("node", path, ["broker", "--port", `${port}`]);
  assert.deepEqual(await second.exit, { code: 1, signal: null });
  assert.deepEqual(second.stderr, [
    `Port ${port} on 127.0.0.1 is taken by another program: choose another with --port (0 takes any free one).`,
  ]);
  broker.kill("SIGTERM");
  assert.deepEqual(await broker.exit, { code: 0, signal: null }, broker.output());
});
