import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { WireError } from "../../src/wire/errors.ts";
import { Reader } from "../../src/wire/reader.ts";
import { includes, type Shape, type Struct } from "../../src/wire/protocol/fields.ts";
import { Output } from "../../src/wire/protocol/output.ts";
import { messageReader } from "../../src/wire/protocol/read.ts";
import { messageWriter } from "../../src/wire/protocol/write.ts";
import { apis } from "../../src/broker/requests/index.ts";
import { kafkaSkip } from "../support/kafka.ts";
import { installKafka } from "../support/kafka-install.ts";
import { root } from "../support/runtimes.ts";
import { fromHex, hex, utf8 } from "../wire/vectors.ts";
import { readWhole } from "../support/wire-client.ts";

// Kafka's schemas know nothing of a struct that may be null, which its own reader and writer do know: DescribeTopicPartitions and
// the heartbeats of the protocols that are refused.
const WITH_NULLABLE_STRUCT = [68, 75, 76];
// DescribeClientQuotas has a float64, of which there is never one to be written.
const WITH_FLOAT = [48];
const described = apis.filter(({ key }) => ![...WITH_NULLABLE_STRUCT, ...WITH_FLOAT].includes(key));

test("every version of every message is what Kafka's own schemas make of it", { skip: kafkaSkip }, async () => {
  const { classPath } = await installKafka();
  const { stdout } = await promisify(execFile)("java", [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-cp",
    classPath,
    "test/broker/vectors/MessageVectors.java",
    ...described.map(({ key }) => String(key)),
  ], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  let checked = 0;
  for (const line of stdout.trim().split("\n")) {
    const [key = "", kind = "", version = "", variant = "", bytes = ""] = line.split(" ");
    const api = apis.find((api) => api.key === Number(key));
    assert.ok(api);
    const [min, max] = api.versions;
    const v = Number(version);
    if (v < min || v > max) continue;
    const table = kind === "request" ? api.request : api.response;
    const flexible = v >= api.flexibleFrom;
    const what = `${api.name} ${kind} version ${version}, ${variant}`;
    const message = named(what, () => readWhole(table, v, flexible, new Reader(fromHex(bytes))));
    if (variant === "full") assert.deepEqual(message, expected(table, v), what);
    const out = new Output();
    messageWriter(table, v, flexible)(out, message as never);
    assert.equal(out.finish().map(hex).join(""), bytes, what);
    checked++;
  }
  // Two variants of two messages for each version that is served.
  assert.equal(checked, described.reduce((sum, { versions: [min, max] }) => sum + 4 * (max - min + 1), 0));
});

test("broken bytes are an error of the codec and nothing else", () => {
  const message = fc.record({ api: fc.constantFrom(...apis), bytes: fc.uint8Array({ maxLength: 200 }), at: fc.nat() });
  fc.assert(
    fc.property(message, ({ api, bytes, at }) => {
      const [min, max] = api.versions;
      const version = min + at % (max - min + 1);
      try {
        messageReader(api.request, version, version >= api.flexibleFrom)(new Reader(bytes));
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test("a value that a field cannot carry is an error that names the field", () => {
  const [api] = apis;
  assert.ok(api);
  const write = messageWriter(api.response, api.versions[0], false);
  assert.throws(() => write(new Output(), { responses: null } as never), /responses: null/);
});

function named<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** The message whose fields have the values that their names stand for (see MessageVectors.java). */
function expected(table: Struct, version: number): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const [name, { shape, options }] of Object.entries(table)) {
    const { v } = options;
    const isThere = v === undefined || includes(v, version);
    message[name] = isThere ? valueOf(shape, name, version) : absent(shape, options.or);
  }
  return message;
}

function valueOf(shape: Shape, name: string, version: number): unknown {
  const text = name.toLowerCase();
  let hash = 0;
  for (const char of text) hash = (hash * 31 + char.charCodeAt(0)) & 0x7fffff;
  switch (shape.is) {
    case "struct":
      return expected(shape.of, version);
    case "array":
      return [valueOf(shape.of, name, version), valueOf(shape.of, name, version)];
    case "boolean":
      return hash % 2 === 1;
    case "int8":
      return hash % 127;
    case "int16":
    case "uint16":
      return hash % 32767;
    case "int32":
      return hash;
    case "int64":
      return hash * 1_000_000;
    case "uuid":
      return hash.toString(16).padStart(16, "0").repeat(2);
    case "string":
      return text;
    case "bytes":
    case "records":
      return utf8(text);
  }
}

function absent(shape: Shape, or: unknown): unknown {
  if (or !== undefined) return or;
  switch (shape.is) {
    case "struct":
      return Object.fromEntries(Object.entries(shape.of).map(([name, f]) => [name, absent(f.shape, f.options.or)]));
    case "array":
      return [];
    case "boolean":
      return false;
    case "uuid":
      return "0".repeat(32);
    case "string":
      return "";
    case "bytes":
    case "records":
      return new Uint8Array(0);
    default:
      return 0;
  }
}
