// Runs the test files on Node, Bun and Deno and ends with one plain line: `N passed, N failed, N skipped`.
//
//   node test/run.mjs [--runtime node,bun,deno] [--jobs 4] [words…]
//
// A word is a test file, or a part of the paths of the files to run. Several files run at once (`--jobs`, by default two
// for each core), since most of their time is spent waiting: for a session to expire, for a broker to start.
//
// Without words, files that failed run once more when all others are done, alone, if they are one or two: a machine that
// stalls for longer than a session fails a test that is right. The first failure stays printed, and the file is named
// again at the end, so that one which needs this often is found and mended.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);

// The support files are TypeScript, which older Nodes don't run: the development dependency `node` does.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  const node = join(root, "node_modules", "node", "bin", "node");
  if (!existsSync(node)) throw new Error("the tests need Node 22.18 or newer: run npm install");
  const { status } = spawnSync(node, process.argv.slice(1), { stdio: "inherit" });
  process.exit(status ?? 1);
}

const { runtimes } = await import("./support/runtimes.ts");
const { kafkaForTests, kafkaSkip, onDevBroker } = await import("./support/kafka.ts");
const { startDevBroker } = await import("./support/dev-broker.ts");
const { endAll, runJob } = await import("./support/test-job.ts");

const { values, positionals } = parseArgs({
  options: {
    runtime: { type: "string", default: runtimes.join(",") },
    jobs: { type: "string", default: String(Math.min(2 * availableParallelism(), 8)) },
  },
  allowPositionals: true,
});
const chosen = values.runtime.split(",");
const unknown = chosen.filter((name) => !runtimes.includes(name));
const jobs = Number(values.jobs);
if (!(jobs >= 1)) throw new Error(`--jobs: ${values.jobs} is not a number of files to run at once`);
if (unknown.length > 0) throw new Error(`--runtime knows ${runtimes.join(", ")}, not ${unknown.join(", ")}`);

/**
 * Tests here start programs of their own, so that running them on each runtime would only repeat them. Those of the dev
 * broker's parts are too many for all three within the suite's six minutes: the conformance suite stands for them on Bun
 * and Deno, and `npm test -- test/broker` runs them everywhere.
 */
const nodeOnly = [
  ...["test/process/", "test/package/", "test/broker/interop"],
  // What the brokers do of themselves here concerns no runtime: fenced-restarts.test.ts has the master that loses its
  // connections to a broker on each of them, cluster.test.ts and chaos.test.ts workers of all three.
  "test/kafka/master/fenced-cluster",
  // What brokers refuse; that a file can be written on each of them is in test/worker/dead-letters/dead-letter-file.test.ts.
  "test/kafka/dead-letters",
  "test/kafka/acl",
  // It waits for bytes that come slowly; what a runtime makes of them is in test/kafka/connection/line-rate.test.ts.
  "test/kafka/consumer/fetch/slow-line",
  // The tests of cut-off, secure and producer stand on it on each of them.
  "test/support/kafka.test.ts",
  "test/support/proxy.test.ts",
  // Any sequence of events, on virtual time: test/worker/actors/actor-loop.test.ts runs each of them everywhere.
  "test/worker/actors/actor-loop-model",
  // The same of fetching and sending: fetcher.test.ts and producer.test.ts run everywhere.
  "test/kafka/consumer/fetch/fetch-model",
  "test/kafka/producer/write-access",
  ...(positionals.length === 0 ? ["test/broker/"] : []),
];

const words = positionals.map((word) => existsSync(word) ? relative(root, word) : word);
const files = readdirSync("test", { recursive: true })
  .map((name) => `test/${String(name).replaceAll("\\", "/")}`)
  .filter((name) => name.endsWith(".test.ts") && (words.length === 0 || words.some((word) => name.includes(word))))
  .sort();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    endAll();
    process.exit(1);
  });
}

/** What any broker will do for: it starts one, or uses the one that is there, and does not insist on real Kafka. */
function takesAnyBroker(file) {
  const text = readFileSync(file, "utf8");
  return /\b(kafkaForTests|startKafka)\b/.test(text) && !text.includes("kafkaSkip");
}

/** What starts programs or waits for a broker: such a file is a unit of its own, all others of a runtime are one. */
const waits = (file) =>
  /(support|\.)\/(kafka|process|interop|dev-broker)\.ts|conformance/.test(readFileSync(file, "utf8"));
/** These take longest: begun first, and not all at once, as they start many programs. */
const isLong = (file) => /^test\/(process|package)\/|interop|fenced-cluster/.test(file);

/** These mostly wait, for a session or for Kafka's answers: two of them keep a machine as busy as another one. */
const isQuiet = (file) =>
  /^test\/(presence\/presence|process\/(clock|leaseless|precise)|conformance\/kafka)\.test/.test(file) ||
  /^test\/kafka\/[\w/]+\/(consumer|fenced-producer|fetcher|instances|broker-connection|member)\.test/.test(file);

/** @returns {import("./support/test-job.ts").TestJob[]} */
function unitsOf(list, runtime, more = { env: {} }) {
  const waiting = list.filter(waits);
  const others = list.filter((file) => !waiting.includes(file));
  return [others, ...waiting.map((file) => [file])].filter(({ length }) => length > 0)
    .map((files) => ({ runtime, files, ...more }));
}

