import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Given } from "./peers.ts";

/** Whether kcat, a command over librdkafka, is there. */
export function hasKcat(): boolean {
  return spawnSync("kcat", ["-V"]).status === 0;
}

/** Messages per second of `kcat -P`, all replicas acknowledging, from its start to its end. */
export async function kcatProduce({ brokers, topic, messages, size }: Given): Promise<number> {
  const file = join(tmpdir(), `mephisto-bench-${process.pid}`);
  const lines = fileOfLines(file, messages, size);
  try {
    return await timed(messages, ["-P", "-b", brokers.join(","), "-t", topic, "-X", "acks=all", "-l", lines]);
  } finally {
    rmSync(file);
  }
}

/** Messages per second of `kcat -C`, which reads all partitions without a group, from its start to its end. */
export function kcatConsume({ brokers, topic, messages }: Given): Promise<number> {
  return timed(messages, [
    ...["-C", "-b", brokers.join(","), "-t", topic, "-o", "beginning", "-c", String(messages), "-q"],
  ]);
}

/** Each line is a message. */
function fileOfLines(path: string, lines: number, size: number): string {
  const block = (`${"x".repeat(size)}\n`).repeat(1000);
  const file = openSync(path, "w");
  for (let written = 0; written < lines; written += 1000) {
    writeSync(file, block.slice(0, Math.min(1000, lines - written) * (size + 1)));
  }
  closeSync(file);
  return path;
}

function timed(messages: number, args: readonly string[]): Promise<number> {
  const from = performance.now();
  const kcat = spawn("kcat", args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  kcat.stderr.on("data", (text) => said += text);
  return new Promise((resolve, reject) => {
    kcat.once("error", reject);
    kcat.once("close", (code) => {
      if (code === 0) resolve(messages / ((performance.now() - from) / 1000));
      else reject(new Error(`kcat ended with ${code}: ${said}`));
    });
  });
}
