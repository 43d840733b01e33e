/**
 * Mephisto: workers that share Kafka topics, one elected master among them, and its timers, in one file.
 *
 * ```ts
 * import { actor, app, timer } from "mephisto";
 *
 * const master = app("master-example", { valueSerializer: "raw" });
 * const say = actor(master, async function say(greetings) {
 *   for await (const greeting of greetings) console.log(greeting.toString());
 * });
 * timer(master, 2.0, { onMaster: true }, async function publishGreetings() {
 *   await say.send({ value: "hello" });
 * });
 * await master.main(import.meta);
 * ```
 *
 * @module
 */
export { app } from "./src/core/app.ts";
export type { App } from "./src/core/definition.ts";
export type { AppOptions, SaslOptions, SslOptions } from "./src/core/app-options.ts";
export { actor } from "./src/core/define-actor.ts";
export type { Actor, ActorOptions, Handler, HeaderValue, OutgoingMessage, Sendable } from "./src/core/actor.ts";
export { timer } from "./src/core/define-timer.ts";
export type { CatchUp, Outcome, Overlap } from "./src/core/timer.ts";
export { cron, type CronOptions } from "./src/cron/cron.ts";
export { task } from "./src/core/define-task.ts";
export type { TaskFunction, TaskOptions, TaskRun } from "./src/core/task.ts";
export type { Tick, TimerFunction, TimerOptions } from "./src/core/timer.ts";
export type { Event } from "./src/core/event.ts";
export type { Stream, TakeOptions } from "./src/core/stream.ts";
export type { Bytes, Decoded, Encodable, Json, Serializer, SerializerSpec } from "./src/core/serializer.ts";
export type { Duration } from "./src/core/duration.ts";
export { type ErrorCode, MephistoError } from "./src/core/errors.ts";
export type { LogFields, Logger } from "./src/core/logger.ts";

import { setRuntime } from "./src/core/app.ts";
import { systemTime } from "./src/core/delay.ts";
import { KafkaDriver } from "./src/kafka/kafka-driver.ts";
import { parseUrl } from "./src/kafka/connection/url.ts";
import { isEntry } from "./src/runtime/entry.ts";
import { uptime } from "./src/runtime/uptime.ts";
import { lingerOf, Program } from "./src/worker/program.ts";

// The layers are joined here: an app is run by a program over Kafka, and the entry file's by the command line, which is
// loaded only then.
setRuntime((definition) => {
  const program = new Program(definition, ({ id, options }, { url }, logger) => {
    const { compression = "none" } = options;
    return new KafkaDriver(
      parseUrl(url.value, url.from, options),
      id,
      { linger: lingerOf(definition), compression: compression === "none" ? undefined : compression },
      logger,
      { ...systemTime, boot: uptime },
    );
  });
  return {
    send: (actor, message) => program.send(actor, message),
    async start() {
      const { terminalLogger } = await import("./src/cli/terminal/terminal-logger.ts");
      await program.start(terminalLogger());
    },
    stop: () => program.stop(),
    async main(meta) {
      if (!isEntry(meta)) return;
      const [{ main }, { makeBroker }, { brokerStart }] = await Promise.all([
        import("./src/cli/script.ts"),
        import("./src/cli/make-broker.ts"),
        import("./src/cli/launch/broker-start.ts"),
      ]);
      await main(definition, {
        worker: (settings, logger, advice) => program.worker(settings, logger, advice),
        tryOut: (settings, logger, advice) => program.tryOut(settings, logger, advice),
        send: (actor, message, settings) => program.send(actor, message, settings),
        journal: (settings, patience) => program.journal(settings, patience),
        resign: (settings) => program.resign(settings),
        broker: makeBroker,
        startBroker: (words) => brokerStart(words),
        close: () => program.stop(),
      });
    },
  };
});
