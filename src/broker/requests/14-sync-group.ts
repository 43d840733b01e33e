import { syncGroup as message } from "../../wire/messages/14-sync-group.ts";
import { Code } from "../../wire/error-codes.ts";
import { refusedSync, type SyncAnswer } from "../groups/types.ts";
import { api } from "./api.ts";

export const syncGroup = api(message, async (broker, request, { version }) => {
  // From version 5 on a member has to say which protocol it believes in (KIP-559).
  const isVague = version >= 5 && (request.protocolType === null || request.protocolName === null);
  if (isVague) return refusedSync(Code.INCONSISTENT_GROUP_PROTOCOL);
  // Assignments are kept, and a request's bytes are only lent.
  const assignments = request.assignments.map(({ memberId, assignment }) => ({
    memberId,
    assignment: assignment.slice(),
  }));
  const answer = await new Promise<SyncAnswer>((resolve) => broker.groups.sync({ ...request, assignments }, resolve));
  await broker.groups.flushed();
  return answer;
});
