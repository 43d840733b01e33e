import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { filesOf } from "../../src/dev/imports.ts";
import { SourceWatch } from "../../src/dev/watch.ts";
import { resolveBare } from "../../src/runtime/resolve.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mephisto-watch-")));
after(() => rmSync(folder, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}
const found = (script: string) =>
  [...filesOf(join(folder, script), resolveBare)].map((file) => relative(folder, file)).sort();

test("a script's files are what it imports, in any form, and what that imports; no packages", () => {
  write({
    "a.ts": `import x from "./b.ts";\nimport "./c";\nexport * from './d/index.js';\nimport fs from "node:fs";\n` +
      `const later = await import("./later.ts");\nimport data from "./data.json" with { type: "json" };\n` +
      `import pack from "pack";\nimport gone from "./gone.ts";\nimport type { T } from "./types.ts";`,
    "b.ts": 'import {\n  y,\n} from "./sub/e.ts";\nimport "./a.ts";',
    "c.ts": "",
    "d/index.ts": "",
    "sub/e.ts": "",
    "later.ts": "",
    "data.json": "{}",
    "types.ts": "",
    "node_modules/pack/package.json": '{ "main": "index.js" }',
    "node_modules/pack/index.js": 'require("./other.js");',
  });
  assert.deepEqual(found("a.ts"), [
    "a.ts",
    "b.ts",
    "c.ts",
    "d/index.ts",
    "data.json",
    "gone.ts",
    "later.ts",
    "sub/e.ts",
    "types.ts",
  ]);
});

test("a change is given when it has come to rest; then only what came after", async () => {
  write({ "w.ts": 'import "./v.ts";', "v.ts": "1" });
  const watch = new SourceWatch(join(folder, "w.ts"), resolveBare);
  const over = new AbortController();
  assert.equal(watch.changed, false);
  write({ "v.ts": "22" });
  assert.equal(watch.changed, true);
  assert.deepEqual(await watch.next(over.signal), [relative("", join(folder, "v.ts"))]);
  assert.equal(watch.changed, false);

  write({ "w.ts": 'import "./new.ts"; // not there yet' });
  assert.equal((await watch.next(over.signal)).length, 1);
  write({ "v.ts": "no longer a part of it" });
  assert.equal(watch.changed, false);
  write({ "new.ts": "" });
  assert.deepEqual(await watch.next(over.signal), [relative("", join(folder, "new.ts"))]);

  rmSync(join(folder, "new.ts"));
  assert.equal(watch.changed, true);
  over.abort();
  assert.deepEqual(await watch.next(over.signal), []);
});
