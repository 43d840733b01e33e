import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { type ErrorCode, MephistoError } from "../../../src/core/errors.ts";
import type { Message } from "../../../src/core/message.ts";
import type { OutgoingRecord, TopicSpec } from "../../../src/driver/driver.ts";
import { BackgroundReports } from "../../../src/core/background-reports.ts";
import { DeadLetters } from "../../../src/worker/dead-letters/dead-letters.ts";
import type { Keep } from "../../../src/worker/dead-letters/file.ts";
import { Lines } from "../../core/fakes.ts";
import { FakeTime, isDone, message } from "../fakes.ts";

const AT = { topic: "jobs", partition: 3 };
const DEAD = "jobs.dead";
const OTHER = "jobs-dead-letters";
const ABOUT = ["error", "topic", "partition", "offset", "attempts", "worker"].map((name) => `mephisto-${name}`);

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes);
const refused = (code: ErrorCode) => new MephistoError(code, `${code} was said.`);

/** What a topic, or a file, does with what it is given: undefined takes it, an error refuses it. */
interface Rules {
  create?: (spec: TopicSpec) => Error | undefined;
  write?: (record: OutgoingRecord) => Error | undefined | Promise<void>;
  keep?: Keep;
}

function made(rules: Rules = {}) {
  const time = new FakeTime();
  const lines = new Lines();
  const ensured: TopicSpec[] = [];
  const tried: OutgoingRecord[] = [];
  const written: OutgoingRecord[] = [];
  const kept: { topic: string; line: string }[] = [];
  const letters = new DeadLetters({
    driver: {
      troubles: new BackgroundReports(lines, time),
      ensureTopics(specs) {
        ensured.push(...specs);
        const error = specs.map((spec) => rules.create?.(spec)).find((error) => error !== undefined);
        return error ? Promise.reject(error) : Promise.resolve(new Map());
      },
      publisher: {
        async send(record) {
          tried.push(record);
          const error = rules.write?.(record);
          if (error instanceof Error) throw error;
          await error;
          written.push(record);
        },
        flush: () => Promise.resolve(),
      },
    },
    worker: "me",
    clock: time,
    sleep: time.sleep,
    logger: lines,
    replicationFactor: 3,
    keep: rules.keep ?? ((topic, line) => {
      kept.push({ topic, line });
      return Promise.resolve(`/var/${topic}.dead.jsonl`);
    }),
  });
  const add = (one: Message = message("a", 7)) => letters.add(AT, one, new Error("no such job"), 6);
  return { time, lines, ensured, tried, written, kept, letters, add };
}

const names = ({ headers }: OutgoingRecord) => headers.map(([name]) => name);
const header = ({ headers }: OutgoingRecord, wanted: string) =>
  text(headers.findLast(([name]) => name === wanted)?.[1]);

test("a copy is what the message was, with ours after its headers, in a topic of its source's limits", async () => {
  const own: [string, Uint8Array | null][] = [
    ["tag", bytes("1")],
    ["__proto__", bytes("p")],
    ["none", null],
    ["constructor", bytes("c")],
    ["tag", bytes("2")],
    ["tag", null],
  ];
  const { add, written, ensured, kept } = made();
  const old: [string, Uint8Array] = ["mephisto-error", bytes("of an earlier death")];
  const one = message("a", 7, { key: Uint8Array.of(0xff), headers: [...own, old] });
  assert.equal(await add(one), DEAD);
  const [copy = assert.fail()] = written;
  assert.deepEqual([copy.topic, copy.key, copy.value, copy.timestamp], [DEAD, one.key, one.value, one.timestamp]);
  assert.deepEqual(copy.headers.slice(0, own.length), own);
  assert.deepEqual(names(copy).slice(own.length), ABOUT);
  assert.equal(header(copy, "mephisto-error"), "no such job");
  assert.equal(copy.compression, undefined, "as all that is sent");
  assert.deepEqual(ensured, [{ topic: DEAD, partitions: 1, replicationFactor: 3, limitsOf: "jobs" }]);
  await add(message(null, 8));
  assert.deepEqual([written[1]?.value, ensured.length], [null, 1], "a tombstone; and the topic is made sure of once");
  assert.deepEqual(kept, []);
});

