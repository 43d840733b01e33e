import { actor } from "../../src/core/define-actor.ts";
import { app, setRuntime } from "../../src/core/app.ts";
import { definitionOf } from "../../src/core/definition.ts";
import { type Logger, silent } from "../../src/core/logger.ts";
import type { SerializerSpec } from "../../src/core/serializer.ts";
import type { Tick } from "../../src/core/timer.ts";
import { timer } from "../../src/core/define-timer.ts";
import type { Driver, Membership } from "../../src/driver/driver.ts";
import type { Host } from "../../src/testing/host.ts";
import { context } from "../../src/runtime/context.ts";
import { encodeMessage } from "../../src/worker/calls/encode-message.ts";
import type { Scope } from "../../src/worker/calls/scope.ts";
import { resolveSettings } from "../../src/worker/settings.ts";
import { Worker } from "../../src/worker/worker.ts";

/** Of what a worker is made, what is the same for all that are simulated. */
export function simulatedParts(host: Host, random: () => number) {
  return {
    clock: host,
    sleep: host.sleep,
    eventLoopTurn: () => Promise.resolve(),
    random,
    worker: host.name,
    runtime: "simulation",
    url: "memory",
    advice: "",
  };
}

export const APP = "sim";
export const ACTOR = "say";
export const TOPIC = `${APP}-${ACTOR}`;
export const TIMER = "publish";
/** A timer of the same slots, whose runs share transactions with those of the other; of some the messages are refused. */
export const BESIDE = "beside";
/** Of both timers. */
export const INTERVAL_MS = 200;
export const PARTITIONS = 4;

/** Whether what the timer beside sends is refused in this slot. */
export function isRefused(slot: number): boolean {
  return slot / INTERVAL_MS % 3 === 0;
}

/** What a script of a simulated worker does. */
export interface Script {
  /** Default: none. */
  readonly version?: string;
  /** Timers on the master besides, which count as they run. */
  readonly more?: ReadonlyMap<string, () => void>;
  tick(tick: Tick, send: (value: string) => Promise<void>): Promise<void>;
  handle(partition: number, offset: number, value: string): Promise<void> | undefined;
}

/** Shared: it is found by the call that runs, so that it holds apart whatever is apart. */
const scopes = context<Scope>();

/** A whole worker, as it runs in earnest, in a process of the simulation. */
export class SimWorker {
  readonly host: Host;
  readonly worker: Worker;
  /** As the seam tells it; undefined before it has joined. */
  membership: Membership | undefined;
  /** It is told to stop, and may not have heard it yet. */
  stopping = false;
  failed: unknown;

  constructor(
    host: Host,
    driver: Driver,
    session: number,
    script: Script,
    random: () => number,
    logger: Logger = silent,
    instanceId?: string,
  ) {
    this.host = host;
    setRuntime(() => ({
      send: (to, message) => {
        try {
          const record = encodeMessage(to, message, host.wall());
          const scope = scopes.get();
          return scope ? scope.send(record) : Promise.reject(new Error("sent outside of everything"));
        } catch (error) {
          return Promise.reject(error);
        }
      },
      main: () => Promise.resolve(),
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    }));
    const options = { valueSerializer: "text", partitions: PARTITIONS } as const;
    const shop = app<"text", SerializerSpec>(APP, options);
    const say = actor(shop, { name: ACTOR }, async (stream) => {
      for await (const { partition, offset, value } of stream.events()) {
        const taking = script.handle(partition, offset, String(value));
        if (taking) await taking;
      }
    });
    timer(
      shop,
      INTERVAL_MS / 1000,
      { name: TIMER, onMaster: true, catchUp: "all", overlap: "queue" },
      (tick) => script.tick(tick, (value) => say.send({ value })),
    );
    timer(
      shop,
      INTERVAL_MS / 1000,
      { name: BESIDE, onMaster: true, catchUp: "all", overlap: "queue" },
      ({ slot }) => {
        const record = { topic: "nowhere", key: null, value: new Uint8Array(1), headers: [], timestamp: slot };
        if (isRefused(slot)) void scopes.get()?.send(record);
      },
    );
    for (const [name, run] of script.more ?? []) timer(shop, INTERVAL_MS / 1000, { name, onMaster: true }, run);
    const given = {
      ...(script.version !== undefined && { version: script.version }),
      sessionTimeout: `${session}ms`,
      heartbeatInterval: `${Math.round(session / 6)}ms`,
      ...(instanceId !== undefined && { instanceId }),
    };
    this.worker = new Worker({
      definition: definitionOf(shop),
      settings: resolveSettings(given, { flags: {}, env: {} }),
      driver,
      ...simulatedParts(host, random),
      context: scopes,
      logger,
    });
  }

  start(): void {
    this.worker.start().catch((error: unknown) => this.failed = error);
    this.worker.failed.then((error) => this.failed = error);
  }

  stop(): void {
    this.stopping = true;
    this.host.after(0, "timer", () => void this.worker.stop());
  }

  /** Whether it holds mastership, as it sees it itself at this moment. */
  get master(): boolean {
    return this.worker.status().mastership.master;
  }
}
