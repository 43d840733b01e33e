import { type Code, INVALID_PRODUCER_EPOCH, PRODUCER_FENCED } from "../codes.ts";

/** Clients from before PRODUCER_FENCED are told the code that they know, and do the same about it. */
export function forVersion(code: Code, knowsFenced: boolean): Code {
  return code === PRODUCER_FENCED && !knowsFenced ? INVALID_PRODUCER_EPOCH : code;
}