test("what is too large is compressed as it came, then told less about, then offered to another topic", async () => {
  for (const came of ["zstd", undefined] as const) {
    const { add, tried, written, kept } = made({
      write: ({ topic }) => topic === DEAD ? refused("MESSAGE_TOO_LARGE") : undefined,
    });
    const own: [string, Uint8Array][] = [["own", bytes("x")]];
    const place = await add(message("a", 7, { headers: own, ...(came && { compression: came }) }));
    assert.equal(place, `${OTHER}, since ${DEAD} does not take it: MESSAGE_TOO_LARGE was said`);
    assert.deepEqual(tried.map((record) => [record.topic, record.compression, names(record).length]), [
      [DEAD, undefined, 7],
      [DEAD, came ?? "gzip", 7],
      [DEAD, came ?? "gzip", 7],
      [DEAD, came ?? "gzip", 1],
      [DEAD, undefined, 1],
      [OTHER, undefined, 7],
    ]);
    assert.deepEqual([written.length, kept.length], [1, 0]);
  }
});

test("a long error is short in a header, and shorter where the topic is narrow", async () => {
  const { letters, tried } = made({
    write: (record) => record.headers.length > 0 ? refused("MESSAGE_TOO_LARGE") : undefined,
  });
  await letters.add(AT, message("a", 7), new Error("x".repeat(9000)), 6);
  assert.deepEqual(tried.map((record) => header(record, "mephisto-error")?.length), [2000, 2000, 80, undefined]);
});

test("a time that the topic does not take becomes now, and the message's own a header", async () => {
  for (const code of ["MESSAGE_REFUSED", "PROTOCOL"] as const) {
    const { add, written, time } = made({ write: ({ timestamp }) => timestamp < 1e12 ? refused(code) : undefined });
    assert.equal(await add(message("a", 7, { timestamp: 5 })), DEAD);
    const [copy = assert.fail()] = written;
    assert.deepEqual([copy.timestamp, header(copy, "mephisto-timestamp")], [time.wall(), "5"]);
  }
  // It is kept even where there is room for nothing else.
  const { add, written } = made({
    write: ({ timestamp, headers }) =>
      headers.length > 1 ? refused("MESSAGE_TOO_LARGE") : timestamp < 1e12 ? refused("MESSAGE_REFUSED") : undefined,
  });
  await add(message("a", 7, { timestamp: 5 }));
  assert.deepEqual(written.map(names), [["mephisto-timestamp"]]);
  // One that no message may have is not even tried.
  const third = made();
  await third.add(message("a", 7, { timestamp: 2 ** 60 }));
  assert.deepEqual(third.tried.map((record) => header(record, "mephisto-timestamp")), [String(2 ** 60)]);
});

test("a topic that cannot be made has another in its place", async () => {
  const { add, written, ensured } = made({
    create: ({ topic }) => topic === DEAD ? refused("UNKNOWN_TOPIC") : undefined,
  });
  assert.match(await add(), /^jobs-dead-letters, since jobs\.dead does not take it/);
  assert.deepEqual([written.map(({ topic }) => topic), ensured.map(({ topic }) => topic)], [[OTHER], [DEAD, OTHER]]);
});

