/** The code that the documents and the docstrings show has no type errors, and runs as it stands. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { kafkaForTests } from "../support/kafka.ts";
import { run } from "../support/process.ts";
import { root, runtimes } from "../support/runtimes.ts";

// In the repository, so that "mephisto" is found.
const folder = mkdtempSync(join(root, ".cache", "docs-"));
after(() => rmSync(folder, { recursive: true }));

/** A piece of code that a document, or the docstring of a module, shows. */
interface Shown {
  readonly path: string;
  readonly code: string;
}

const texts = (path: string) => readFileSync(join(root, path), "utf8");
const documents = ["README.md", ...readdirSync(join(root, "docs")).sort().map((name) => `docs/${name}`)];
const modules = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((path) =>
  path.endsWith(".ts")
)
  .map((path) => `src/${path.replaceAll("\\", "/")}`).sort();

/** The code in the text of a document. */
function codeIn(path: string, text: string): Shown[] {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => ({ path, code }));
}

const fromDocuments = documents.flatMap((path) => codeIn(path, texts(path)));
const fromDocstrings = ["mod.ts", ...modules].flatMap((path) =>
  [...texts(path).matchAll(/\/\*\*.*?\*\//gs)].flatMap(([docstring]) =>
    codeIn(path, docstring.replace(/^ *\* ?/gm, ""))
  )
);

/** What an example says that it prints: `console.log(…); // this`. */
function promised(code: string): string[] {
  return [...code.matchAll(/\bconsole\.log\(.*\); \/\/ (.*)$/gm)].map(([, shown = ""]) => shown);
}

test("the README's example is the one in examples/", () => {
  const [first] = fromDocuments;
  assert.deepEqual(first, { path: "README.md", code: readFileSync(join(root, "examples/master.ts"), "utf8") });
});

test("the code of the documents and the docstrings has no type errors", { timeout: 60_000 }, () => {
  const checked = join(folder, "types");
  mkdirSync(checked);
  const options = { extends: join(root, "tsconfig.json"), include: ["*.ts"] };
  writeFileSync(join(checked, "tsconfig.json"), JSON.stringify(options));
  [...fromDocuments, ...fromDocstrings].forEach(({ path, code }, index) =>
    writeFileSync(join(checked, `${path.replaceAll(/\W/g, "-")}-${index}.ts`), code)
  );
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", checked], { cwd: root, encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

for (const runtime of runtimes) {
  const runAll = async (all: readonly Shown[]) => {
    const { url } = await kafkaForTests();
    await Promise.all(all.map(async ({ path, code }, index) => {
      const file = join(folder, `${runtime}-${path.replaceAll(/\W/g, "-")}-${index}.ts`);
      const id = `docs-${runtime}-${index}-${Date.now()}`;
      const [, said = ""] = /app\("([\w-]+)"/.exec(code) ?? [];
      const own = (text: string) => said === "" ? text : text.replaceAll(said, id);
      writeFileSync(file, code.replace(`app("${said}"`, `app("${id}"`));
      // A worker runs until it is stopped: of a script with a command line, what it defines is shown.
      const words = code.includes(".main(import.meta)") ? ["list"] : [];
      const program = run(runtime, file, words, { env: { MEPHISTO_URL: url } });
      assert.deepEqual(await program.exit, { code: 0, signal: null }, `${path}: ${program.output()}`);
      for (const shown of promised(code)) {
        assert.ok(program.output().includes(`${own(shown)}\n`), `${path}: ${shown}: ${program.output()}`);
      }
    }));
  };

  test(`the documents' code runs on ${runtime}`, { timeout: 60_000 }, async () => {
    assert.equal(fromDocuments.length, 5);
    assert.equal(fromDocuments.flatMap(({ code }) => promised(code)).length, 2);
    await runAll(fromDocuments);
  });

  test(`the docstrings' code runs on ${runtime}`, { timeout: 60_000 }, async () => {
    assert.ok(fromDocstrings.length >= 7, `${fromDocstrings.length}`);
    await runAll(fromDocstrings);
  });
}
