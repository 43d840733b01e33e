/** What the documents say of commands, flags, variables, defaults, options and error codes is what the code has. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { resolveOptions } from "../../src/cli/args/options.ts";
import { OPTION_VARIABLES } from "../../src/worker/variables.ts";
import { runScript } from "../../src/cli/script.ts";
import { workerCommand } from "../../src/cli/commands/worker.ts";
import { resolveSettings, SETTING_VARIABLES, variableOf } from "../../src/worker/settings.ts";
import { root } from "../support/runtimes.ts";
import { exampleDefinition, FakeHost, FakeTerminal } from "./fake.ts";

const DOCUMENTS = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];
const readme = DOCUMENTS.map((path) => readFileSync(join(root, path), "utf8")).join("\n");

/** The cells of the documents' tables, a list a row. */
const rows = readme.split("\n").filter((line) => /^\|.*\|$/.test(line)).map((line) =>
  line.slice(1, -1).split("|").map((cell) => cell.trim())
);

/** The rows of settings, by their variable: the flags, and what is said of the default. */
const settings = new Map(
  rows.flatMap(([flags = "", variable = "", fallback = ""]) => {
    const [, name] = /^`(MEPHISTO_\w+)`$/.exec(variable) ?? [];
    return name === undefined ? [] : [[name, { flags, fallback }] as const];
  }),
);

const args = () => workerCommand(exampleDefinition(), new FakeHost(), new FakeTerminal([])).args;

test("the documents have every flag of a worker with its variable, and no other", () => {
  const known = Object.entries(args()).filter(([name]) => name !== "trial").map(([name, definition]) => {
    const flag = definition.type === "boolean" && definition.default === true ? `no-${name}` : name;
    const alias = "alias" in definition ? `\`-${definition.alias}\`, ` : "";
    return [variableOf(flag), `${alias}\`--${flag}\``] as const;
  });
  const said = [...settings].map(([variable, { flags }]) => [variable, flags] as const);
  const sorted = (pairs: readonly (readonly [string, string])[]) => Object.fromEntries([...pairs].sort());
  assert.deepEqual(sorted(said), sorted([...known, ["MEPHISTO_VERSION", ""]]));
});

test("the documents have every variable that is read, and no other", () => {
  assert.deepEqual([...settings.keys()].sort(), [...SETTING_VARIABLES, ...OPTION_VARIABLES].sort());
});

test("the documents' defaults are those of the code", () => {
  const nothing = { flags: {}, env: {} };
  const { url, sessionTimeout, heartbeatInterval, instanceId, version, presence, evictOn, master } = resolveSettings(
    {},
    nothing,
  );
  const { loglevel, logfile, logFormat, web } = resolveOptions(nothing);
  const begins = (variable: string, word: string) => {
    const { fallback = "" } = settings.get(variable) ?? {};
    assert.ok(fallback.startsWith(word), `${variable}: ${fallback} is not ${word}`);
  };
  begins("MEPHISTO_URL", `\`${url.value}\``);
  begins("MEPHISTO_LOGLEVEL", `\`${loglevel}\``);
  begins("MEPHISTO_LOG_FORMAT", `\`${logFormat}\``);
  begins("MEPHISTO_WEB_PORT", `\`${web?.port}\``);
  begins("MEPHISTO_WEB_BIND", `\`${web?.bind}\``);
  begins("MEPHISTO_SESSION_TIMEOUT", `\`${sessionTimeout.value / 1000}s\``);
  begins("MEPHISTO_PRESENCE_BIND", `\`${presence.value}\``);
  begins("MEPHISTO_STOP_TIMEOUT", `\`${resolveSettings({}, nothing).stopTimeout.value / 1000}s\``);
  begins("MEPHISTO_BUFFER_MEMORY", `\`${resolveSettings({}, nothing).bufferMemory.value / 2 ** 20}MiB\``);
  begins("MEPHISTO_EVICT_ON", `\`${evictOn.value}\``);
  begins("MEPHISTO_HEARTBEAT_INTERVAL", "a twentieth of that, at most 300ms");
  assert.equal(heartbeatInterval.value, Math.min(300, sessionTimeout.value / 20));
  assert.equal(resolveSettings({ sessionTimeout: "5s" }, nothing).heartbeatInterval.value, 250);
  begins("MEPHISTO_DEAD_LETTER_DIR", "the working directory");
  assert.equal(resolveSettings({}, nothing).deadLetterDir.value, ".");
  for (const variable of ["MEPHISTO_LOGFILE", "MEPHISTO_INSTANCE_ID", "MEPHISTO_VERSION"]) begins(variable, "none");
  assert.deepEqual([logfile, instanceId.value, version.value, master.value], [undefined, undefined, "", true]);
});

test("the documents show every command of a script", async () => {
  const terminal = new FakeTerminal(["--help"]);
  await runScript(exampleDefinition(), new FakeHost(), terminal);
  const commands = [...terminal.stdout.matchAll(/^ {2}(\w+) {2}/gm)].map(([, command]) => command);
  assert.ok(commands.length >= 7, terminal.stdout);
  for (const command of commands) assert.match(readme, new RegExp(`^    bun run master\\.ts ${command}( |$)`, "m"));
});

test("the documents have every option of a timer, and error codes that there are", () => {
  const timer = readFileSync(join(root, "src/core/timer.ts"), "utf8");
  const [, body = ""] = /export interface TimerOptions \{(.*?)^\}/ms.exec(timer) ?? [];
  const options = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name);
  assert.ok(options.length >= 9, body);
  for (const option of options) assert.ok(rows.some(([name]) => name === `\`${option}\``), option);

  const errors = readFileSync(join(root, "src/core/errors.ts"), "utf8");
  const documented = [...errors.matchAll(/^ \* \| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  const codes = [...errors.matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map(([, code]) => code);
  assert.deepEqual(documented, codes);
  const told = rows.flatMap(([name = ""]) => /^`([A-Z]+(?:_[A-Z]+)*)`$/.exec(name)?.[1] ?? []);
  assert.ok(told.length >= 9, `${told}`);
  for (const code of told) assert.ok(codes.includes(code), code);
});
