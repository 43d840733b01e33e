import assert from "node:assert/strict";
import { test } from "node:test";
import { label, Labels, type Sink } from "../../src/dev/lines.ts";

const encoder = new TextEncoder();

async function* stream(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? encoder.encode(chunk) : await Promise.resolve(chunk);
}

async function labelled(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const written: string[] = [];
  await label(stream(...chunks), "a | ", {
    colours: false,
    write: (text) => void written.push(text),
    room: () => Promise.resolve(),
  });
  return written;
}

test("each line gets the label; halves of a line become one, a last one without an end gets it", async () => {
  assert.deepEqual(await labelled("one\ntw", "o\r\n", "\nthr", "ee"), [
    "a | one\n",
    "a | two\n",
    "a | \n",
    "a | three\n",
  ]);
});

test("a letter that comes in two pieces stays one", async () => {
  const [first, ...rest] = encoder.encode("é\n");
  assert.deepEqual(await labelled(new Uint8Array([first ?? 0]), new Uint8Array(rest)), ["a | é\n"]);
});

test("a line that does not end is written in pieces, and no letter is cut", async () => {
  const written = await labelled("x" + "😀".repeat(100_000));
  const pieces = written.join("").split(/(?<=\n)/);
  assert.ok(pieces.length > 2);
  assert.ok(pieces.every((piece) => piece.length <= 65_536 + 5));
  assert.equal(pieces.map((piece) => piece.slice(4, -1)).join(""), "x" + "😀".repeat(100_000));
});

test("nothing is read while there is no room", async () => {
  const room = Promise.withResolvers<void>();
  let read = 0;
  async function* counted() {
    for await (const chunk of stream("1\n", "2\n", "3\n")) {
      read++;
      yield chunk;
    }
  }
  const sink: Sink = { colours: false, write() {}, room: () => room.promise };
  const done = label(counted(), "", sink);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(read, 1);
  room.resolve();
  await done;
  assert.equal(read, 3);
});

test("what nobody reads any more is an error", async () => {
  const sink: Sink = { colours: false, write() {}, room: () => Promise.reject(new Error("EPIPE")) };
  await assert.rejects(label(stream("1\n"), "", sink), /EPIPE/);
});

test("labels are aligned, and coloured only where that is wanted, each in its own colour", () => {
  const names = ["broker", "worker.1", "dev"];
  const labels = new Labels(names);
  const plain = names.map((name) => labels.of(name, { colours: false }));
  assert.deepEqual(plain, ["broker   | ", "worker.1 | ", "dev      | "]);
  const coloured = names.map((name) => labels.of(name, { colours: true }));
  // deno-lint-ignore no-control-regex -- that is what a colour is
  const colours = coloured.map((label) => /^\x1b\[(\d+)m.*\x1b\[0m $/.exec(label)?.[1]);
  assert.equal(new Set(colours).size, 3);
  assert.ok(!colours.includes(undefined));
});