/** Long ones and others in turn; what is quiet comes last of its runtime, so that the end does not wait for a long one. */
function inTurn(units) {
  const long = units.filter(({ files }) => isLong(files[0]));
  const others = units.filter((unit) => !long.includes(unit)).sort((a, b) =>
    chosen.indexOf(a.runtime) - chosen.indexOf(b.runtime) || Number(isQuiet(a.files[0])) - Number(isQuiet(b.files[0]))
  );
  return Array.from({ length: Math.max(long.length, others.length) }, (_, index) => [long[index], others[index]])
    .flat().filter((unit) => unit !== undefined);
}

const plain = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;
const total = { passed: 0, failed: 0, skipped: 0 };
/** Of each runtime, and each broker, by its name. */
const sums = new Map();
const add = (to, counts) => Object.keys(to).forEach((key) => to[key] += counts[key]);
const began = performance.now();
const reports = mkdtempSync(join(tmpdir(), "mephisto-reports-"));
const brokers = [];
/** What failed, with its counts. */
const failures = [];
/** More than these were no accident. */
const MAX_AGAIN = 2;
// Half of what a program costs that runs for a moment is its compilation, and Node starts some three hundred of them.
process.env.NODE_COMPILE_CACHE ??= join(reports, "compiled");

/** Runs them, so many at once as there are jobs; two quiet ones count as one. */
async function runAll(units) {
  const live = units.length === 1;
  const running = new Set();
  let room = jobs;
  for (const [index, unit] of units.entries()) {
    const takes = jobs > 1 && isQuiet(unit.files[0]) ? 0.5 : 1;
    while (room < takes) await Promise.race(running);
    room -= takes;
    const done = runOne(unit, { report: join(reports, `${index}.xml`), live }).finally(() => {
      room += takes;
      running.delete(done);
    });
    running.add(done);
  }
  await Promise.all(running);
}

async function runOne(unit, options) {
  const { runtime, files, on } = unit;
  const group = on === undefined ? runtime : `${runtime}, on ${on}`;
  const name = files.length === 1 ? files[0] : `${files.length} other files`;
  const { counts, code, seconds, output } = await runJob(unit, options);
  // Of a few files all is shown, of many what failed.
  if (counts.failed > 0 || positionals.length > 0) process.stdout.write(output);
  console.log(`# ${group}: ${name}: ${plain(counts)} (${seconds.toFixed(1)} s, exit code ${code})`);
  const sum = sums.get(group) ?? { passed: 0, failed: 0, skipped: 0, seconds: 0 };
  add(sum, { ...counts, seconds });
  sums.set(group, sum);
  add(total, counts);
  if (counts.failed > 0) failures.push({ unit, name: `${group}: ${name}`, counts, sum });
}

/** Runs again, one by one, what failed when everything else ran beside it. */
async function runAgain() {
  const first = failures.splice(0);
  const again = [];
  for (const [index, { unit, name, counts, sum }] of first.entries()) {
    const back = Object.fromEntries(Object.entries(counts).map(([key, count]) => [key, -count]));
    add(sum, { ...back, seconds: 0 });
    add(total, back);
    await runOne(unit, { report: join(reports, `again-${index}.xml`), live: false });
    if (failures.every((failure) => failure.unit !== unit)) again.push(name);
  }
  return again;
}

let again = [];
try {
  const kafka = await kafkaForTests();
  brokers.push(kafka);
  process.env.MEPHISTO_TEST_KAFKA = kafka.url;
  if (onDevBroker) process.env.MEPHISTO_TEST_BROKER = "dev";
  console.log(onDevBroker ? `# The dev broker: ${kafka.url}; ${kafkaSkip}` : `# Kafka: ${kafka.url}`);
  const units = chosen.flatMap((runtime) =>
    unitsOf(
      files.filter((name) => runtime === "node" || !nodeOnly.some((folder) => name.startsWith(folder))),
      runtime,
    )
  );
  const onDev = files.filter((name) => name.startsWith("test/process/") && takesAnyBroker(name));
  if (!onDevBroker && chosen.includes("node") && onDev.length > 0) {
    const broker = await startDevBroker({ keeps: false });
    brokers.push(broker);
    const env = { MEPHISTO_TEST_BROKER: "dev", MEPHISTO_TEST_KAFKA: broker.url };
    units.push(...unitsOf(onDev, "node", { on: "the dev broker", env }));
  }
  await runAll(inTurn(units));
  if (words.length === 0 && failures.length <= MAX_AGAIN) again = await runAgain();
} catch (error) {
  console.error(error);
  total.failed++;
} finally {
  rmSync(reports, { recursive: true, force: true });
  for (const broker of brokers) await broker.stop?.();
}
if (total.passed + total.failed === 0) console.log("\nnothing ran");
console.log();
for (const [group, sum] of sums) console.log(`# ${group}: ${plain(sum)} (${sum.seconds.toFixed(0)} s of files)`);
for (const name of again) console.log(`# failed at first, and passed when it ran again alone: ${name}`);
console.log(`# ${((performance.now() - began) / 1000).toFixed(0)} s, ${jobs} at once\n${plain(total)}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
