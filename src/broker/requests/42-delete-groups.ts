import { array, int16, int32, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const deleteGroups = api({
  key: 42,
  name: "DeleteGroups",
  versions: [0, 2],
  flexibleFrom: 2,
  request: { groupsNames: list(string()) },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    results: array({ groupId: string(), errorCode: int16() }),
  },
  async handle(broker, { groupsNames }) {
    const results = [...new Set(groupsNames)].map((groupId) => ({
      groupId,
      errorCode: broker.groups.delete(groupId),
    }));
    await broker.groups.flushed();
    return { results };
  },
});
