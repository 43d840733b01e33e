import type { MemberListener } from "./driver.ts";

/** A listener of a membership that wants to know nothing; of one that is to hear something, what it hears is put over it. */
export const ignoring: MemberListener = {
  claim: () => 0,
  generation: () => {},
  assigned: () => {},
  revoked: () => Promise.resolve(),
  handedOver: () => {},
  lost: () => {},
  deliver: (delivery) => delivery.close(),
  removed: () => {},
  failed: () => {},
};