test("what no topic takes goes to a file, whole", async () => {
  const none = { write: () => refused("MESSAGE_REFUSED") };
  const { add, kept, lines, time } = made(none);
  const one = message("a", 7, { key: Uint8Array.of(0xff), headers: [["h", null], ["h", bytes("x")]] });
  assert.match(await add(one), /^\/var\/jobs\.dead\.jsonl, since jobs\.dead .* and jobs-dead-letters does not/);
  assert.deepEqual(kept.map(({ topic }) => topic), ["jobs"]);
  const { error, ...rest } = JSON.parse(kept[0]?.line ?? "");
  assert.match(error, /^no such job \(at /);
  assert.deepEqual(rest, {
    topic: "jobs",
    partition: 3,
    offset: 7,
    timestamp: one.timestamp,
    key: "/w==",
    value: Buffer.from("a").toString("base64"),
    headers: [["h", null], ["h", Buffer.from("x").toString("base64")]],
    attempts: 6,
    worker: "me",
    deadLetteredAt: new Date(time.wall()).toISOString(),
  });
  assert.deepEqual(lines.all, []);
});

test("what may not be written anywhere else is not tried elsewhere", async () => {
  const { add, tried, kept } = made({ write: () => refused("NOT_AUTHORIZED") });
  await add();
  assert.deepEqual([tried.length, kept.length], [1, 1]);
});

test("without a file it stands in the log, whole, with its size", async () => {
  const { add, lines } = made({
    write: () => refused("MESSAGE_TOO_LARGE"),
    keep: () => Promise.reject(new Error("the disk is full")),
  });
  assert.match(await add(message("x".repeat(100_000), 7)), /^the log, in the line before .*the disk is full\)$/);
  const [line = ""] = lines.all;
  const [, size, json = ""] =
    /^error: A message of jobs\[3\] is kept in this line, (\d+) bytes of JSON: (.*)$/.exec(line) ?? [];
  assert.equal(Number(size), json.length);
  assert.equal(Buffer.from(JSON.parse(json).value, "base64").toString(), "x".repeat(100_000));
});

test("while the log is away nothing is given up, and all is tried again from the start", async () => {
  const away: ErrorCode[] = ["UNREACHABLE", "SEND_TIMEOUT", "BUFFER_FULL", "STOPPED", "AUTHENTICATION_FAILED"];
  for (const code of away) {
    for (const where of ["create", "write"] as const) {
      let error: Error | undefined = refused(code);
      const { add, written, kept, lines } = made({ [where]: () => error });
      await assert.rejects(add(), { code });
      assert.deepEqual([written, kept, lines.all], [[], [], []]);
      error = undefined;
      assert.equal(await add(), DEAD);
      assert.deepEqual([written.length, names(written[0] ?? assert.fail())], [1, ABOUT]);
    }
  }
  // What the broker reports may pass, as that its coordinator loads; or not, and then another place is looked for.
  const passing = new MephistoError("PROTOCOL", "It loads.", { retriable: true });
  await assert.rejects(made({ create: () => passing }).add(), passing);
  await assert.rejects(made({ write: () => passing }).add(), passing);
  assert.match(
    await made({ create: ({ topic }) => topic === DEAD ? refused("PROTOCOL") : undefined }).add(),
    /-dead-letters, since/,
  );
});

test("a topic that is deleted while we run is made again", async () => {
  // As one that is told at once, and as one that is only not answered.
  let there = true;
  const told = made({
    create: () => void (there = true),
    write: () => there ? undefined : refused("UNKNOWN_TOPIC"),
  });
  await told.add();
  there = false;
  assert.equal(await told.add(), DEAD);
  assert.deepEqual([told.written.length, told.ensured.length], [2, 2]);

  const { promise, resolve } = Promise.withResolvers<void>();
  const hung = made({
    create: () => {
      if (hung.ensured.length === 3) resolve();
      return hung.ensured.length === 2 ? refused("UNREACHABLE") : undefined;
    },
    write: () => promise,
  });
  const adding = hung.add();
  await hung.time.pass(3500);
  assert.deepEqual([await isDone(adding), hung.ensured.length], [false, 2]);
  await hung.time.pass(1000);
  assert.equal(await adding, DEAD);
  assert.deepEqual([hung.tried.length, hung.written.length, hung.time.sleepers], [1, 1, 0]);
});
