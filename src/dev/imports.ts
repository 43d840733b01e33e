import { readFileSync, statSync } from "node:fs";
import { dirname, extname, resolve, sep } from "node:path";

/** Where a bare import leads, seen from a file; nothing when it is no file. */
export type ResolveBare = (specifier: string, from: string) => string | undefined;

const STATEMENT =
  /\b(?:from|import)\s*(["'])([^"'\n]+)\1|\b(?:import|require)\s*\(\s*(["'])([^"'\n]+)\3|\bnew URL\(\s*(["'])(\.[^"'\n]+)\5/g;
const CODE = /\.[cm]?[jt]sx?$/;
const ENDINGS = ["", ".ts", ".tsx", ".mts", ".js", ".mjs", ".jsx", ".json", "/index.ts", "/index.tsx", "/index.js"];

/**
 * The files that a script is made of: itself and what it imports, and what that imports, without packages. Found in the
 * text, so also when it does not compile. An import of a file that is not there counts: it may come.
 */
export function filesOf(script: string, resolveBare: ResolveBare): Set<string> {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file) || file.includes(`${sep}node_modules${sep}`)) return;
    found.add(file);
    if (!CODE.test(file)) return;
    for (const specifier of specifiersOf(file)) {
      const target = targetOf(specifier, file, resolveBare);
      if (target !== undefined) visit(target);
    }
  };
  visit(resolve(script));
  return found;
}

function specifiersOf(file: string): string[] {
  try {
    const matches = readFileSync(file, "utf8").matchAll(STATEMENT);
    return [...matches].map((match) => match[2] ?? match[4] ?? match[6] ?? "");
  } catch {
    return []; // it is not there now
  }
}

function targetOf(specifier: string, from: string, resolveBare: ResolveBare): string | undefined {
  if (!/^\.{0,2}\//.test(specifier)) {
    return /^[a-z]+:/.test(specifier) ? undefined : resolveBare(specifier, from);
  }
  const path = resolve(dirname(from), specifier);
  // TypeScript lets a file be imported by the name that it is compiled to.
  const source = path.replace(/\.([cm]?)js(x?)$/, ".$1ts$2");
  return [...ENDINGS.map((ending) => path + ending), source].find(isFile) ?? (extname(path) === "" ? undefined : path);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
