import { joinGroup as message } from "../../wire/messages/11-join-group.ts";
import type { JoinAnswer } from "../groups/types.ts";
import { api } from "./api.ts";

export const joinGroup = api(message, async (broker, request, { version, clientId, clientHost }) => {
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
});
