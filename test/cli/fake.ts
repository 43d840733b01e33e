/** An app with actors, timers and a task, a host that keeps what it is given, and a terminal that keeps what is written. */
import { actor } from "../../src/core/define-actor.ts";
import type { ActorDefinition, OutgoingMessage } from "../../src/core/actor.ts";
import { app, setRuntime } from "../../src/core/app.ts";
import type { AppDefinition } from "../../src/core/definition.ts";
import type { AppOptions } from "../../src/core/app-options.ts";
import { task } from "../../src/core/define-task.ts";
import { timer } from "../../src/core/define-timer.ts";
import { again } from "../../src/cli/launch/respawn.ts";
import type { BrokerOptions, DevBroker, Host, ScriptDefinition } from "../../src/cli/host.ts";
import type { Terminal } from "../../src/cli/terminal/terminal.ts";
import type { Journal } from "../../src/worker/master/journal/journal.ts";
import type { Handover } from "../../src/worker/resign.ts";
import { runtime } from "../../src/runtime/info.ts";
import type { WorkerSettings } from "../../src/worker/settings.ts";
import type { RunningWorker, WorkerStatus } from "../../src/worker/status.ts";

/** An app of two actors, two timers and a task. */
export function exampleDefinition(options: AppOptions<"raw", "text"> = {}): ScriptDefinition {
  const shop = definedApp(options);
  actor(shop.app, async function say() {});
  actor(shop.app, { name: "orders", valueSerializer: "json", partitions: 3, topic: "shop-orders.v1" }, async () => {});
  timer(shop.app, 2.0, { onMaster: true }, async function publishGreetings() {});
  timer(shop.app, "1m30s", function cleanUp() {});
  task(shop.app, { onMaster: true }, async function listen() {});
  return shop.definition;
}

function definedApp(options: AppOptions<"raw", "text">) {
  const seen: Omit<AppDefinition, "runtime">[] = [];
  const nothing = () => Promise.resolve();
  setRuntime((made) => {
    seen.push(made);
    return { send: nothing, main: nothing, start: nothing, stop: nothing };
  });
  const made = app("shop", { valueSerializer: "raw", ...options });
  const [definition] = seen;
  if (definition === undefined) throw new Error("app() made no runtime");
  return { app: made, definition };
}

export const STATUS: WorkerStatus = {
  app: "shop",
  worker: "box-1-abcd",
  runtime: "bun 1.0",
  version: "",
  state: "running",
  ready: true,
  reason: null,
  troubles: [],
  since: "2026-01-01T00:00:00.000Z",
  url: "kafka://localhost:9092",
  group: { joined: true, generation: 1, members: 1, lastContact: 10 },
  mastership: { master: true, elected: "box-1-abcd", epoch: 1, stage: "active", resignations: 0, lease: 5000 },
  buffers: { held: 0, limit: 64 << 20 },
  actors: [],
  timers: [],
  tasks: [],
};

/** A worker that runs until it is stopped. */
export function fakeWorker(part: Partial<RunningWorker> = {}): RunningWorker {
  return {
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    stopped: new Promise<void>(() => {}),
    failed: new Promise<Error>(() => {}),
    status: () => STATUS,
    ready: () => true,
    ...part,
  };
}

/** A host that remembers. */
export class FakeHost implements Host {
  readonly sent: { actor: ActorDefinition; message: OutgoingMessage<unknown, unknown>; settings: WorkerSettings }[] =
    [];
  readonly started: WorkerSettings[] = [];
  readonly resigned: WorkerSettings[] = [];
  readonly tried: WorkerSettings[] = [];
  handover: Handover = { outcome: "handedOver", was: "box-1-abcd", is: "box-2-abcd" };
  readonly brokers: BrokerOptions[] = [];
  madeBroker: DevBroker = { start: () => Promise.resolve({ port: 9092 }), stop: () => Promise.resolve() };
  /** What the masters have written. */
  known: () => Promise<Journal | undefined> = () => Promise.resolve(undefined);
  patience = 0;
  closed = 0;
  made: RunningWorker = fakeWorker();

  worker(settings: WorkerSettings): RunningWorker {
    this.started.push(settings);
    return this.made;
  }
  tryOut(settings: WorkerSettings): Promise<void> {
    this.tried.push(settings);
    return Promise.resolve();
  }
  send(actor: ActorDefinition, message: OutgoingMessage<unknown, unknown>, settings: WorkerSettings): Promise<void> {
    this.sent.push({ actor, message, settings });
    return Promise.resolve();
  }
  journal(_: WorkerSettings, patience: number): Promise<Journal | undefined> {
    this.patience = patience;
    return this.known();
  }
  resign(settings: WorkerSettings): Promise<Handover> {
    this.resigned.push(settings);
    return Promise.resolve(this.handover);
  }
  broker = (options: BrokerOptions): DevBroker => {
    this.brokers.push(options);
    return this.madeBroker;
  };
  /** By the script, whose broker is this host's. */
  startBroker = (words: readonly string[]) => ({
    ...again(["broker", ...words]),
    runtime: runtime().name,
    isAlone: false,
  });
  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

/** A terminal that remembers. */
export class FakeTerminal implements Terminal {
  readonly words: readonly string[];
  readonly env: Record<string, string>;
  readonly colours: boolean = false;
  readonly errColours: boolean = false;
  readonly exits: number[] = [];
  stdout = "";
  stderr = "";

  constructor(words: readonly string[], env: Record<string, string> = {}) {
    this.words = words;
    this.env = env;
  }
  variables(names: readonly string[]): Record<string, string | undefined> {
    return Object.fromEntries(names.map((name) => [name, this.env[name]]));
  }
  variableNames(prefix: string): readonly string[] {
    return Object.keys(this.env).filter((name) => name.startsWith(prefix));
  }
  out(text: string): void {
    this.stdout += text;
  }
  err(text: string): void {
    this.stderr += text;
  }
  drained(): Promise<void> {
    return Promise.resolve();
  }
  exit(code: number): void {
    this.exits.push(code);
  }
}
