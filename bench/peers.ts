import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { installKafka } from "../test/support/kafka-install.ts";
import { run } from "../test/support/process.ts";
import type { Runtime } from "../test/support/runtimes.ts";

const execute = promisify(execFile);

/** What a program of the benchmark is told. */
export interface Given {
  readonly url: string;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly messages: number;
  /** Bytes of a message's value. */
  readonly size: number;
}

const LIMIT = 180_000;
let groups = 0;

/** A group that nobody has used. */
export function newGroup(): string {
  return `bench-${process.pid}-${++groups}`;
}

/** Runs one of the programs in `bench/programs` and gives what it measured. */
export async function program(runtime: Runtime, name: string, given: Given): Promise<Record<string, number>> {
  const running = run(runtime, `bench/programs/${name}.ts`, [], {
    env: { BENCH: JSON.stringify({ ...given, group: newGroup() }) },
  });
  const line = await running.waitFor(/^MEASURED /, LIMIT);
  await running.exit;
  return JSON.parse(line.text.slice("MEASURED ".length));
}

/** Messages per second of the Java client's ConsumerPerformance, without the time that joining the group takes. */
export async function javaConsume({ brokers, topic, messages }: Given): Promise<number> {
  const output = await java("org.apache.kafka.tools.ConsumerPerformance", [
    ...["--bootstrap-server", brokers.join(","), "--topic", topic, "--messages", String(messages)],
    ...["--group", newGroup(), "--timeout", "60000"],
  ]);
  const [head = "", values = ""] = output.trim().split("\n").slice(-2);
  const column = head.split(",").findIndex((name) => name.trim() === "fetch.nMsg.sec");
  return Number(values.split(",")[column]);
}

/** Messages per second of the Java client's ProducerPerformance, all replicas acknowledging, its defaults otherwise. */
export async function javaProduce({ brokers, topic, messages, size }: Given): Promise<number> {
  const output = await java("org.apache.kafka.tools.ProducerPerformance", [
    ...["--topic", topic, "--num-records", String(messages), "--record-size", String(size), "--throughput", "-1"],
    ...["--producer-props", `bootstrap.servers=${brokers.join(",")}`, "acks=all"],
  ]);
  const last = output.trim().split("\n").findLast((line) => line.includes("records/sec")) ?? "";
  return Number(/([\d.]+) records\/sec/.exec(last)?.[1]);
}

async function java(tool: string, args: readonly string[]): Promise<string> {
  const { classPath } = await installKafka();
  const flags = ["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classPath, tool];
  const { stdout } = await execute("java", [...flags, ...args], { timeout: LIMIT, maxBuffer: 1 << 26 });
  return stdout;
}
