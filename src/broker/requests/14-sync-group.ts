import { Code } from "../../wire/error-codes.ts";
import { refusedSync, type SyncAnswer } from "../groups/types.ts";
import { array, bytes, int16, int32, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const syncGroup = api({
  key: 14,
  name: "SyncGroup",
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ v: "3+", nullable: "3+", or: null }),
    protocolType: string({ v: "5+", nullable: "5+", or: null }),
    protocolName: string({ v: "5+", nullable: "5+", or: null }),
    assignments: array({ memberId: string(), assignment: bytes() }),
  },
  response: {
    throttleTimeMs: int32({ v: "1+", or: 0 }),
    errorCode: int16(),
    protocolType: string({ v: "5+", nullable: "5+", or: null }),
    protocolName: string({ v: "5+", nullable: "5+", or: null }),
    assignment: bytes(),
  },
  async handle(broker, request, { version }) {
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
  },
});
