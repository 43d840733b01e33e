import assert from "node:assert/strict";
import { test } from "node:test";
import { runScript } from "../../src/cli/script.ts";
import { MephistoError } from "../../src/core/errors.ts";
import type { Handover } from "../../src/worker/resign.ts";
import { exampleDefinition, FakeHost, FakeTerminal, fakeWorker } from "./fake.ts";

async function run(
  words: string,
  { env = {}, host = new FakeHost() }: { env?: Record<string, string>; host?: FakeHost } = {},
) {
  const terminal = new FakeTerminal(words === "" ? [] : words.split(" "), env);
  const code = await runScript(exampleDefinition(), host, terminal);
  return { code, out: terminal.stdout, err: terminal.stderr, host };
}

/** A host whose worker fails as soon as it is started. */
function failing(error: Error): FakeHost {
  const host = new FakeHost();
  host.made = fakeWorker({ failed: Promise.resolve(error) });
  return host;
}

test("--version is the toolkit's and the runtime's, also after a command", async () => {
  for (const words of ["--version", "-V", "worker --version", "list --version"]) {
    const { code, out, host } = await run(words);
    assert.equal(code, 0);
    assert.match(out, /^mephisto \d+\.\d+\.\d+ \((bun|deno|node) \d+\.\d+\.\d+.*\)\n$/);
    assert.equal(host.started.length, 0);
  }
});

test("--help lists the commands; after a command, its flags", async () => {
  for (const words of ["--help", "-h", "help"]) {
    const { code, out } = await run(words);
    assert.equal(code, 0);
    for (const command of ["worker", "send", "timers", "resign", "list"]) {
      assert.match(out, new RegExp(`^ +${command} +\\S`, "m"));
    }
  }
  for (const words of ["worker --help", "worker -h", "help worker", "worker -l debug --help"]) {
    const { code, out, host } = await run(words);
    assert.equal(code, 0);
    assert.match(out, /-p, --web-port <port> .*MEPHISTO_WEB_PORT/);
    assert.equal(host.started.length, 0);
  }
  assert.match((await run("send --help")).out, /send <actor> <value> \[flags\]/);
});

test("what goes to a pipe has no colours", async () => {
  for (const words of ["--help", "worker --help", "list", "wroker", "--version"]) {
    const { out, err } = await run(words);
    assert.ok(!(out + err).includes("\x1b"));
  }
});

test("a terminal that takes colours gets them", async () => {
  class Coloured extends FakeTerminal {
    override readonly colours = true;
  }
  const terminal = new Coloured(["--help"]);
  await runScript(exampleDefinition(), new FakeHost(), terminal);
  assert.ok(terminal.stdout.includes("\x1b[1m"));
});

const mistakes = {
  "wroker": 'Unknown command "wroker". Did you mean worker? See --help.',
  "dance": 'Unknown command "dance". See --help.',
  "toString": 'Unknown command "toString". See --help.',
  "help dance": 'Unknown command "dance". See --help.',
  "worker --web-prot 1": "Unknown flag --web-prot. Did you mean --web-port? See --help.",
  "worker now": 'Unexpected argument "now". See --help.',
  "-l": "--loglevel needs a value. See --help.",
  "-l inof": '--loglevel: "inof" is none of debug, info, warn, error, silent. Did you mean info?',
  "--url localhost": '--url: "localhost" is not an address of Kafka. ' +
    "Write kafka://host:port, or kafka+ssl://host:port for an encrypted connection.",
  "send sya hi": 'App shop has no actor "sya". Did you mean say? See --help.',
  "send nobody hi": 'App shop has no actor "nobody". It has say, orders. See --help.',
  "send say": "Missing argument <value>. See --help.",
  "send say hi --header x": '--header: "x" is not of the form name=value. See --help.',
};
for (const [words, message] of Object.entries(mistakes)) {
  test(`a mistake is one sentence: ${words}`, async () => {
    const { code, out, err, host } = await run(words);
    assert.deepEqual({ code, out, err }, { code: 2, out: "", err: message + "\n" });
    assert.equal(host.started.length + host.sent.length, 0);
  });
}

