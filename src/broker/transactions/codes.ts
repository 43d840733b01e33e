import { Code } from "../../wire/error-codes.ts";

/** Clients from before PRODUCER_FENCED are told the code that they know, and do the same about it. */
export function forVersion(code: Code, knowsFenced: boolean): Code {
  return code === Code.PRODUCER_FENCED && !knowsFenced ? Code.INVALID_PRODUCER_EPOCH : code;
}
