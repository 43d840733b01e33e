import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { installKafka, isOnPath } from "./kafka-install.ts";
import { archived, jvmFlags } from "./kafka-process.ts";
import { root } from "./runtimes.ts";

/** The Python of `.ci/run`, which has confluent-kafka. */
export const python: string = join(root, ".cache", "python", "bin", "python");

const inCi = process.env.CI !== undefined;

/** Why what needs kcat is skipped, or `false`. In CI nothing is: it fails. */
export const kcatSkip: string | false = !inCi && !isOnPath("kcat") && "kcat is not on the PATH";

/** Why what needs confluent-kafka is skipped, or `false`. In CI nothing is: it fails. */
export const pythonSkip: string | false = !inCi && !existsSync(python) &&
  "confluent-kafka is not in .cache/python: .ci/run puts it there";

/** Runs a program to its end and gives what it has written to stdout; whatever it says, it may not fail. */
export function tool(command: string, args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { timeout: 60_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(" ")} failed:\n${stdout}\n${stderr.slice(0, 5000)}`));
    });
    child.stdin?.on("error", () => {}); // it may have ended without reading it
    child.stdin?.end(input);
  });
}

/** Runs one of Kafka's own tools. */
export async function javaTool(name: string, args: readonly string[], input = ""): Promise<string> {
  const { classPath, archive } = await installKafka();
  const flags = [...archived(archive, jvmFlags), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath];
  return await tool("java", [...flags, `org.apache.kafka.tools.${name}`, ...args], input);
}
