import type { Logger } from "../../core/logger.ts";
import type { Context } from "./api.ts";

/** The connections that have been told of: a client goes on asking. */
const told = new WeakSet<AbortSignal>();

/** Says, once a connection, which client asks for a protocol of groups that is not there; gives the client's sentence. */
export function refuseProtocol(
  logger: Logger,
  { groupId, memberEpoch }: { groupId: string; memberEpoch: number },
  { clientId, clientHost, signal }: Context,
  { asked, advice }: { asked: string; advice: string },
): string {
  // A negative epoch: it leaves.
  if (memberEpoch >= 0 && !told.has(signal)) {
    told.add(signal);
    logger.warn(
      `The client ${JSON.stringify(clientId)} at ${clientHost} asks for ${asked} (group ${JSON.stringify(groupId)}), ` +
        `which this broker does not have: ${advice}.`,
    );
  }
  return `This broker, which is for development, does not have ${asked}: ${advice}.`;
}
