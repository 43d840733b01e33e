import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
/** A constant that is a number, or numbers, with the comment before it. */
const CONSTANT =
  /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?(?:export )?const ([A-Z][A-Z0-9_]*)(?:: \w+)? = (\[?[\d(][^;]*);(?: \/\/(.*))?/g;
const UNITS = [{ said: /\bin ms\b/, suffix: "_MS" }, { said: /\bin bytes\b|<< 20$|\* 1024$/, suffix: "_BYTES" }];

/** Constants that say by a comment, or by how they are written, which unit they have, and not by their name. */
function withoutUnit(text: string): string[] {
  return [...text.matchAll(CONSTANT)].flatMap(([, before = "", name = "", value = "", behind = ""]) =>
    UNITS.filter(({ said, suffix }) =>
      [before, value, behind].some((each) => said.test(each)) && !name.endsWith(suffix)
    )
      .map(() => name)
  );
}

test("a constant says its unit, last in its name", () => {
  const wrong = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"))
    .flatMap((path) => withoutUnit(readFileSync(join(SRC, path), "utf8")).map((name) => `${path}: ${name}`));
  assert.deepEqual(wrong, []);
});

test("one that does not is found", () => {
  assert.deepEqual(withoutUnit("/** How long, in ms. */\nconst PATIENCE = 5000;"), ["PATIENCE"]);
  assert.deepEqual(withoutUnit("/** How long. */\nexport const WAIT = 5; // in ms"), ["WAIT"]);
  assert.deepEqual(withoutUnit("const BUFFER = 8 * 1024;\nconst OTHER_BYTES = 1 << 20;"), ["BUFFER"]);
  assert.deepEqual(withoutUnit("/** How many. */\nconst MOST = 5;"), []);
});

test("error codes of Kafka are named, not numbered", () => {
  const numbered =
    /\b(?:error)?[cC]ode(?:s)?\b\)? (?:===|!==) -?[1-9]|error[cC]ode: -?[1-9]|\[1[0-9], 1[0-9], 1[0-9]\]/g;
  const found = readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && /^(kafka|broker|wire)\b/.test(path))
    .flatMap((path) =>
      [...readFileSync(join(SRC, path), "utf8").matchAll(numbered)].map(([text]) => `${path}: ${text}`)
    );
  assert.deepEqual(found, []);
  for (const bad of ["if (errorCode === 15) x();", "return { errorCode: 7 };", "const A = [14, 15, 16];"]) {
    assert.equal([...bad.matchAll(numbered)].length, 1, bad);
  }
});
