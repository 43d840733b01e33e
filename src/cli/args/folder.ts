import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { codeOf, MephistoError, messageOf } from "../../core/errors.ts";

/** Makes sure of a folder that this process may write in. Errors: `INVALID_OPTION`. `from` as in `--data`. */
export function folderOf(path: string, from: string): string {
  try {
    if (path === "") throw new Error("it has no name");
    makeFolder(resolve(path));
    const probe = join(path, `.mephisto-${Math.random().toString(36).slice(2)}`);
    writeFileSync(probe, "", { flag: "wx" });
    rmSync(probe);
    return path;
  } catch (cause) {
    const sentence = `${from}: ${JSON.stringify(path)} cannot be used: ${
      reason(cause)
    }. Give a folder that this user may write in.`;
    throw new MephistoError("INVALID_OPTION", sentence, { cause });
  }
}

/** Step by step: Node's `recursive` never returns where a folder can neither be found nor be made, such as in /proc. */
function makeFolder(folder: string): void {
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) mkdirSync(folder);
  else if (!found.isDirectory()) throw new Error(`${folder} is a file`);
}

function reason(error: unknown): string {
  switch (codeOf(error)) {
    case "ENOENT":
      return "it cannot be made there";
    case "EACCES":
    case "EPERM":
      return "this user may not write there";
    case "EROFS":
      return "it is on a file system that is only to be read";
    case "ENOSPC":
      return "there is no room left";
    default:
      return messageOf(error);
  }
}
