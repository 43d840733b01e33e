import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findRuntime, stripsTypes } from "../../../src/cli/launch/find-runtime.ts";
import { compareVersions } from "../../../src/core/versions.ts";
import { runtime } from "../../../src/runtime/info.ts";

test("Node runs TypeScript since 22.18 and 23.6", () => {
  const versions = ["v20.20.2", "22.17.9", "22.18.0", "23.5.0", "23.6.0", "v24.0.0", "nonsense"];
  assert.deepEqual(versions.map(stripsTypes), [false, false, true, false, true, true, false]);
});

test("a runtime's version is compared by its parts; what is none is older", () => {
  const versions = ["1.1.99", "1.2.0", "1.10.0", "2.0.0", "0.9.9", "v1.2.3", "", "canary"];
  const older = [true, false, false, false, true, false, true, true];
  assert.deepEqual(versions.map((version) => compareVersions(version, "1.2") < 0), older);
});

const others = (["bun", "deno"] as const).filter((name) => name !== runtime().name);
test("a runtime is found in node_modules/.bin of a folder above, before PATH", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mephisto-find-")));
  const program = (...path: string[]) => {
    const file = join(folder, ...path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, "#!/bin/sh\n");
    chmodSync(file, 0o755);
    return file;
  };
  try {
    const from = join(folder, "a", "b");
    for (const name of others) {
      assert.equal(findRuntime(name, { from, path: join(folder, "path") }), undefined);
      const onPath = program("path", name);
      assert.equal(findRuntime(name, { from, path: join(folder, "path") }), onPath);
      const inProject = program("node_modules", ".bin", name);
      assert.equal(findRuntime(name, { from, path: join(folder, "path") }), inProject);
      writeFileSync(inProject, "#!/bin/sh\necho 1.1.9\n");
      writeFileSync(onPath, "#!/bin/sh\necho 1.2.0\n");
      assert.equal(findRuntime(name, { from, path: join(folder, "path"), since: "1.2" }), onPath);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
