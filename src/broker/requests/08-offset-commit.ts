import { offsetCommit as message } from "../../wire/messages/08-offset-commit.ts";
import { Code } from "../../wire/error-codes.ts";
import { answerExisting } from "../groups/existing-partitions.ts";
import { api } from "./api.ts";

export const offsetCommit = api(message, async (broker, request, { version }) => {
  const { groupId, memberId, groupInstanceId, retentionTimeMs } = request;
  const commit = {
    groupId,
    generationId: request.generationIdOrMemberEpoch,
    memberId,
    groupInstanceId,
    retentionMs: retentionTimeMs < 0 ? null : retentionTimeMs,
  };
  // The newer code came with the newer group protocol, whose clients know it.
  const unknownGroup = version >= 9 ? Code.GROUP_ID_NOT_FOUND : Code.ILLEGAL_GENERATION;
  const topics = answerExisting(broker.topics, request.topics, (known) =>
    broker.groups.commit(
      commit,
      known.map(({ topic, asked }) => ({
        topic,
        partition: asked.partitionIndex,
        offset: asked.committedOffset,
        leaderEpoch: asked.committedLeaderEpoch,
        metadata: asked.committedMetadata,
      })),
      unknownGroup,
    ));
  await broker.groups.flushed();
  return { topics };
});
