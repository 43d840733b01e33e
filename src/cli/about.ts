import { runtime } from "../runtime/info.ts";
import { VERSION } from "./version.ts";

/** `mephisto 0.1.0 (bun 1.4.5)` */
export function versionLine(): string {
  const { name, version } = runtime();
  return `mephisto ${VERSION} (${name} ${version})`;
}
