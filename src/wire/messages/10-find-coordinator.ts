import { array, int16, int32, int8, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const GROUP = 0;

export const findCoordinator = message({
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
});
