import assert from "node:assert/strict";
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { run } from "../support/process.ts";
import { executable, root, type Runtime, runtimes } from "../support/runtimes.ts";
import { execTo, type Installed, packed, tool } from "./support.ts";

const example = readFileSync(join(root, "examples", "master.ts"), "utf8");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const flags: Record<Runtime, string[]> = { bun: ["run"], deno: ["run", "-A"], node: [] };

let installed: Installed;
before(async () => {
  installed = await packed();
});

/** What every way of running the example must give. */
async function works(program: string, args: readonly string[], cwd: string, runtime: Runtime): Promise<void> {
  const { env } = installed;
  const told = await execTo(program, [...args, "--version"], { cwd, env });
  assert.match(told.stdout, new RegExp(`^mephisto ${version} \\(${runtime} \\d`), told.stderr);
  assert.equal(told.code, 0);
  const list = await execTo(program, [...args, "list"], { cwd, env });
  assert.match(list.stdout, /^say +master-example-say +8 +text +raw$/m, list.stderr);
  assert.match(list.stdout, /^publishGreetings +every 2s +the master +skip$/m);
  assert.equal(list.code, 0);
}

test("the package holds what it needs and nothing else", () => {
  const home = join(installed.folder, "node_modules", "mephisto");
  assert.deepEqual(
    readdirSync(home).sort(),
    ["LICENSE", "README.md", "dist", "package.json"].filter(
      (name) => existsSync(join(root, name)),
    ),
  );
  assert.ok((statSync(join(home, "dist", "cli.mjs")).mode & 0o100) !== 0, "the command is executable");
  const { main, sideEffects } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  assert.deepEqual([main, sideEffects], [undefined, undefined]);
});

for (const runtime of runtimes) {
  test(`the example runs unchanged on ${runtime}`, () =>
    works(executable(runtime), [...flags[runtime], "master.ts"], installed.folder, runtime));

  test(`--help and mistakes on ${runtime}`, async () => {
    const { folder, env } = installed;
    const run = (...words: string[]) =>
      execTo(executable(runtime), [...flags[runtime], "master.ts", ...words], { cwd: folder, env });
    assert.match((await run("worker", "--help")).stdout, /--web-port <port>/);
    const wrong = await run("wroker");
    assert.equal(wrong.code, 2);
    assert.equal(wrong.stderr, 'Unknown command "wroker". Did you mean worker? See --help.\n');
  });

  test(`mephisto --runtime ${runtime} runs the example`, async () => {
    const { folder, env } = installed;
    const command = join(folder, "node_modules", ".bin", "mephisto");
    const run = (...words: string[]) => execTo(command, [...words, "--runtime", runtime], { cwd: folder, env });
    const list = await run("list", "master.ts");
    assert.match(list.stdout, /^say +master-example-say/m, list.stderr);
    assert.match((await run("list", "master.ts", "--version")).stdout, new RegExp(`\\(${runtime} `));
    assert.equal((await run("wroker", "master.ts")).code, 2);
    writeFileSync(join(folder, "bare.ts"), example.replace("await master.main(import.meta);", ""));
    for (const words of [["list"], ["worker"], ["dev"], ["send", "say", "x"]]) {
      const [command = "", ...rest] = words;
      const bare = await run(command, "bare.ts", ...rest);
      assert.deepEqual([bare.code, bare.stdout], [2, ""], command);
      assert.match(bare.stderr, /^bare\.ts has no command line: [^\n]+\n$/);
    }
  });
}

for (const runtime of runtimes) {
  test(`mephisto --runtime ${runtime} is the worker itself: signals and the exit code are the script's`, async () => {
    const { folder, env } = installed;
    const words = ["worker", "master.ts", "-p", "0", "--url", "kafka://localhost:1", "--runtime", runtime];
    const program = run("node", join(folder, "node_modules", ".bin", "mephisto"), words, { cwd: folder, env });
    await program.waitFor(new RegExp(`-${program.pid}-.* on ${runtime} `));
    program.kill("SIGTERM");
    assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
  });
}

test("importing the script from another program starts nothing", async () => {
  const { folder, env } = installed;
  writeFileSync(
    join(folder, "other.ts"),
    `import master from "./master.ts";
    console.log("imported", master.id);\n`,
  );
  for (const runtime of runtimes) {
    const { code, stdout } = await execTo(executable(runtime), [...flags[runtime], "other.ts"], { cwd: folder, env });
    assert.deepEqual([code, stdout], [0, "imported master-example\n"], runtime);
  }
});

