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
export type { App, AppOptions, SaslOptions, SslOptions } from "./src/core/app.ts";
export { actor } from "./src/core/actor.ts";
export type { Actor, ActorOptions, Handler, Outgoing } from "./src/core/actor.ts";
export { timer } from "./src/core/timer.ts";
export type { Tick, TimerFunction, TimerOptions } from "./src/core/timer.ts";
export type { Event, Stream, TakeOptions } from "./src/core/stream.ts";
export type { Bytes, Decoded, Encodable, Json, Serializer, SerializerSpec } from "./src/core/serializer.ts";
export type { Duration } from "./src/core/duration.ts";
export { type ErrorCode, MephistoError } from "./src/core/errors.ts";
export type { Logger } from "./src/core/logger.ts";
