import type { MemberError } from "../../core/membership/messages.ts";
import { MephistoError } from "../../core/errors.ts";
import type { JoinOptions } from "../../driver/driver.ts";
import { Code } from "../../wire/error-codes.ts";
import { ProtocolError } from "../connection/errors.ts";

/** Of an error code that trying again does not mend: what is wrong and what to do. Undefined for any other. */
export function fatalError(code: number, options: JoinOptions): MephistoError | undefined {
  const sentence = sentenceOf(code, options);
  if (sentence !== undefined) return new MephistoError("PROTOCOL", sentence);
  return HOPELESS.has(code) ? new ProtocolError(code, `Joining group ${options.group}`) : undefined;
}

const HOPELESS: ReadonlySet<number> = new Set([
  Code.GROUP_MAX_SIZE_REACHED,
  Code.INVALID_GROUP_ID,
]);

function sentenceOf(code: number, options: JoinOptions): string | undefined {
  const { group, instanceId, sessionTimeout } = options;
  switch (code) {
    case Code.FENCED_INSTANCE_ID:
      return `Another worker has joined group ${group} with the instance id ${instanceId}. Give each its own.`;
    case Code.INVALID_SESSION_TIMEOUT:
      return `The broker does not accept a session timeout of ${sessionTimeout} ms; by default it takes 6 s to 30 min ` +
        `(group.min.session.timeout.ms). Change --session-timeout.`;
    case Code.INCONSISTENT_GROUP_PROTOCOL:
      return `Group ${group} is used by a program of another kind. Give the app another id.`;
    default:
      return undefined;
  }
}

/** What an error code says of a member's place. */
export function memberError(code: number): MemberError {
  switch (code) {
    case Code.FENCED_INSTANCE_ID:
      return "FENCED";
    case Code.REBALANCE_IN_PROGRESS:
      return "REBALANCE_IN_PROGRESS";
    case Code.UNKNOWN_MEMBER_ID:
      return "UNKNOWN_MEMBER_ID";
    case Code.ILLEGAL_GENERATION:
      return "ILLEGAL_GENERATION";
    case Code.MEMBER_ID_REQUIRED:
      return "MEMBER_ID_REQUIRED";
    case Code.NOT_COORDINATOR:
    case Code.COORDINATOR_NOT_AVAILABLE:
      return "NOT_COORDINATOR";
    default:
      return "OTHER";
  }
}
