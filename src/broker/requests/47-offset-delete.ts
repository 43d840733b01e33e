import { offsetDelete as message } from "../../wire/messages/47-offset-delete.ts";
import { Code } from "../../wire/error-codes.ts";
import { answerExisting } from "../groups/existing-partitions.ts";
import { api } from "./api.ts";

export const offsetDelete = api(message, async (broker, { groupId, topics: asked }) => {
  const errorCode = broker.groups.offsetDeletionError(groupId);
  if (errorCode !== Code.NONE) return { errorCode };
  const topics = answerExisting(
    broker.topics,
    asked,
    (known) => known.map(({ topic, asked }) => broker.groups.deleteOffset(groupId, topic, asked.partitionIndex)),
  );
  await broker.groups.flushed();
  return { topics };
});
