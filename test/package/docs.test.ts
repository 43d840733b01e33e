/** What the documents show runs as it stands. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
  return [...code.matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)].map(([, shown = ""]) => shown);
}

test("the README's example is the one in examples/", () => {
  const [first] = fromDocuments;
  assert.deepEqual(first, { path: "README.md", code: readFileSync(join(root, "examples/master.ts"), "utf8") });
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
      const program = run(runtime, file, [], { env: { MEPHISTO_URL: url } });
      assert.deepEqual(await program.exit, { code: 0, signal: null }, `${path}: ${program.output()}`);
      for (const shown of promised(code)) {
        assert.ok(program.output().includes(`${own(shown)}\n`), `${path}: ${shown}: ${program.output()}`);
      }
    }));
  };

  test(`the documents' code runs on ${runtime}`, { timeout: 60_000 }, async () => {
    assert.equal(fromDocuments.length, 5);
    assert.equal(fromDocuments.flatMap(({ code }) => promised(code)).length, 2);
    await runAll(fromDocuments.slice(1));
  });

  test(`the docstrings' code runs on ${runtime}`, { timeout: 60_000 }, async () => {
    const all = fromDocstrings.filter(({ code }) => !code.includes(".main(import.meta)"));
    assert.ok(all.length >= 5 && all.length >= fromDocstrings.length - 1, `${all.length} of ${fromDocstrings.length}`);
    await runAll(all);
  });
}