test("list shows actors, timers and tasks as aligned tables", async () => {
  const { code, out } = await run("list");
  assert.equal(code, 0);
  const next = out.indexOf("\nTIMER             NEXT SLOTS\n");
  assert.equal(
    out.slice(0, next),
    `ACTOR   TOPIC           PARTITIONS  KEY   VALUE
say     shop-say        8           text  raw
orders  shop-orders.v1  3           text  json

TIMER             RUNS         ON            OVERLAP
publishGreetings  every 2s     the master    skip
cleanUp           every 1m30s  every worker  skip
`,
  );
  assert.ok(out.endsWith("\nTASK    ON\nlisten  the master\n"), out);
});

test("list --json is for programs", async () => {
  const listed = JSON.parse((await run("list --json")).out);
  assert.equal(listed.app, "shop");
  assert.deepEqual(listed.actors, [
    { name: "say", topic: "shop-say", partitions: 8, key: "text", value: "raw" },
    { name: "orders", topic: "shop-orders.v1", partitions: 3, key: "text", value: "json" },
  ]);
  const timers = listed.timers.map(({ name, every, onMaster }: Record<string, unknown>) => ({ name, every, onMaster }));
  assert.deepEqual(timers, [
    { name: "publishGreetings", every: 2000, onMaster: true },
    { name: "cleanUp", every: 90_000, onMaster: false },
  ]);
  assert.deepEqual(listed.tasks, [{ name: "listen", onMaster: true }]);
});

test("send sends one message, and closes", async () => {
  const { code, out, host } = await run(
    "send say hello -k k1 --header a=1 --header b=x=y --header a=2 --url kafka://other",
  );
  assert.equal(code, 0);
  assert.equal(out, "sent to shop-say\n");
  assert.equal(host.closed, 1);
  const [sent] = host.sent;
  assert.equal(sent?.actor.name, "say");
  assert.deepEqual(sent?.message, { value: "hello", key: "k1", headers: [["a", "1"], ["b", "x=y"], ["a", "2"]] });
  assert.deepEqual(sent?.settings.url, { value: "kafka://other", from: "--url" });
});

test("send gives text as it is to raw, and what JSON says to json", async () => {
  const values = async (words: string) => (await run(words)).host.sent.map(({ message }) => message.value);
  assert.deepEqual(await values('send say {"a":1}'), ['{"a":1}']);
  assert.deepEqual(await values('send orders {"a":1}'), [{ a: 1 }]);
  assert.deepEqual(await values("send orders -5"), [-5]);
  assert.deepEqual(await values("send orders hello"), ["hello"]);
});

test("a send that fails is one sentence, and closes", async () => {
  class Unreachable extends FakeHost {
    override send(): Promise<void> {
      return Promise.reject(new MephistoError("UNREACHABLE", "No broker answers at localhost:9092."));
    }
  }
  const host = new Unreachable();
  const { code, out, err } = await run("send say hello", { host });
  assert.deepEqual({ code, out, err }, {
    code: 1,
    out: "",
    err: "No broker answers at localhost:9092. The address is from the default.\n",
  });
  assert.equal(host.closed, 1);
});

test("a worker that cannot go on says why in one line, and stops", async () => {
  const host = failing(new MephistoError("PROTOCOL", "The group is gone."));
  const { code, err } = await run("-l error --without-web", { host });
  assert.equal(code, 1);
  assert.match(err, /^\S+ error The group is gone\.\n$/);
  assert.equal(host.closed, 1);
});

test("a worker whose start fails ends with its reason", async () => {
  const host = new FakeHost();
  let stops = 0;
  host.made = fakeWorker({
    start: () => Promise.reject(new MephistoError("AUTHENTICATION_FAILED", "Wrong password.")),
    stop: () => Promise.resolve(void stops++),
  });
  const { code, err } = await run("--without-web -l silent", { host });
  assert.equal(code, 1);
  assert.match(err, /Wrong password\.\n$/);
  assert.equal(stops, 1);
});

test("a worker introduces itself without its password", async () => {
  const host = failing(new MephistoError("PROTOCOL", "The end."));
  const { err } = await run("worker -p 0", { host, env: { MEPHISTO_URL: "kafka+ssl://me:secret@host:9093" } });
  assert.match(err, /Worker box-1-abcd of app shop: mephisto \S+ on bun 1\.0/);
  assert.match(err, /Kafka at kafka\+ssl:\/\/host:9093 \(from MEPHISTO_URL\), group shop/);
  assert.match(err, /Actor orders handles topic shop-orders\.v1/);
  assert.match(err, /Timer cleanUp runs every 1m30s on every worker/);
  assert.match(err, /Web port at http:\/\/127\.0\.0\.1:\d+\n/);
  assert.ok(!err.includes("secret"));
});

