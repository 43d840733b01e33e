// Changes one place in the source that is loaded after this: `node --import ./test/simulation/mutate.ts program.ts`, with
// the change in MEPHISTO_MUTANT. A mistake in the middle of a function is made that way, and nothing of what it breaks has to
// be made open to tests.
import { registerHooks } from "node:module";
import process from "node:process";
import type { Change } from "./mistakes.ts";

const { file, from, to }: Change = JSON.parse(process.env.MEPHISTO_MUTANT ?? "{}");

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/${file}`)) return loaded;
    const source = String(
      loaded.source instanceof Uint8Array ? new TextDecoder().decode(loaded.source) : loaded.source,
    );
    const parts = source.split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times what is to be changed: ${from}`);
    return { ...loaded, source: parts.join(to) };
  },
});
