/**
 * How types flow from a serializer to what a handler is given and what `send` takes. Nothing here runs: the compilers
 * of TypeScript and of Deno check it.
 */
import { Buffer } from "node:buffer";
import {
  type Actor,
  actor,
  app,
  type Bytes,
  cron,
  type CronOptions,
  type Json,
  type Serializer,
  type Stream,
  task,
  type Tick,
  timer,
  type TimerOptions,
} from "mephisto";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<A, B>(_: Same<A, B>): void {}

// JSON is the default
const json = app("json");
const ofJson = actor(json, async function ofJson(stream) {
  for await (const value of stream) is<typeof value, Json>(true);
});
await ofJson.send({ value: { a: [1, null] } });
// @ts-expect-error a message has a value
await ofJson.send({ key: "k" });

// raw
const raw = app("raw", { valueSerializer: "raw" });
const ofRaw = actor(raw, async function ofRaw(stream) {
  for await (const value of stream) {
    is<typeof value, Bytes>(true);
    value.toString("hex").toUpperCase();
  }
});
is<typeof ofRaw, Actor<string | Uint8Array>>(true);
await ofRaw.send({ value: "x" });
await ofRaw.send({ value: new Uint8Array(1), headers: { a: "b", c: new Uint8Array(1) }, timestamp: Date.now() });
// @ts-expect-error raw takes no number
await ofRaw.send({ value: 1 });
const buffer: Bytes = Buffer.from("x");

// text, with its events and its batches
const text = app("text", { valueSerializer: "text" });
const ofText = actor(text, async function ofText(stream) {
  is<typeof stream, Stream<string, string>>(true);
  for await (const event of stream.events()) {
    is<typeof event.value, string | null>(true);
    is<typeof event.key, string | null>(true);
    is<typeof event.headers[string], Uint8Array>(true);
    is<typeof event.allHeaders, readonly (readonly [string, Uint8Array | null])[]>(true);
    await ofRaw.send({ value: event.value, headers: event.allHeaders });
    is<typeof event.offset, number>(true);
  }
  for await (const batch of stream.take(10, { within: "1s" })) is<typeof batch, string[]>(true);
});
is<typeof ofText, Actor<string>>(true);

// tombstones, with any serializer, and headers of any kind
const ofTombstones = actor(text, async function ofTombstones(stream: Stream<string | null>) {
  for await (const value of stream) is<typeof value, string | null>(true);
  for await (const batch of stream.take(10)) is<typeof batch, (string | null)[]>(true);
});
for (const each of [ofRaw, ofText, ofJson, ofTombstones]) await each.send({ key: "k", value: null });
await ofText.send({ value: "x", headers: { a: null } });
await ofText.send({ value: "x", headers: [["a", "1"], ["a", null]] });
// @ts-expect-error a header is no number
await ofText.send({ value: "x", headers: { a: 1 } });

// keys
const keyed = app("keyed", { valueSerializer: "text", keySerializer: "json" });
const ofKeys = actor(keyed, async function ofKeys(stream) {
  for await (const { key } of stream.events()) is<typeof key, Json | null>(true);
});
await ofKeys.send({ key: { shop: 1 }, value: "x" });
// @ts-expect-error a key of text is text
await ofText.send({ key: 1, value: "x" });

// a serializer of one's own, by name and in place
const dates: Serializer<Date> = {
  encode: (date) => new TextEncoder().encode(date.toISOString()),
  decode: (bytes) => new Date(new TextDecoder().decode(bytes)),
};
const custom = app("custom", { valueSerializer: dates });
const ofDates = actor(custom, async function ofDates(stream) {
  for await (const value of stream) is<typeof value, Date>(true);
});
is<typeof ofDates, Actor<Date>>(true);
const inPlace = app("in-place", {
  valueSerializer: { encode: (value: number) => new Uint8Array([value]), decode: (bytes) => bytes[0] ?? 0 },
});
const ofNumbers = actor(inPlace, async function ofNumbers(stream) {
  for await (const value of stream) is<typeof value, number>(true);
});
await ofNumbers.send({ value: 5 });

// more may be sent than is received
const loose: Serializer<Date, Date | number> = { ...dates, encode: (value) => dates.encode(new Date(value)) };
const ofLoose = actor(json, { valueSerializer: loose }, async function ofLoose(stream) {
  for await (const value of stream) is<typeof value, Date>(true);
});
await ofLoose.send({ value: 0 });

// an actor's own serializer; other options leave the app's
const own = actor(json, { valueSerializer: "text" }, async function own(stream) {
  for await (const value of stream) is<typeof value, string>(true);
});
is<typeof own, Actor<string>>(true);
const wide = actor(text, { partitions: 3 }, async function wide(stream) {
  for await (const value of stream) is<typeof value, string>(true);
});
is<typeof wide, Actor<string>>(true);

// JSON of a type that the handler names
interface Page {
  url: string;
}
const pages = actor(json, async function pages(stream: Stream<Page>) {
  for await (const { url } of stream) is<typeof url, string>(true);
});

// actors that send to each other, and to themselves
const ping = actor(text, async function pingIt(stream) {
  for await (const value of stream) await pong.send({ value });
});
const pong = actor(text, async function pongIt(stream) {
  for await (const value of stream) {
    await ping.send({ value });
    await pong.send({ value });
  }
});
const shadow = actor(json, async function shadow(stream) {
  // @ts-expect-error inside, the name is the function's own
  for await (const value of stream) await shadow.send({ value });
});

// timers
timer(json, 2.0, { onMaster: true }, async function publish(tick) {
  is<typeof tick.signal, AbortSignal>(true);
  await ofJson.send({ value: tick.epoch });
});
timer(raw, "1m30s", function report(tick) {
  is<typeof tick.slot, number>(true);
});
// @ts-expect-error an interval is a number or text
timer(json, new Date(), function never() {});
// @ts-expect-error there is no such policy
timer(json, 1, { overlap: "wait" }, function never() {});

// by the calendar
const daily: CronOptions = {
  timezone: "Europe/Berlin",
  onMaster: true,
  catchUp: "one",
  catchUpWithin: "2h",
  spread: 30,
};
cron(raw, "0 8 * * mon-fri", daily, async function report(tick) {
  is<typeof tick, Tick>(true);
  is<typeof tick.caughtUp, boolean>(true);
  is<typeof tick.previous, { readonly slot: number; readonly outcome: "ok" | "failed" } | undefined>(true);
  await ofRaw.send({ value: "x" });
});
cron(keyed, "*/5 * * * *", function sweep() {});
const policy: TimerOptions = { overlap: "untilConsumed", retry: 3, timeout: "1m", immediately: true };
timer(custom, "1h", policy, function restock() {});
// @ts-expect-error an interval has no zone
timer(json, 1, { timezone: "UTC" }, function never() {});
// @ts-expect-error a pattern is text
cron(json, 5, function never() {});

// for as long as mastership lasts
task(custom, { onMaster: true }, async function listen(run) {
  is<typeof run.epoch, number>(true);
  is<typeof run.signal, AbortSignal>(true);
  // @ts-expect-error a task has no slot
  await run.slot;
});
task(json, async function watch() {});
// @ts-expect-error a task has no policy
task(json, { overlap: "skip" }, async function never() {});

// @ts-expect-error a handler is async
actor(text, function notAsync(_stream) {});
// @ts-expect-error there is no such serializer
app("none", { valueSerializer: "xml" });

void [buffer, pages, shadow];
