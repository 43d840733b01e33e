// Runs the test files on Node, Bun and Deno and ends with one plain line: `N passed, N failed, N skipped`.
//
//   node test/run.mjs [--runtime node,bun,deno] [words…]
//
// A word is a test file, or a part of the paths of the files to run.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
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

const { executable, runtimes } = await import("./support/runtimes.ts");
const { kafkaForTests, kafkaSkip, onDevBroker } = await import("./support/kafka.ts");
const { startDevBroker } = await import("./support/dev-broker.ts");

/** How long the tests of one runtime may take, in ms, before they count as hung. */
const limit = 15 * 60_000;
const { values, positionals } = parseArgs({
  options: { runtime: { type: "string", default: runtimes.join(",") } },
  allowPositionals: true,
});
const chosen = values.runtime.split(",");
const unknown = chosen.filter((name) => !runtimes.includes(name));
if (unknown.length > 0) throw new Error(`--runtime knows ${runtimes.join(", ")}, not ${unknown.join(", ")}`);

/**
 * Tests here start programs of their own, so that running them on each runtime would only repeat them. Those of the dev broker's
 * parts are too many for all three within the suite's six minutes: the conformance suite stands for them on Bun and Deno, and
 * `npm test -- test/broker` runs them everywhere.
 */
const nodeOnly = [
  ...["test/process/", "test/package/", "test/broker/foreign"],
  ...(positionals.length === 0 ? ["test/broker/"] : []),
];

const words = positionals.map((word) => existsSync(word) ? relative(root, word) : word);
const files = readdirSync("test", { recursive: true })
  .map((name) => `test/${String(name).replaceAll("\\", "/")}`)
  .filter((name) => name.endsWith(".test.ts") && (words.length === 0 || words.some((word) => name.includes(word))))
  .sort();

const commands = {
  node: (list, report) => [
    "--test",
    // One file waits for Kafka most of the time, so two at once keep both of a small machine's cores busy.
    "--test-concurrency=2",
    // Names the file that hangs; the limit of the whole run would not.
    "--test-timeout=300000",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=junit",
    `--test-reporter-destination=${report}`,
    ...list,
  ],
  bun: (list, report) => ["test", "--timeout", "60000", "--reporter=junit", `--reporter-outfile=${report}`, ...list],
  deno: (list, report) => ["test", "-A", "--no-check", `--junit-path=${report}`, ...list],
};

/** The process group that runs now. Its own group, so that it can be ended with all that it has started. */
let group;
const endGroup = () => {
  try {
    if (group !== undefined) process.kill(-group, "SIGKILL");
  } catch {
    // It has ended already.
  }
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    endGroup();
    process.exit(1);
  });
}

/** Runs a program to its end and gives its exit code: `undefined` when it could not start or was killed. */
function runToEnd(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"], detached: true });
    group = child.pid;
    const timer = setTimeout(() => {
      console.log(`# not done after ${limit / 60_000} minutes: killed`);
      endGroup();
    }, limit);
    child.once("error", (error) => console.log(`# ${error.message}`));
    child.once("close", (code) => {
      clearTimeout(timer);
      group = undefined;
      resolve(code ?? undefined);
    });
  });
}

/** The test cases of a JUnit report by outcome. */
function count(report) {
  const xml = existsSync(report) ? readFileSync(report, "utf8") : "";
  const outcome = { passed: 0, failed: 0, skipped: 0 };
  for (const [, , , body = ""] of xml.matchAll(/<testcase\b((?:[^>"]|"[^"]*")*?)(\/>|>([\s\S]*?)<\/testcase>)/g)) {
    if (/<(failure|error)\b/.test(body)) outcome.failed++;
    else if (/<skipped\b/.test(body)) outcome.skipped++;
    else outcome.passed++;
  }
  return outcome;
}

const plain = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;
const total = { passed: 0, failed: 0, skipped: 0 };
const reports = mkdtempSync(join(tmpdir(), "mephisto-reports-"));
/** Runs files on a runtime, and counts what comes out. */
async function runFiles(name, runtime, list) {
  if (list.length === 0) return;
  console.log(`\n# ${name}: ${list.length} files`);
  const report = join(reports, `${runtime}.xml`);
  rmSync(report, { force: true });
  const code = await runToEnd(executable(runtime), commands[runtime](list.map((file) => `./${file}`), report));
  const outcome = count(report);
  // It died without a report, or something failed outside of a test.
  if (code !== 0 && outcome.failed === 0) outcome.failed++;
  // A run of nothing is no success either.
  if (code === 0 && outcome.passed + outcome.failed + outcome.skipped === 0) outcome.failed++;
  console.log(`# ${name}: ${plain(outcome)} (exit code ${code})`);
  for (const key of Object.keys(total)) total[key] += outcome[key];
}

/** What any broker will do for: it starts one, or uses the one that is there, and does not insist on real Kafka. */
function takesAnyBroker(file) {
  const text = readFileSync(file, "utf8");
  return /\b(kafkaForTests|startKafka)\b/.test(text) && !text.includes("kafkaSkip");
}

const brokers = [];
try {
  const kafka = await kafkaForTests();
  brokers.push(kafka);
  process.env.MEPHISTO_TEST_KAFKA = kafka.url;
  if (onDevBroker) process.env.MEPHISTO_TEST_BROKER = "dev";
  console.log(onDevBroker ? `# The dev broker: ${kafka.url}; ${kafkaSkip}` : `# Kafka: ${kafka.url}`);
  for (const runtime of chosen) {
    const list = files.filter((name) => runtime === "node" || !nodeOnly.some((folder) => name.startsWith(folder)));
    await runFiles(runtime, runtime, list);
  }
  if (!onDevBroker && chosen.includes("node")) {
    const list = files.filter((name) => name.startsWith("test/process/") && takesAnyBroker(name));
    const broker = await startDevBroker({ keeps: false });
    brokers.push(broker);
    Object.assign(process.env, { MEPHISTO_TEST_BROKER: "dev", MEPHISTO_TEST_KAFKA: broker.url });
    await runFiles("node, on the dev broker", "node", list);
  }
} catch (error) {
  console.error(error);
  total.failed++;
} finally {
  rmSync(reports, { recursive: true, force: true });
  for (const broker of brokers) await broker.stop?.();
}
if (total.passed + total.failed === 0) console.log("\nnothing ran");
console.log(`\n${plain(total)}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