test("a worker says what it runs as a task, and that it is never master, and by whose will", async () => {
  const host = failing(new MephistoError("PROTOCOL", "The end."));
  const { err } = await run("worker -p 0 --no-master", { host, env: { MEPHISTO_EVICT_ON: "reset" } });
  assert.match(err, /Task listen runs on the master\n/);
  assert.match(err, /It never becomes master \(from --no-master\)\n/);
  assert.match(err, /refuses connections for dead \(evict-on reset, from MEPHISTO_EVICT_ON\)\n/);
});

test("a program's own logger is told everything, and the terminal why the worker ended", async () => {
  const lines: string[] = [];
  const add = (line: string) => lines.push(line);
  const host = failing(new MephistoError("PROTOCOL", "The end."));
  const terminal = new FakeTerminal(["--without-web"]);
  const definition = exampleDefinition({ logger: { debug: add, info: add, warn: add, error: add } });
  assert.equal(await runScript(definition, host, terminal), 1);
  assert.equal(terminal.stderr, "The end.\n");
  assert.match(lines[0] ?? "", /^Worker /);
  assert.deepEqual(lines.slice(-2), ["The end.", "Stopped"]);
});

test("flags without a command are the worker's", async () => {
  const host = failing(new MephistoError("PROTOCOL", "The end."));
  await run("-l debug --without-web --session-timeout 10s", { host });
  assert.equal(host.started[0]?.sessionTimeout.value, 10_000);
});

test("resign says who was master and who is, and closes", async () => {
  const { code, out, host } = await run("resign --url kafka://other");
  assert.deepEqual({ code, out }, { code: 0, out: "box-1-abcd was master, box-2-abcd is.\n" });
  assert.deepEqual([host.resigned[0]?.url.value, host.closed], ["kafka://other", 1]);
});

const refusals: [Handover, string][] = [
  [{ outcome: "noSuccessor", was: "box" }, "box stays master: no other worker of app shop may be.\n"],
  [{ outcome: "timedOut", was: "box" }, "box has not handed over yet: it may be in a long tick. Ask again later.\n"],
  [{ outcome: "noMaster" }, "App shop has no master: no worker may be, or has what is to run there.\n"],
  [{ outcome: "noWorker" }, "No worker of app shop is running.\n"],
];
for (const [handover, message] of refusals) {
  test(`a resign that changes nothing says why: ${handover.outcome}`, async () => {
    const host = new FakeHost();
    host.handover = handover;
    const { code, out, err } = await run("resign", { host });
    assert.deepEqual({ code, out, err }, { code: 1, out: "", err: message });
  });
}

test("a worker that is not to be master says so with a flag, which help shows as it is written", async () => {
  const host = new FakeHost();
  host.made = fakeWorker({ failed: Promise.resolve(new Error("enough")) });
  await run("worker --no-master --without-web", { host });
  assert.deepEqual(host.started[0]?.master, { value: false, from: "--no-master" });
  assert.match((await run("worker --help")).out, /^ +--no-master +Never become master/m);
});

test("a misspelt variable of ours is one sentence, whatever the command", async () => {
  for (const words of ["", "worker", "list", "send say hello", "timers", "broker"]) {
    const { code, err, out, host } = await run(words, { env: { MEPHISTO_SESION_TIMEOUT: "30s" } });
    assert.deepEqual([code, out, host.started.length, host.sent.length, host.brokers.length], [2, "", 0, 0, 0], words);
    assert.match(err, /^There is no environment variable MEPHISTO_SESION_TIMEOUT\. Did you mean [A-Z_]+\? .*\n$/);
  }
  assert.equal((await run("--version", { env: { MEPHISTO_SESION_TIMEOUT: "30s" } })).code, 0);
});

test("what Kubernetes sets for a service is no port, and says so", async () => {
  const { code, err } = await run("worker", { env: { MEPHISTO_WEB_PORT: "tcp://10.0.0.1:6066" } });
  assert.equal(code, 2);
  assert.match(err, /^MEPHISTO_WEB_PORT: .* is not a port.*enableServiceLinks: false\.\n$/);
});
