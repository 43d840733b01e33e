import { array, int16, int32, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const deleteGroups = message({
  key: 42,
  name: "DeleteGroups",
  versions: [0, 2],
  flexibleFrom: 2,
  request: { groupsNames: list(string()) },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    results: array({ groupId: string(), errorCode: int16() }),
  },
});
