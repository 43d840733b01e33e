/** What the documents show runs as it stands. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { kafkaForTests } from "../support/kafka.ts";
import { run } from "../support/process.ts";
import { root, runtimes } from "../support/runtimes.ts";

// In the repository, so that "mephisto" is found.
const folder = mkdtempSync(join(root, ".cache", "docs-"));
after(() => rmSync(folder, { recursive: true }));

const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map((
  [, code = ""],
) => code);

/** What an example says that it prints: `console.log(…); // this`. */
function promised(code: string): string[] {
  return [...code.matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)].map(([, shown = ""]) => shown);
}

test("the README's example is the one in examples/", () => {
  assert.equal(blocks[0], readFileSync(join(root, "examples/master.ts"), "utf8"));
});

for (const runtime of runtimes) {
  test(`the README's other code runs on ${runtime}`, { timeout: 60_000 }, async () => {
    const { url } = await kafkaForTests();
    assert.equal(blocks.length, 5);
    assert.equal(blocks.flatMap(promised).length, 2);
    await Promise.all(
      blocks.slice(1).map(async (code, index) => {
        const file = join(folder, `${runtime}-${index}.ts`);
        const id = `docs-${runtime}-${index}-${Date.now()}`;
        const own = code.replace('app("shop")', `app("${id}")`);
        assert.notEqual(own, code);
        writeFileSync(file, own);
        const program = run(runtime, file, [], { env: { MEPHISTO_URL: url } });
        assert.deepEqual(await program.exit, { code: 0, signal: null }, program.output());
        for (const shown of promised(code)) {
          assert.ok(program.output().includes(`${shown}\n`), `${shown}: ${program.output()}`);
        }
      }),
    );
  });
}
