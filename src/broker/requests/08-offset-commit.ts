import { Code } from "../../wire/error-codes.ts";
import { answerExisting } from "../groups/existing-partitions.ts";
import { array, int16, int32, int64, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const offsetCommit = api({
  key: 8,
  name: "OffsetCommit",
  versions: [2, 9],
  flexibleFrom: 8,
  request: {
    groupId: string(),
    generationIdOrMemberEpoch: int32(),
    memberId: string(),
    groupInstanceId: string({ v: "7+", nullable: "7+", or: null }),
    retentionTimeMs: int64({ v: "2-4", or: -1 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ v: "6+", or: -1 }),
        committedMetadata: string({ nullable: "0+" }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ v: "3+", or: 0 }),
    topics: array({ name: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
  },
  async handle(broker, request, { version }) {
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
  },
});
