import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path/posix";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** What each layer may import beside itself: only what lies below it. */
const LAYERS: Record<string, readonly string[]> = {
  core: [],
  wire: [],
  compression: ["wire"],
  driver: ["core"],
  testing: ["core", "driver"],
  kafka: ["core", "wire", "compression", "driver"],
  broker: ["core", "wire"],
  runtime: [],
  cron: ["core"],
  presence: ["core", "driver", "runtime"],
  worker: ["core", "driver", "presence", "runtime"],
  web: ["core", "worker"],
  dev: ["core", "runtime"],
  cli: ["core", "runtime", "worker", "web", "dev", "broker", "compression"],
};

/**
 * The parts of the larger ones, in their order: the folders, and files beside them, that each part may import beside itself.
 * A file beside the folders that is not listed stands above them all.
 */
const PARTS: Record<string, Record<string, readonly string[]>> = {
  kafka: {
    connection: [],
    group: ["connection"],
    consumer: ["connection", "group"],
    producer: ["connection"],
    master: ["connection", "consumer", "producer"],
  },
  worker: {
    calls: [],
    "dead-letters": [],
    actors: ["calls", "dead-letters"],
    tasks: ["calls"],
    timers: ["calls"],
    master: ["calls", "tasks", "timers"],
  },
  cli: {
    "version.ts": [],
    "about.ts": ["version.ts"],
    "host.ts": [],
    terminal: ["version.ts", "host.ts"],
    args: ["about.ts", "terminal"],
    launch: ["version.ts", "host.ts", "terminal", "args"],
    commands: ["host.ts", "terminal", "args", "launch"],
  },
  broker: {
    "authorized.ts": [],

    "features.ts": [],
    "node.ts": [],
    "pattern.ts": [],
    "key-value-journal.ts": [],
    log: ["node.ts"],
    data: ["key-value-journal.ts", "log"],
    "storage.ts": ["key-value-journal.ts", "log", "data"],
    settings: ["key-value-journal.ts", "log"],
    topics: ["node.ts", "key-value-journal.ts", "storage.ts", "log", "settings"],
    groups: ["key-value-journal.ts", "topics"],
    transactions: ["key-value-journal.ts", "groups"],
    "services.ts": ["storage.ts", "settings", "topics", "groups", "transactions"],
    configs: ["services.ts", "settings", "topics"],
    "fetch.ts": ["node.ts", "log"],
    "produce.ts": ["services.ts", "log"],
    requests: [
      ...["authorized.ts", "features.ts", "fetch.ts", "node.ts", "pattern.ts", "produce.ts", "services.ts"],
      ...["configs", "groups", "log", "settings", "topics", "transactions"],
    ],
    net: ["services.ts", "requests"],
  },
};

/** The one layer that may import each of the packages. */
const PACKAGES: Record<string, string> = {
  kafkajs: "kafka",
  hysnappy: "compression",
  croner: "cron",
  citty: "cli",
  consola: "cli",
};

/** Rooms without I/O: not even the runtimes' common modules. */
const PURE = ["core", "wire", "driver", "testing", "cron"];

/** Files by their paths from the root, with their text. */
type Files = ReadonlyMap<string, string>;

const root = fileURLToPath(new URL("..", import.meta.url));
const paths = readdirSync(join(root, "src"), { recursive: true }).map((path) =>
  `src/${String(path).replaceAll("\\", "/")}`
);
const files: Files = new Map(
  ["mod.ts", ...paths.filter((path) => path.endsWith(".ts"))].map((
    path,
  ) => [path, readFileSync(join(root, path), "utf8")]),
);

test("imports only go down", () => assert.deepEqual(upward(files), []));
test("the parts of a layer import in one direction", () => assert.deepEqual(backward(files), []));
test("each part that has a place in the order is there", () => assert.deepEqual(absent(files), []));
test("no file imports itself, however far around, types counted", () => assert.deepEqual(cycles(files), []));
test("each package is imported by one layer", () => assert.deepEqual(foreign(files), []));
test("what Bun and Deno add to the language appears only below src/runtime", () =>
  assert.deepEqual(globals(files), []));

test("Kafka's driver asks no clock and sets no timer that it was not handed", () =>
  assert.deepEqual(ownTime(files), []));

