// `node scripts/version.mjs 0.2.0` sets the version in all places; without a version it prints where each stands.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

/** Where the version stands, with the text around it. */
export const PLACES = [
  ["package.json", /(?<="version": ")[^"]+(?=")/],
  ["package-lock.json", /(?<=^ {2}"version": ")[^"]+(?=")/m],
  ["package-lock.json", /(?<=^ {6}"version": ")[^"]+(?=")/m],
  ["deno.json", /(?<="version": ")[^"]+(?=")/],
  ["src/cli/version.ts", /(?<=VERSION = ")[^"]+(?=")/],
  ["CHANGELOG.md", /(?<=^## \[)\d[^\]]*(?=\])/m],
];

/** The version in each place. */
export function versions() {
  return PLACES.map(([file, pattern]) => [file, pattern.exec(readFileSync(file, "utf8"))?.[0]]);
}

const [version] = process.argv[1]?.endsWith("version.mjs") ? process.argv.slice(2) : [];
if (version !== undefined && !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
  console.error(`${version} is not a version such as 0.2.0.`);
  process.exitCode = 2;
} else if (version !== undefined) {
  for (const [file, pattern] of PLACES) {
    const text = readFileSync(file, "utf8");
    const isNew = file === "CHANGELOG.md" && pattern.exec(text)?.[0] !== version;
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(
      file,
      isNew
        ? text.replace("## [Unreleased]\n", `## [Unreleased]\n\n## [${version}] - ${date}\n`)
        : text.replace(pattern, version),
    );
  }
} else if (process.argv[1]?.endsWith("version.mjs")) {
  for (const [file, found] of versions()) console.log(`${file}: ${found}`);
}
