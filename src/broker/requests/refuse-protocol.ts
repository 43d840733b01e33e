import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import type { Context } from "./api.ts";

/** The connections that have been told of: a client goes on asking. */
const told = new WeakSet<AbortSignal>();

/** Refuses a protocol of groups that is not there, with a sentence for the client; says once a connection which one asks. */
export function refusesProtocol({ asked, advice }: { asked: string; advice: string }) {
  const errorMessage = `This broker, which is for development, does not have ${asked}: ${advice}.`;
  return (
    { logger }: Pick<BrokerServices, "logger">,
    { groupId, memberEpoch }: { groupId: string; memberEpoch: number },
    { clientId, clientHost, signal }: Context,
  ) => {
    // A negative epoch: it leaves.
    if (memberEpoch >= 0 && !told.has(signal)) {
      told.add(signal);
      logger.warn(
        `The client ${JSON.stringify(clientId)} at ${clientHost} asks for ${asked} (group ${
          JSON.stringify(groupId)
        }), ` +
          `which this broker does not have: ${advice}.`,
      );
    }
    return { errorCode: Code.UNSUPPORTED_VERSION, errorMessage };
  };
}
