/** What runs the broker of `dev`. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Around, brokerStart, commandFile } from "../../../src/cli/launch/broker-start.ts";
import { VERSION } from "../../../src/cli/version.ts";

const NODE = { name: "node", version: "24.0.0" } as const;
const around = (parts: Partial<Around>): Around => ({
  self: NODE,
  command: "/p/cli.mjs",
  bun: () => undefined,
  again: (words) => ({ program: "self", args: ["script.ts", ...words] }),
  ...parts,
});
const start = (parts: Partial<Around>) => brokerStart(["--port", "1"], around(parts));

test("the broker runs on Bun where there is one, and without the script", () => {
  const words = ["broker", "--port", "1"];
  for (const self of [NODE, { name: "deno", version: "2.9.6" }] as const) {
    assert.deepEqual(start({ self, bun: () => "/bin/bun" }), {
      program: "/bin/bun",
      args: ["run", "/p/cli.mjs", ...words],
      runtime: "bun",
      isAlone: true,
    });
  }
  const own = start({ self: { name: "bun", version: "1.4.5" } });
  assert.deepEqual([own.program, own.runtime, own.isAlone], [process.execPath, "bun", true]);
});

test("without Bun it runs on the script's own runtime, on Node without the script", () => {
  assert.deepEqual(start({}).args, ["/p/cli.mjs", "broker", "--port", "1"]);
  const again = { program: "self", args: ["script.ts", "broker", "--port", "1"], isAlone: false };
  assert.deepEqual(start({ self: { name: "deno", version: "2.9.6" } }), { ...again, runtime: "deno" });
  assert.deepEqual(start({ self: { name: "node", version: "20.0.0" } }), { ...again, runtime: "node" });
});

test("where the command is no plain file the script is started again, also when there is Bun", () => {
  const { program, isAlone } = start({ command: undefined, bun: () => "/bin/bun" });
  assert.deepEqual([program, isAlone], ["self", false]);
});

test("the command is that of the package, with what it depends on beside it", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mephisto-command-")));
  const file = (path: string, text = "") => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    return join(folder, path);
  };
  const manifest = (path: string, name = "mephisto", version: string = VERSION) =>
    file(path, JSON.stringify({ name, version }));
  try {
    const module = pathToFileURL(file("a/node_modules/mephisto/dist/shared/x.mjs")).href;
    const home = "a/node_modules/mephisto";
    manifest(`${home}/package.json`);
    const command = file(`${home}/dist/cli.mjs`);
    assert.equal(commandFile(module), undefined, "its dependencies are not there, as in a registry's cache");
    file("a/node_modules/citty/package.json");
    assert.equal(commandFile(module), command);
    rmSync(command);
    assert.equal(commandFile(module), undefined, "there is no command");
    file(`${home}/dist/cli.mjs`);
    manifest(`${home}/package.json`, "mephisto", "0.0.9");
    assert.equal(commandFile(module), undefined, "another version");
    // A bundle with a command of its own by the same name.
    manifest("a/package.json", "shop");
    file("a/dist/cli.mjs");
    assert.equal(commandFile(pathToFileURL(file("a/dist/main.mjs")).href), undefined);
    assert.equal(commandFile("https://jsr.io/@mephisto/mephisto/0.1.0/src/cli/launch/broker-start.ts"), undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("run from its sources, the command is the source", () => {
  const url = new URL("../../../src/cli/launch/broker-start.ts", import.meta.url);
  assert.match(commandFile(url.href) ?? "", /src\/cli\/bin\.ts$/);
});
