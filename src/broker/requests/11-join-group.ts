import type { JoinAnswer } from "../groups/types.ts";
import { array, boolean, bytes, int16, int32, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const joinGroup = api({
  key: 11,
  name: "JoinGroup",
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ v: "1+", or: -1 }),
    memberId: string(),
    groupInstanceId: string({ v: "5+", nullable: "5+", or: null }),
    protocolType: string(),
    protocols: array({ name: string(), metadata: bytes() }),
    reason: string({ v: "8+", nullable: "8+", or: null }),
  },
  response: {
    throttleTimeMs: int32({ v: "2+", or: 0 }),
    errorCode: int16(),
    generationId: int32(),
    protocolType: string({ v: "7+", nullable: "7+", or: null }),
    protocolName: string({ nullable: "7+" }),
    leader: string(),
    skipAssignment: boolean({ v: "9+", or: false }),
    memberId: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string({ v: "5+", nullable: "5+", or: null }),
      metadata: bytes(),
    }),
  },
  async handle(broker, request, { version, clientId, clientHost }) {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = request;
    // What a member says of itself is kept, and a request's bytes are only lent.
    const protocols = request.protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() }));
    const answer = await new Promise<JoinAnswer>((resolve) =>
      broker.groups.join({
        ...request,
        protocols,
        rebalanceTimeoutMs: version === 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
        requiresKnownMemberId: version >= 4,
        canSkipAssignment: version >= 9,
        clientId: clientId ?? "",
        clientHost: `/${clientHost.replace("::ffff:", "")}`,
      }, resolve)
    );
    await broker.groups.flushed();
    return version >= 7 ? answer : { ...answer, protocolName: answer.protocolName ?? "" };
  },
});
