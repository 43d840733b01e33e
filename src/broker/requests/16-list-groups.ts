import { array, int16, int32, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

/** The only type of groups there is here. */
const TYPE = "classic";

export const listGroups = api({
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
  handle(broker, { statesFilter, typesFilter }) {
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
  },
});
