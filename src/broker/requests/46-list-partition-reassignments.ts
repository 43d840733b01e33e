import { listPartitionReassignments as message } from "../../wire/messages/46-list-partition-reassignments.ts";
import { api } from "./api.ts";

/** With one broker nothing is ever moved. */
export const listPartitionReassignments = api(message, () => ({ topics: [] }));
