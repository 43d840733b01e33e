import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../support/runtimes.ts";

const execute = promisify(execFile);

/** What `npm pack --json` tells of a packed file. */
interface Packed {
  name: string;
  version: string;
  filename: string;
  integrity: string;
  shasum: string;
}

/** A registry of packages on this machine. */
export interface Registry {
  readonly url: string;
  close(): void;
}

/**
 * Packs Mephisto as it would be published, and what it depends on as it is installed here, and serves them as a registry
 * does, so that npm, Bun and Deno fetch the package by its name as they will from the real one.
 *
 * @param folder where the packed files are put
 */
export async function startRegistry(folder: string): Promise<Registry> {
  const { dependencies } = manifestOf(root);
  const sources = [root, ...Object.keys(dependencies).map((name) => join(root, "node_modules", name))];
  const packages = new Map<string, { packed: Packed; manifest: object }>();
  const { stdout } = await execute(
    "npm",
    ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, ...sources],
    { cwd: root },
  );
  const all: Packed[] = Object.values(JSON.parse(stdout));
  for (const source of sources) {
    const manifest = manifestOf(source);
    const packed = all.find(({ name }) => name === manifest.name);
    if (packed) packages.set(manifest.name, { packed, manifest });
  }
  const files = new Set(readdirSync(folder));

  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname).slice(1);
    const known = packages.get(path);
    if (known) {
      const { packed, manifest } = known;
      const { name, version, integrity, shasum, filename } = packed;
      const dist = { tarball: `${url()}/${filename}`, integrity, shasum };
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist } } }),
      );
    } else if (files.has(path)) response.end(readFileSync(join(folder, path)));
    else response.writeHead(404).end("{}");
  });
  const url = () => {
    const address = server.address();
    return `http://localhost:${typeof address === "object" && address !== null ? address.port : 0}`;
  };
  await new Promise<void>((resolve) => server.listen(0, resolve));
  server.unref();
  return {
    url: url(),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function manifestOf(folder: string): { name: string; dependencies: Record<string, string> } {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}