test("each rule sees what breaks it", () => {
  const bad = (path: string, text: string): Files => new Map([...files, [path, text]]);
  assert.equal(upward(bad("src/core/bad.ts", 'import { serve } from "../web/server.ts";')).length, 1);
  assert.equal(upward(bad("src/worker/bad.ts", 'const x = await import("../kafka/kafka-driver.ts");')).length, 1);
  assert.equal(upward(bad("src/wire/bad.ts", 'export * from "../core/errors.ts";')).length, 1);
  assert.equal(upward(bad("src/web/bad.ts", 'import type {\n  App,\n} from "../../mod.ts";')).length, 1);
  assert.equal(upward(bad("src/attic/bad.ts", "")).length, 1);
  assert.ok(
    absent(new Map([...files].filter(([path]) => !path.startsWith("src/kafka/group/")))).includes("kafka/group"),
  );
  assert.equal(cycles(bad("src/core/errors.ts", 'import "./duration.ts";')).length, 1);
  assert.equal(cycles(bad("src/core/errors.ts", 'import type { Duration } from "./duration.ts";')).length, 1);
  assert.equal(backward(bad("src/kafka/group/bad.ts", 'import type { X } from "../consumer/fetcher.ts";')).length, 1);
  assert.equal(backward(bad("src/kafka/master/bad.ts", 'import { X } from "../kafka-driver.ts";')).length, 1);
  assert.equal(backward(bad("src/worker/attic/bad.ts", "")).length, 1);
  assert.equal(backward(bad("src/cli/terminal/bad.ts", 'import { X } from "../args/parse.ts";')).length, 1);
  assert.equal(foreign(bad("src/worker/bad.ts", 'import kafkajs from "kafkajs";')).length, 1);
  assert.equal(foreign(bad("src/web/bad.ts", 'import { createConsola } from "consola/basic";')).length, 1);
  assert.equal(foreign(bad("src/core/bad.ts", 'import process from "node:process";')).length, 1);
  assert.equal(foreign(bad("src/core/bad.ts", 'import { Cron } from "croner";')).length, 1);
  assert.equal(upward(bad("src/core/bad.ts", 'import { cronRule } from "../cron/rule.ts";')).length, 1);
  assert.equal(foreign(bad("src/cli/bad.ts", 'import pad from "left-pad";')).length, 1);
  assert.equal(ownTime(bad("src/kafka/group/bad.ts", "const now = Date.now();")).length, 1);
  assert.equal(ownTime(bad("src/kafka/bad.ts", "setTimeout(() => {}, 5);")).length, 1);
  assert.equal(globals(bad("src/web/bad.ts", "Deno.serve(() => {});")).length, 1);
  assert.equal(globals(bad("src/cli/bad.ts", 'const bun = (globalThis as { Bun?: unknown }).Bun; // "Bun"')).length, 1);
});

function upward(files: Files): string[] {
  const wrong: string[] = [];
  for (const [path, text] of files) {
    const layer = layerOf(path);
    if (layer === undefined) continue; // mod.ts joins everything
    const below = LAYERS[layer];
    if (below === undefined) wrong.push(`${path}: src/${layer} is not a layer`);
    for (const target of inside(path, text)) {
      const other = layerOf(target);
      if (other !== layer && (other === undefined || !below?.includes(other))) wrong.push(`${path} imports ${target}`);
    }
  }
  return wrong;
}

/** What is imported from a part that stands above, or beside. */
function backward(files: Files): string[] {
  const wrong: string[] = [];
  for (const [path, text] of files) {
    const [layer = "", part = ""] = partOf(path);
    const parts = PARTS[layer];
    if (parts === undefined) continue;
    const below = parts[part];
    if (below === undefined && part.endsWith(".ts")) continue;
    if (below === undefined) wrong.push(`${path}: ${part} has no place in the order of src/${layer}`);
    for (const target of inside(path, text)) {
      const [other, named = ""] = partOf(target);
      if (other === layer && named !== part && !below?.includes(named)) wrong.push(`${path} imports ${target}`);
    }
  }
  return wrong;
}

/** Parts that the order names, and that there are not. */
function absent(files: Files): string[] {
  const there = new Set([...files.keys()].map((path) => partOf(path).join("/")));
  return Object.entries(PARTS).flatMap(([layer, parts]) =>
    Object.entries(parts).flatMap(([part, below]) => [part, ...below]).map((part) => `${layer}/${part}`)
      .filter((part) => !there.has(part))
  );
}

function cycles(files: Files): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(" → "));
    if (start >= 0 || done.has(path)) return;
    for (const target of inside(path, files.get(path) ?? "")) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  return found;
}

function foreign(files: Files): string[] {
  const wrong: string[] = [];
  for (const [path, text] of files) {
    const layer = layerOf(path) ?? "";
    for (const specifier of specifiers(text).filter((specifier) => !specifier.startsWith("."))) {
      const name = specifier.split("/")[0] ?? specifier;
      const allowed = isBuiltin(specifier) ? !PURE.includes(layer) : PACKAGES[name] === layer;
      if (!allowed) wrong.push(`${path} imports ${specifier}`);
    }
  }
  return wrong;
}

function ownTime(files: Files): string[] {
  return [...files]
    .filter(([path, text]) =>
      layerOf(path) === "kafka" &&
      /\b(?:Date\.now|performance\.now|setTimeout|setInterval|systemClock|systemTime)\b/.test(code(text))
    )
    .map(([path]) => path);
}

function globals(files: Files): string[] {
  return [...files]
    .filter(([path, text]) =>
      layerOf(path) !== "runtime" && /\b(?:Bun|Deno)\b(?=\??[.[])|\.(?:Bun|Deno)\b/.test(code(text))
    )
    .map(([path]) => path);
}

/** The layer that a file is in; none for the door. */
function layerOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** The layer, and the folder in it or the file beside the folders. */
function partOf(path: string): readonly (string | undefined)[] {
  return /^src\/([^/]+)\/([^/]+)/.exec(path)?.slice(1) ?? [];
}

/** The files of the house that a file imports. */
function inside(path: string, text: string): string[] {
  return specifiers(text).filter((specifier) => specifier.startsWith("."))
    .map((specifier) => normalize(join(dirname(path), specifier)));
}

function specifiers(text: string): string[] {
  const statement = /^(?:import|export)[\w\s{},*$]*\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
  return [...code(text).matchAll(statement)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "");
}

/** Without comments, in whose examples and explanations anything may stand. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}
