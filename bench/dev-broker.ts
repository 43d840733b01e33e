import { freePorts } from "../test/support/ports.ts";
import { type Program, run } from "../test/support/process.ts";
import type { Runtime } from "../test/support/runtimes.ts";

/** A dev broker in a process of its own. */
export interface DevBroker {
  readonly url: string;
  readonly brokers: readonly string[];
  readonly program: Program;
  /** From its start to its listening, in ms. */
  readonly took: number;
  stop(): Promise<void>;
}

/** Starts it as `dev` does. `flags` are for the runtime itself. */
export async function startDevBroker(
  runtime: Runtime,
  words: readonly string[] = [],
  flags?: readonly string[],
): Promise<DevBroker> {
  const [port = 0] = await freePorts(1);
  const from = performance.now();
  const program: Program = run(
    runtime,
    "dist/cli.mjs",
    ["broker", "--port", String(port), ...words],
    flags && { flags },
  );
  const { at } = await program.waitFor(/Speaks Kafka's protocol/, 30_000);
  return {
    url: `kafka://127.0.0.1:${port}`,
    brokers: [`127.0.0.1:${port}`],
    program,
    took: at - from,
    stop: async () => {
      program.kill();
      await program.exit;
    },
  };
}
