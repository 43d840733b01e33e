import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_CODES, errorName } from "../../src/wire/error-codes.ts";

test("error codes: names, and whether to try again", () => {
  assert.equal(errorName(0), "NONE");
  assert.equal(errorName(27), "REBALANCE_IN_PROGRESS");
  assert.equal(errorName(90), "PRODUCER_FENCED");
  assert.equal(errorName(9999), "UNKNOWN_ERROR_CODE_9999");
  assert.equal(ERROR_CODES.get(14)?.retriable, true); // COORDINATOR_LOAD_IN_PROGRESS
  assert.equal(ERROR_CODES.get(25)?.retriable, false); // UNKNOWN_MEMBER_ID
  assert.equal(ERROR_CODES.size, 135); // -1 to 133, without gaps
});
