import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KafkaServer } from "./kafka.ts";
import { freePorts } from "./ports.ts";
import { type Program, run } from "./process.ts";
import { type Proxy, startProxy } from "./proxy.ts";
import type { Runtime } from "./runtimes.ts";

type Options = {
  /** How many proxies to put in front of the broker; a client given only the address of one stays behind it. */
  proxies?: number;
  /** Lines of `server.properties`; as the tests' Kafka, this broker creates no topic by itself. */
  settings?: Record<string, string | number | boolean>;
  /** Whether it has a folder, without which a restart forgets everything. Default true. */
  keeps?: boolean;
  /** What it runs on. Default Node. */
  runtime?: Runtime;
};

/** Starts the dev broker in a process of its own; it ends with this process at the latest. */
export async function startDevBroker(
  { proxies: proxyCount = 0, settings = {}, keeps = true, runtime = "node" }: Options = {},
): Promise<KafkaServer> {
  const folder = await mkdtemp(join(tmpdir(), "mephisto-dev-broker-"));
  const [port = 0] = await freePorts(1);
  const given = Object.entries({ "auto.create.topics.enable": false, ...settings });
  const options = {
    port,
    ...(keeps && { data: folder }),
    settings: Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
  };
  const launch = async () => {
    const program = run(runtime, "test/support/dev-broker-program.ts", [JSON.stringify(options)], { scratch: folder });
    await program.waitFor(/^port \d+$/, 30_000);
    return program;
  };
  let program: Program = await launch();
  const proxies: Proxy[] = [];
  for (let n = 0; n < proxyCount; n++) proxies.push(await startProxy({ targetPort: port, readdress: true }));

  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    // A paused process would take no SIGTERM.
    program.kill("SIGCONT");
    program.kill(signal);
    const late = setTimeout(() => program.kill("SIGKILL"), 10_000);
    await program.exit;
    clearTimeout(late);
  };
  return {
    url: `kafka://127.0.0.1:${port}`,
    brokers: [`127.0.0.1:${port}`],
    port,
    proxies,
    stop: async () => {
      for (const proxy of proxies) await proxy.stop();
      await end("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
    kill9: () => end("SIGKILL"),
    pause: () => program.kill("SIGSTOP"),
    resume: () => program.kill("SIGCONT"),
    restart: async ({ hard = false } = {}) => {
      await end(hard ? "SIGKILL" : "SIGTERM");
      program = await launch();
    },
    log: () => program.output(),
  };
}
