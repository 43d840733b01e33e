import { randomUUID } from "node:crypto";
import { systemClock } from "../../src/core/clock.ts";
import type { Logger } from "../../src/core/logger.ts";
import type { Record } from "../../src/driver/driver.ts";
import { Cluster } from "../../src/kafka/cluster.ts";
import { Producer } from "../../src/kafka/producer.ts";
import type { ProducerOptions } from "../../src/kafka/sender.ts";
import { parseUrl } from "../../src/kafka/url.ts";

/** A logger that keeps its lines. */
export type Lines = Logger & { lines: { level: keyof Logger; message: string }[]; warnings(): string[] };

export function keptLines(): Lines {
  const lines: Lines["lines"] = [];
  const at = (level: keyof Logger) => (message: string) => void lines.push({ level, message });
  return {
    lines,
    warnings: () => lines.filter(({ level }) => level === "warn" || level === "error").map(({ message }) => message),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

const opened: (() => void)[] = [];

/** Ends the connections that tests have left open, also those that failed: for `after`. */
export function closeAll(): void {
  for (const close of opened.splice(0)) close();
}

/** A name that no other test has, also not one of another runtime against the same broker. */
export function unique(name: string): string {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export function record(topic: string, value: string, key?: string): Record {
  return {
    topic,
    key: key === undefined ? null : bytes(key),
    value: bytes(value),
    headers: [],
    timestamp: Date.now(),
  };
}

export function clusterAt(url: string): Cluster {
  const cluster = new Cluster(parseUrl(url, "test"), "kafka-test");
  opened.push(() => cluster.close());
  return cluster;
}

/** A producer of its own, with the connections that it is closed with. */
export function producerAt(url: string, options: Partial<ProducerOptions> = {}) {
  const cluster = clusterAt(url);
  const logger = keptLines();
  const producer = new Producer(cluster, { linger: 0, compression: undefined, ...options }, logger, systemClock);
  opened.push(() => producer.close());
  return { producer, cluster, logger };
}

/** The code of what a promise was rejected with; "" when it was not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}