test("a program that only sends loads no command line", () => {
  const loaded = new Set<string>();
  const load = (file: string) => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const [, target = ""] of readFileSync(file, "utf8").matchAll(/^(?:import|export) (?:.* from )?'([^']+)';/gm)) {
      if (target.startsWith(".")) load(join(file, "..", target));
      else loaded.add(target);
    }
  };
  load(join(installed.folder, "node_modules", "mephisto", "dist", "mod.mjs"));
  assert.ok(loaded.has("kafkajs"));
  for (const name of loaded) assert.doesNotMatch(name, /citty|consola|node:http/);
});

for (const resolution of ["nodenext", "bundler"] as const) {
  test(`types pass with ${resolution}, with the package's own checked too`, async () => {
    const config = `tsconfig.${resolution}.json`;
    writeFileSync(
      join(installed.folder, config),
      JSON.stringify({
        compilerOptions: {
          module: resolution === "nodenext" ? "nodenext" : "esnext",
          moduleResolution: resolution,
          target: "es2022",
          lib: ["es2023", "esnext.disposable", "dom"],
          types: [],
          strict: true,
          noEmit: true,
          exactOptionalPropertyTypes: true,
        },
        files: ["master.ts"],
      }),
    );
    const { code, stdout } = await execTo(tool("tsc"), ["-p", config], { cwd: installed.folder });
    assert.equal(code, 0, stdout);
  });
}

test("types pass with deno check", async () => {
  const { folder, env } = installed;
  const { code, stderr } = await execTo(executable("deno"), ["check", "master.ts"], { cwd: folder, env });
  assert.equal(code, 0, stderr);
});

for (const runtime of ["bun", "deno"] as const) {
  test(`an executable script with a first line for ${runtime} runs in the project`, async () => {
    const script = join(installed.folder, `${runtime}-script.ts`);
    writeFileSync(script, `#!/usr/bin/env -S ${runtime} ${flags[runtime].join(" ")}\n${example}`);
    chmodSync(script, 0o755);
    await works(script, [], installed.folder, runtime);
  });
}

test("quick script: Bun fetches what a single file imports", async () => {
  const folder = installed.empty("quick-bun");
  const script = join(folder, "master.ts");
  writeFileSync(script, `#!/usr/bin/env bun\n${example}`);
  chmodSync(script, 0o755);
  await works(script, [], folder, "bun");
  assert.deepEqual(readdirSync(folder), ["master.ts"]);
});

test("quick script: Deno fetches what a single file imports from npm:mephisto", async () => {
  const folder = installed.empty("quick-deno");
  const script = join(folder, "master.ts");
  writeFileSync(script, `#!/usr/bin/env -S deno run -A\n${example.replace('"mephisto"', '"npm:mephisto"')}`);
  chmodSync(script, 0o755);
  await works(script, [], folder, "deno");
  assert.deepEqual(readdirSync(folder), ["master.ts"]);
});

test("Deno runs the example unchanged with an import map", async () => {
  const folder = installed.empty("import-map");
  writeFileSync(join(folder, "deno.json"), '{ "imports": { "mephisto": "npm:mephisto" } }\n');
  copyFileSync(join(root, "examples", "master.ts"), join(folder, "master.ts"));
  await works(executable("deno"), ["run", "-A", "master.ts"], folder, "deno");
});

test("Deno runs the example with no more permissions than it needs", async () => {
  const { folder, env } = installed;
  const few = ["--no-prompt", "--allow-read", "--ignore-env", "--allow-env=MEPHISTO_URL"];
  const list = await execTo(executable("deno"), ["run", ...few, "master.ts", "list"], { cwd: folder, env });
  assert.match(list.stdout, /^say +master-example-say/m, list.stderr);
  const wrong = await execTo(executable("deno"), ["run", ...few, "master.ts"], {
    cwd: folder,
    env: { ...env, MEPHISTO_URL: "nonsense" },
  });
  assert.match(wrong.stderr, /^MEPHISTO_URL: "nonsense" is not an address/);
});

test("bun build --compile makes one file", async () => {
  const { folder, env } = installed;
  const target = join(installed.empty("compiled"), "master");
  const built = await execTo(executable("bun"), ["build", "--compile", "master.ts", "--outfile", target], {
    cwd: folder,
    env,
  });
  assert.equal(built.code, 0, built.stderr);
  await works(target, [], installed.empty("elsewhere"), "bun");
});
