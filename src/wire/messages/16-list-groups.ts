import { array, int16, int32, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const listGroups = message({
  key: 16,
  name: "ListGroups",
  versions: [0, 5],
  flexibleFrom: 3,
  request: { statesFilter: list(string(), { v: "4+", or: [] }), typesFilter: list(string(), { v: "5+", or: [] }) },
  response: {
    throttleTimeMs: int32({ v: "1+", or: 0 }),
    errorCode: int16({ or: 0 }),
    groups: array({
      groupId: string(),
      protocolType: string(),
      groupState: string({ v: "4+", or: "" }),
      groupType: string({ v: "5+", or: "" }),
    }),
  },
});
