import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { signalChild, spawnGuarded } from "./guard.ts";

/** JVM flags of the broker and its tools. A class data archive is only valid for the garbage collector that made it. */
export const jvmFlags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];

/** Of a broker that is to start quickly. */
export const startFlags = [...jvmFlags, "-Xmx512m"];

/** The same, with the classes out of an archive. */
export const archived = (archive: string, flags: readonly string[]): string[] => [
  ...flags,
  `-XX:SharedArchiveFile=${archive}`,
];

/** Of a broker that is to be fast. */
export const speedFlags = ["-XX:+UseSerialGC", "-Xmx1g"];

/** One run of the broker: from the start of its JVM to its exit. */
export type BrokerProcess = {
  pid: number;
  /** Resolves when it has exited. */
  exit(): Promise<void>;
  hasExited(): boolean;
  signal(name: NodeJS.Signals): void;
  /** What it has logged: warnings and errors. */
  log(): string;
};

/** Starts the broker in `folder`, which has its `server.properties`. It is not ready yet when this returns. */
export function launchBroker(classPath: string, folder: string, flags: readonly string[]): BrokerProcess {
  const logFile = join(folder, "broker.log");
  const output = openSync(logFile, "a");
  const args = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    ...flags,
    "-cp",
    classPath,
    "kafka.Kafka",
    join(folder, "server.properties"),
  ];
  let child: ChildProcess;
  try {
    child = spawnGuarded("java", args, { cwd: folder, output: [output, output], scratch: folder });
  } finally {
    closeSync(output);
  }
  const { pid } = child;
  if (pid === undefined) throw new Error("the broker's process cannot be started");
  let gone = false;
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => {
      gone = true;
      resolve();
    });
  });
  return {
    pid,
    exit: () => {
      // Whoever waits must not have this process end for lack of anything else to do.
      child.ref();
      return exited;
    },
    hasExited: () => gone,
    signal: (name) => signalChild(child, name),
    log: () => readFileSync(logFile, "utf8"),
  };
}

/** Whether something accepts connections on this port. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
