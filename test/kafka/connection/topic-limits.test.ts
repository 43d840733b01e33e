import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { MephistoError } from "../../../src/core/errors.ts";
import { checkCreated, createWithLimits } from "../../../src/kafka/connection/topic-limits.ts";
import type { Call } from "../../../src/wire/call.ts";
import { Writer } from "../../../src/wire/writer.ts";

const SPEC = { topic: "jobs.dead", partitions: 1, replicationFactor: 3, limitsOf: "jobs" };

/** A broker that answers as told, and what it was asked to create: the settings with their values. */
function broker({ size, codes }: { size: string | undefined; codes: number[] }) {
  const asked: string[] = [];
  const settings = (bytes: Uint8Array) => {
    const text = Buffer.from(bytes).toString("latin1");
    assert.ok(text.includes("jobs.dead\0\0\0\x01\0\x03"), "with one partition and three copies, whatever the settings");
    const named = /cleanup\.policy/.test(text) ? ["all"] : [];
    const [, size] = /max\.message\.bytes..(\d+)/s.exec(text) ?? [];
    return [...named, ...(size === undefined ? [] : [size])].join(" ");
  };
  const ask = <T>(call: Call<T>): Promise<T> => {
    const answer = new Writer().int32(0);
    if (call.apiName === "DescribeConfigs") {
      answer.array([0], (_) => {
        answer.int16(size === undefined ? 29 : 0).nullableString(null).int8(2).string("jobs");
        answer.array(size === undefined ? [] : [size], (value) => {
          answer.string("max.message.bytes").nullableString(value).boolean(false).int8(5).boolean(false).array(
            [],
            () => {},
          );
        });
      });
    } else {
      asked.push(settings(call.encode()));
      answer.array([codes.shift() ?? 0], (code) => answer.string("jobs.dead").int16(code).nullableString("Because."));
    }
    return Promise.resolve(call.decode(answer.finish()));
  };
  return { ask, asked };
}

test("it is created with the size of its source, and with less where the broker forbids that", async () => {
  const cases = [
    { size: "1000000", codes: [0], asked: ["all 2065536"] },
    { size: "2000000000", codes: [0], asked: ["all 2147483647"] },
    { size: "1000000", codes: [40, 44, 0], asked: ["all 2065536", "1000000", ""] },
    { size: "1000000", codes: [44, 36], asked: ["all 2065536", "1000000"] },
    { size: undefined, codes: [0], asked: ["all"] },
  ];
  for (const { asked, ...answers } of cases) {
    const made = broker(answers);
    await createWithLimits(made, SPEC, "jobs");
    assert.deepEqual(made.asked, asked);
  }
});

test("what is refused for good is told from what may pass", async () => {
  const cases: [number, MephistoError["code"], number][] = [
    [17, "UNKNOWN_TOPIC", 1], // its name, or one too like it
    [29, "NOT_AUTHORIZED", 1],
    [41, "PROTOCOL", 1], // not the controller any more
    [7, "PROTOCOL", 1],
    [44, "UNKNOWN_TOPIC", 3], // forbidden, also without settings
  ];
  for (const [code, expected, times] of cases) {
    const made = broker({ size: "1000000", codes: [code, code, code] });
    await assert.rejects(createWithLimits(made, SPEC, "jobs"), { code: expected });
    assert.equal(made.asked.length, times);
  }
  assert.throws(() => checkCreated("jobs", 41, null), { code: "PROTOCOL" });
  for (const code of [0, 36]) checkCreated("jobs", code, null);
});
