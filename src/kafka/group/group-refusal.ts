import { MephistoError } from "../../core/errors.ts";
import { Code, errorName } from "../../wire/error-codes.ts";
import type { JoinGroupResponse } from "../../wire/requests/11-join-group.ts";
import { ProtocolError } from "../connection/errors.ts";
import type { MemberAssignment } from "./subscription.ts";

/** How large a record of `__consumer_offsets` may be, unless somebody has changed it. */
const USUAL_LIMIT_BYTES = 1_048_588;
/** What Kafka keeps of a member beside its id and what it says and is told: the client's id and address, times, lengths. */
const OF_MEMBER_BYTES = 64;

/** A group as large as Kafka keeps it in one record. */
export interface GroupSize {
  readonly members: number;
  /** About. */
  readonly bytes: number;
}

/** How large a group is by what its members have said, and becomes by what they are told. */
export function sizeOf(
  members: JoinGroupResponse["members"],
  assignments: readonly MemberAssignment[] = [],
): GroupSize {
  const said = members.reduce(
    (sum, { memberId, metadata }) => sum + 2 * memberId.length + metadata.length + OF_MEMBER_BYTES,
    0,
  );
  const bytes = assignments.reduce((sum, { assignment }) => sum + assignment.length, said);
  return { members: members.length, bytes };
}

/** The codes by which Kafka says that it could not keep the group, for whatever reason. */
const NOT_KEPT: ReadonlySet<number> = new Set([
  Code.UNKNOWN_SERVER_ERROR,
  Code.MESSAGE_TOO_LARGE,
  Code.RECORD_LIST_TOO_LARGE,
]);

/**
 * Of a JoinGroup, a SyncGroup or a heartbeat that is refused, as long as it is: what is wrong and what to do. `size`: if this
 * member leads, and has worked out what the group becomes.
 */
export function refusalOf(code: number, what: string, group: string, size: GroupSize | undefined): MephistoError {
  const error = new ProtocolError(code, `${what} of group ${group}`);
  if (!NOT_KEPT.has(code)) return error;
  const whole =
    `Kafka keeps a whole group in one record, by default of ${USUAL_LIMIT_BYTES.toLocaleString("en")} bytes ` +
    "at most";
  const todo = "Run fewer workers, give each fewer actors or shorter topics' names, or raise max.message.bytes of " +
    "__consumer_offsets.";
  const why = size === undefined
    ? `Most often the group is too large: ${whole}. ${todo}`
    : size.bytes < USUAL_LIMIT_BYTES / 2
    ? "The broker's log says why."
    : `${whole}, and this one has about ${size.bytes.toLocaleString("en")}, of ${size.members} workers. ${todo}`;
  return new MephistoError(
    "PROTOCOL",
    `Group ${group} cannot form: ${what} is answered ${errorName(code)} (${code}). ${why}`,
    { cause: error },
  );
}
