/** What the documents point to is there: files, sections, and the names in the code that ARCHITECTURE.md speaks of. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const namesIn = (folder: string, ending: string) => readdirSync(join(root, folder)).filter((n) => n.endsWith(ending));
const documents = [...namesIn(".", ".md"), ...namesIn("docs", ".md").map((name) => `docs/${name}`)];

/** The anchors of a document's sections, as they are made of its headings. */
function anchorsIn(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
  );
}

/** The links of a document to files or sections that are not there. */
function brokenLinks(path: string, text: string): string[] {
  return [...text.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)].flatMap(([, file = "", anchor = ""]) => {
    const target = file === "" ? path : join(dirname(path), file);
    if (!existsSync(join(root, target))) return [`${path}: there is no ${target}`];
    if (anchor === "") return [];
    const sections = anchorsIn(target === path ? text : read(target));
    return sections.includes(anchor) ? [] : [`${path}: ${target} has no section ${anchor}`];
  });
}

const sources = ["src", "test", "bench", "scripts"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((name) => /\.(ts|mjs)$/.test(name))
);
const code = sources.filter((name) => name !== "test/documents.test.ts").map(read).join("\n");

/** The files, folders and names that a text has in backticks and that are not there. Paths may leave out `src/`. */
function unknownNames(text: string): string[] {
  const isThere = (path: string) =>
    ["", "src/"].some((folder) => existsSync(join(root, folder, path))) ||
    sources.some((source) => source.endsWith(`/${path}`) || (path.endsWith("/") && source.includes(`/${path}`)));
  return [...text.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].flatMap(([, name = ""]) => {
    if (/^[\w-]+(\/[\w.-]+)*(\.ts|\/)$/.test(name) || /^[a-z-]+(\/[a-z-]+)+$/.test(name)) {
      return isThere(name) ? [] : [name];
    }
    const parts = /^[A-Za-z]\w*(\.\w+)?$/.test(name) ? name.split(".") : [];
    return parts.filter((part) => !new RegExp(`\\b${part}\\b`).test(code));
  });
}

test("each link of the documents leads to a file or a section", () => {
  assert.ok(documents.length >= 11, `${documents}`);
  assert.deepEqual(documents.flatMap((path) => brokenLinks(path, read(path))), []);
  assert.deepEqual(brokenLinks("README.md", "[a](docs/none.md), [b](docs/timers.md#none), [c](#none)"), [
    "README.md: there is no docs/none.md",
    "README.md: docs/timers.md has no section none",
    "README.md: README.md has no section none",
  ]);
});

test("each path and name in ARCHITECTURE.md is there", () => {
  assert.deepEqual(unknownNames(read("ARCHITECTURE.md")), []);
  assert.deepEqual(unknownNames("`core/none.ts`, `core/none`, `lease.ts`, `Lease.none12`, `core/lease.ts`"), [
    "core/none.ts",
    "core/none",
    "none12",
  ]);
});

test("the README is short", () => {
  assert.ok(read("README.md").split("\n").length <= 151);
});
