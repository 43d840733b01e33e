import { Code } from "../../wire/error-codes.ts";
import { array, int16, int32, string } from "../protocol/fields.ts";
import { answerExisting } from "../groups/existing-partitions.ts";
import { api } from "./api.ts";

export const offsetDelete = api({
  key: 47,
  name: "OffsetDelete",
  versions: [0, 0],
  flexibleFrom: 1,
  request: {
    groupId: string(),
    topics: array({ name: string(), partitions: array({ partitionIndex: int32() }) }),
  },
  response: {
    errorCode: int16({ or: 0 }),
    throttleTimeMs: int32({ or: 0 }),
    topics: array({ name: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }, { or: [] }),
  },
  async handle(broker, { groupId, topics: asked }) {
    const errorCode = broker.groups.offsetDeletionError(groupId);
    if (errorCode !== Code.NONE) return { errorCode };
    const topics = answerExisting(
      broker.topics,
      asked,
      (known) => known.map(({ topic, asked }) => broker.groups.deleteOffset(groupId, topic, asked.partitionIndex)),
    );
    await broker.groups.flushed();
    return { topics };
  },
});
