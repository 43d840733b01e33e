import { type Program, run } from "../../test/support/process.ts";
import type { Runtime } from "../../test/support/runtimes.ts";

/** Where a row is measured: this checkout, and another one to compare with. */
export interface Checkout {
  readonly name: string;
  /** Undefined: this one. */
  readonly folder: string | undefined;
}

/** Starts one of the programs in `bench/programs` of a checkout. */
export function start(
  { folder }: Checkout,
  runtime: Runtime,
  name: string,
  env: Record<string, string> = {},
  args: readonly string[] = [],
): Program {
  return run(runtime, `bench/programs/${name}.ts`, args, { env, ...(folder !== undefined && { cwd: folder }) });
}

/** What a program has measured; undefined when it has not within so many ms. It is ended. */
export async function measuredBy(
  program: Program,
  within: number,
): Promise<Record<string, number> | undefined> {
  try {
    const { text } = await program.waitFor(/^MEASURED /, within);
    return JSON.parse(text.slice("MEASURED ".length));
  } catch (error) {
    if (!/have passed|has ended/.test(String(error))) throw error;
    return undefined;
  } finally {
    program.kill("SIGKILL");
    await program.exit;
  }
}
