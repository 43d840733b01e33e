import { listOffsets as message } from "../../wire/messages/02-list-offsets.ts";
import { Code } from "../../wire/error-codes.ts";
import { EARLIEST_LOCAL, LATEST_TIERED, MAX_TIMESTAMP, offsetAt } from "../log/offset-at.ts";
import { checkLeaderEpoch, LEADER_EPOCH } from "../node.ts";
import { api } from "./api.ts";

const READ_COMMITTED = 1;
/** Since which version of the request a special time can be asked for. */
const FIRST_VERSIONS = new Map([[MAX_TIMESTAMP, 7], [EARLIEST_LOCAL, 8], [LATEST_TIERED, 9]]);

export const listOffsets = api(message, (broker, { topics, isolationLevel }, { version }) => {
  return {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
        const log = broker.topics.partition(name, partitionIndex)?.log;
        if (log === undefined && partitionIndex < (broker.internalTopics.get(name)?.partitions ?? 0)) {
          return { partitionIndex, ...(timestamp < 0 && { offset: 0, leaderEpoch: LEADER_EPOCH }) }; // nothing is there
        }
        if (log === undefined) return { partitionIndex, errorCode: Code.UNKNOWN_TOPIC_OR_PARTITION };
        if (version < (FIRST_VERSIONS.get(timestamp) ?? 0)) {
          return { partitionIndex, errorCode: Code.UNSUPPORTED_VERSION };
        }
        const errorCode = checkLeaderEpoch(currentLeaderEpoch);
        if (errorCode !== 0) return { partitionIndex, errorCode };
        const found = offsetAt(log, timestamp, isolationLevel === READ_COMMITTED, broker.codecs);
        return { partitionIndex, ...found, leaderEpoch: found.offset < 0 ? -1 : LEADER_EPOCH };
      }),
    })),
  };
});
