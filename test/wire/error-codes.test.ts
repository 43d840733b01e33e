import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_CODES, errorName, isRetriableCode } from "../../src/wire/error-codes.ts";

test("error codes: names, and whether to try again", () => {
  assert.equal(errorName(0), "NONE");
  assert.equal(errorName(27), "REBALANCE_IN_PROGRESS");
  assert.equal(errorName(90), "PRODUCER_FENCED");
  assert.equal(errorName(9999), "UNKNOWN_ERROR_CODE_9999");
  assert.equal(ERROR_CODES.size, 135); // -1 to 133, without gaps
});

/** Those whose exception is a RetriableException in Kafka 4.1's own clients. */
const RETRIABLE = [
  ...[2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84, 88, 89],
  ...[100, 103, 106, 122, 123, 133],
];

test("error codes: waiting mends what it mends for Kafka's own clients", () => {
  const codes = [...ERROR_CODES.keys(), 9999];
  assert.deepEqual(codes.filter(isRetriableCode), RETRIABLE);
});
