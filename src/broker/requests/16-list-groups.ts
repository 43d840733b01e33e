import { listGroups as message } from "../../wire/messages/16-list-groups.ts";
import { api } from "./api.ts";

/** The only type of groups there is here. */
const TYPE = "classic";

export const listGroups = api(message, (broker, { statesFilter, typesFilter }) => {
  const states = new Set(statesFilter.map((state) => state.toLowerCase().trim()));
  const types = new Set(typesFilter.map((type) => type.toLowerCase()));
  const groups = [...broker.groups.groups()].filter(({ state }) =>
    (states.size === 0 || states.has(state.toLowerCase())) && (types.size === 0 || types.has(TYPE))
  );
  return {
    groups: groups.map(({ id, protocolType, state }) => ({
      groupId: id,
      protocolType: protocolType ?? "",
      groupState: state,
      groupType: TYPE,
    })),
  };
});
