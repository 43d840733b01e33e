/** What `dev` and `broker` refuse, and what they hand on; how they run is in test/process/dev.test.ts. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { again } from "../../../src/cli/launch/respawn.ts";
import { readRequest } from "../../../src/cli/request.ts";
import { runScript } from "../../../src/cli/script.ts";
import { bytesOf } from "../../../src/core/byte-size.ts";
import { runtime } from "../../../src/runtime/info.ts";
import { exampleDefinition, FakeHost, FakeTerminal } from "../fake.ts";

async function run(words: string, env: Record<string, string> = {}, host = new FakeHost()) {
  const terminal = new FakeTerminal(words.split(" "), env);
  const code = await runScript(exampleDefinition(), host, terminal);
  return { code, out: terminal.stdout, err: terminal.stderr };
}

const folder = mkdtempSync(join(tmpdir(), "mephisto-dev-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "file");
writeFileSync(file, "");
const WRITABLE = "Give a folder that this user may write in.";

const mistakes = {
  "dev -n 0": '--workers: "0" is not a number from 1 to 64. See --help.',
  "dev -n many": '--workers: "many" is not a number from 1 to 64. See --help.',
  "dev --runtime bun,dino": '--runtime: "dino" is none of bun, deno, node. Did you mean deno? See --help.',
  "dev --memory much": '--memory: "much" is not a size. Give one such as 512MiB or 2GiB.',
  "dev --port x": '--port: "x" is not a port: give a number from 0 (any free one) to 65535.',
  "dev -l inof": '--loglevel: "inof" is none of debug, info, warn, error, silent. Did you mean info?',
  "dev --no-restrat": "Unknown flag --no-restrat. See --help.",
  "dev --wacth": "Unknown flag --wacth. Did you mean --watch? See --help.",
  "deb": 'Unknown command "deb". Did you mean dev? See --help.',
  "dev --memory 5": "--memory: 5 has no unit, so it would be 5 bytes. Write 5MiB or 5GiB.",
  "broker --memory 5": "--memory: 5 has no unit, so it would be 5 bytes. Write 5MiB or 5GiB.",
  [`broker --data ${file}`]: `--data: "${file}" cannot be used: ${file} is a file. ${WRITABLE}`,
  [`broker --data ${file}/in/it`]: `--data: "${file}/in/it" cannot be used: ${file} is a file. ${WRITABLE}`,
  [`dev --data ${file}`]: `--data: "${file}" cannot be used: ${file} is a file. ${WRITABLE}`,
  ...(process.platform === "linux" && {
    // Where Node's own mkdir, with its folders above, never comes back.
    "broker --data /proc/here/or/there":
      `--data: "/proc/here/or/there" cannot be used: it cannot be made there. ${WRITABLE}`,
  }),
  "broker --memory 0": '--memory: "0" is not a size. Give one such as 512MiB or 2GiB.',
  "dev --partitions 0": '--partitions: "0" is not allowed for num.partitions.',
  "broker --set num.partitons=3":
    '--set num.partitons: the broker for development has no setting "num.partitons". Did you mean num.partitions?',
  "broker --set num.io.threads=3":
    "--set num.io.threads: num.io.threads has no effect on the broker for development: leave it out.",
  "dev --set broker.id=3": "--set broker.id: broker.id says what the broker is, and cannot be set.",
  "dev --set message.max.bytes=x": '--set message.max.bytes: "x" is not of the type int.',
  "dev --set nonsense": '--set: "nonsense" is not name=value, such as num.partitions=3. See --help.',
  "broker --partitions 2 --set num.partitions=3":
    "--partitions and --set num.partitions say the same: leave one out. See --help.",
  "brokr": 'Unknown command "brokr". Did you mean broker? See --help.',
};
for (const [words, message] of Object.entries(mistakes)) {
  test(`a mistake is one sentence: ${words}`, async () => {
    assert.deepEqual(await run(words), { code: 2, out: "", err: message + "\n" });
  });
}

test("neither starts in production, unless it is really meant", async () => {
  const production = { NODE_ENV: "production" };
  for (const words of ["broker", "dev"]) {
    const { code, err } = await run(words, production);
    assert.equal(code, 2);
    assert.match(err, new RegExp(`^NODE_ENV is production, and the broker that ${words} starts .* --yes-really\\.`));
  }
  const host = new FakeHost();
  host.madeBroker = { start: () => Promise.reject(new Error("far enough")), stop: () => Promise.resolve() };
  assert.match((await run("broker --yes-really", production, host)).err, /far enough/);
});

test("dev refuses an app that asks for encryption or a password in its code", async () => {
  const terminal = new FakeTerminal(["dev"]);
  assert.equal(await runScript(exampleDefinition({ ssl: true }), new FakeHost(), terminal), 2);
  assert.match(terminal.stderr, /^The code sets ssl, which the broker for development does not speak/);
});

test("the broker gets what the flags say; why it cannot listen is one sentence", async () => {
  const host = new FakeHost();
  const taken = Object.assign(new Error("listen"), { code: "EADDRINUSE" });
  host.madeBroker = { start: () => Promise.reject(taken), stop: () => Promise.resolve() };
  const more = "--no-auto-create --partitions 3 --set message.max.bytes=5 --set=log.cleanup.policy=compact";
  const { code, err } = await run(
    `broker --port 7000 --host ::1 --data ${folder}/here --memory 64MiB ${more}`,
    {},
    host,
  );
  const [{ logger: _, ...options } = {}] = host.brokers;
  assert.deepEqual(options, {
    port: 7000,
    host: "::1",
    data: `${folder}/here`,
    memoryLimit: 64 * 2 ** 20,
    settings: {
      "auto.create.topics.enable": "false",
      "num.partitions": "3",
      "message.max.bytes": "5",
      "log.cleanup.policy": "compact",
    },
  });
  assert.equal(code, 1);
  assert.equal(
    err,
    "Port 7000 on ::1 is taken by another program: choose another with --port (0 takes any free one).\n",
  );
});

test("a trial connects, and starts no worker", async () => {
  const host = new FakeHost();
  assert.equal((await run("worker --trial --url kafka://here:1", {}, host)).code, 0);
  assert.deepEqual(host.tried.map(({ url }) => url.value), ["kafka://here:1"]);
  assert.deepEqual([host.started.length, host.closed], [0, 1]);
});

test("-p is the web port wherever it is known", async () => {
  assert.deepEqual(await run("broker -p 7000").then(({ code, err }) => [code, err]), [
    2,
    "Unknown flag -p. See --help.\n",
  ]);
});

test("help shows the flags, those that are on by default as they are turned off", async () => {
  const { out } = await run("dev --help");
  assert.match(out, /^ +-n, --workers <number> .*default 3/m);
  assert.match(out, /^ +--no-restart +Do not restart workers that exit/m);
  assert.match((await run("broker --help")).out, /^ +--data <folder>/m);
  assert.match((await run("broker --help")).out, /^ +--no-auto-create +Do not create topics/m);
});

test("mephisto broker needs no script; mephisto dev leaves --runtime to the script", () => {
  const words = (text: string) => readRequest(text.split(" "));
  assert.deepEqual(words("broker --port 7000"), {
    kind: "broker",
    words: ["--port", "7000"],
    runtime: undefined,
  });
  assert.deepEqual(words("dev a.ts -n 3 --runtime bun,node"), {
    kind: "run",
    script: "a.ts",
    words: ["dev", "--runtime=bun,node", "-n", "3"],
    runtime: undefined,
  });
});

test("sizes are of 1024", () => {
  const sizes = {
    "512MiB": 512 * 2 ** 20,
    "512m": 512 * 2 ** 20,
    "1.5G": 1.5 * 2 ** 30,
    "64 kB": 65_536,
    "1048576": 2 ** 20,
  };
  for (const [text, bytes] of Object.entries(sizes)) assert.equal(bytesOf(text, "--memory"), bytes, text);
  for (const text of ["", "-1", "1T", "MiB", "1e9"]) assert.throws(() => bytesOf(text, "--memory"), /is not a size/);
});

test("a script starts itself again on the same runtime", () => {
  const { program, args } = again(["worker", "-p", "1"]);
  assert.equal(program, process.execPath);
  assert.deepEqual(args.slice(-3), ["worker", "-p", "1"]);
  assert.ok(args.includes("run") || runtime().name === "node");
});
