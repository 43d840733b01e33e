import { deleteGroups as message } from "../../wire/messages/42-delete-groups.ts";
import { api } from "./api.ts";

export const deleteGroups = api(message, async (broker, { groupsNames }) => {
  const results = [...new Set(groupsNames)].map((groupId) => ({
    groupId,
    errorCode: broker.groups.delete(groupId),
  }));
  await broker.groups.flushed();
  return { results };
});
