import { findCoordinator as message, GROUP } from "../../wire/messages/10-find-coordinator.ts";
import { Code } from "../../wire/error-codes.ts";
import { OFFSETS_TOPIC } from "../topics/offsets-topic.ts";
import { TRANSACTIONS_TOPIC } from "../topics/internal-topics.ts";
import { api } from "./api.ts";
const TRANSACTION = 1;

export const findCoordinator = api(message, (broker, { keyType, coordinatorKeys }, { version }) => {
  const { nodeId, host, port } = broker;
  // Coordinators of share groups there are none.
  const isServed = keyType === GROUP || keyType === TRANSACTION;
  if (isServed) broker.internalTopics.use(keyType === GROUP ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC);
  const errorCode = isServed ? Code.NONE : Code.INVALID_REQUEST;
  const found = isServed ? { nodeId, host, port } : { nodeId: -1, host: "", port: -1 };
  if (version >= 4) return { coordinators: coordinatorKeys.map((key) => ({ key, ...found, errorCode })) };
  return isServed ? found : { ...found, errorCode, errorMessage: "There is no such kind of coordinator." };
});
