import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { installKafka, isOnPath } from "./kafka-install.ts";
import { archived, jvmFlags } from "./kafka-process.ts";
import { root } from "./runtimes.ts";

/** The Python of `.ci/run`, which has confluent-kafka. */
export const python: string = join(root, ".cache", "python", "bin", "python");

/** Another one, whose librdkafka is old: 2.3.0. */
export const oldPython: string = join(root, ".cache", "python-old", "bin", "python");

/** The program of test/broker/interop-go, as `.ci/run` builds it. */
export const goProgram: string = join(root, ".cache", "interop-go");

const inCi = process.env.CI !== undefined;

/** Why what needs kcat is skipped, or `false`. In CI nothing is: it fails. */
export const kcatSkip: string | false = !inCi && !isOnPath("kcat") && "kcat is not on the PATH";

/** Why what needs confluent-kafka is skipped, or `false`. In CI nothing is: it fails. */
export const pythonSkip: string | false = !inCi && !existsSync(python) &&
  "confluent-kafka is not in .cache/python: .ci/run puts it there";

/** Why what needs a program that `.ci/run` makes where it can is skipped, or `false`; it says so where it cannot. */
export const missing = (program: string): string | false =>
  !existsSync(program) && `${program} is not there: .ci/run makes it where it can`;

/** Why what needs kafka-python is skipped, or `false`. */
export const kafkaPythonSkip: string | false = !hasModule("kafka") && "kafka-python is not in .cache/python";

function hasModule(name: string): boolean {
  const lib = join(root, ".cache", "python", "lib");
  return existsSync(lib) && readdirSync(lib).some((version) => existsSync(join(lib, version, "site-packages", name)));
}

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

/**
 * Runs several of Kafka's tools in one JVM, each a class and its arguments; gives the exit code of each, and what it has
 * printed.
 */
export async function javaTools(commands: readonly string[][], input = ""): Promise<{ code: number; said: string }[]> {
  const { classPath, archive } = await installKafka();
  const flags = [...archived(archive, jvmFlags), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath];
  const words = commands.flatMap((command) => [";", ...command]).slice(1);
  const program = join(root, "test", "broker", "interop-tools", "Tools.java");
  const output = await tool("java", [...flags, program, ...words], input);
  return output.split(/^exit /m).slice(1).map((part) => {
    const [code = "", ...lines] = part.split("\n");
    return { code: Number(code), said: lines.map((line) => line.slice(2)).join("\n").trim() };
  });
}

/** Runs one of Kafka's own tools. */
export async function javaTool(name: string, args: readonly string[], input = ""): Promise<string> {
  const { classPath, archive } = await installKafka();
  const flags = [...archived(archive, jvmFlags), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath];
  return await tool("java", [...flags, `org.apache.kafka.tools.${name}`, ...args], input);
}
