import { Code } from "../../wire/error-codes.ts";
import { OFFSETS_TOPIC } from "../topics/offsets-topic.ts";
import { TRANSACTIONS_TOPIC } from "../topics/internal-topics.ts";
import { array, int16, int32, int8, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

const GROUP = 0;
const TRANSACTION = 1;

export const findCoordinator = api({
  key: 10,
  name: "FindCoordinator",
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string({ v: "0-3", or: "" }),
    keyType: int8({ v: "1+", or: GROUP }),
    coordinatorKeys: list(string(), { v: "4+", or: [] }),
  },
  response: {
    throttleTimeMs: int32({ v: "1+", or: 0 }),
    errorCode: int16({ v: "0-3", or: 0 }),
    errorMessage: string({ v: "1-3", nullable: "1-3", or: "NONE" }),
    nodeId: int32({ v: "0-3", or: -1 }),
    host: string({ v: "0-3", or: "" }),
    port: int32({ v: "0-3", or: -1 }),
    coordinators: array({
      key: string(),
      nodeId: int32(),
      host: string(),
      port: int32(),
      errorCode: int16({ or: 0 }),
      errorMessage: string({ nullable: "4+", or: "" }),
    }, { v: "4+", or: [] }),
  },
  handle(broker, { keyType, coordinatorKeys }, { version }) {
    const { nodeId, host, port } = broker;
    // Coordinators of share groups there are none.
    const isServed = keyType === GROUP || keyType === TRANSACTION;
    if (isServed) broker.internalTopics.use(keyType === GROUP ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC);
    const errorCode = isServed ? Code.NONE : Code.INVALID_REQUEST;
    const found = isServed ? { nodeId, host, port } : { nodeId: -1, host: "", port: -1 };
    if (version >= 4) return { coordinators: coordinatorKeys.map((key) => ({ key, ...found, errorCode })) };
    return isServed ? found : { ...found, errorCode, errorMessage: "There is no such kind of coordinator." };
  },
});
