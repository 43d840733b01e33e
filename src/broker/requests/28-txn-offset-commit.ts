import { txnOffsetCommit as message } from "../../wire/messages/28-txn-offset-commit.ts";
import { Code } from "../../wire/error-codes.ts";
import { answerExisting } from "../groups/existing-partitions.ts";
import { OFFSETS_TOPIC, offsetsPartition } from "../topics/offsets-topic.ts";
import { api } from "./api.ts";

export const txnOffsetCommit = api(message, async (broker, request, { version }) => {
  const { transactionalId, groupId, producerId } = request;
  const partitions = [{ topic: OFFSETS_TOPIC, partition: offsetsPartition(groupId) }];
  const isAsked = request.topics.some(({ name, partitions }) =>
    partitions.some(({ partitionIndex }) => broker.topics.partition(name, partitionIndex) !== undefined)
  );
  // Version 5 takes the offsets into the transaction; before it AddOffsetsToTxn has to have been there (KIP-890).
  const adds = version >= 5;
  let error: Code = Code.NONE;
  if (groupId === "") error = Code.INVALID_GROUP_ID;
  else if (isAsked) {
    error = await broker.transactions.admit(transactionalId, request, partitions, adds);
    // If the transaction has ended meanwhile, nothing would ever end these offsets.
    if (error === Code.NONE) error = broker.transactions.admitted(transactionalId, request, partitions, adds);
    error = inVersion(error, version);
  }
  const topics = answerExisting(broker.topics, request.topics, (known) => {
    if (error !== Code.NONE) return known.map(() => error);
    const offsets = known.map(({ topic, asked }) => ({
      topic,
      partition: asked.partitionIndex,
      offset: asked.committedOffset,
      leaderEpoch: asked.committedLeaderEpoch,
      metadata: asked.committedMetadata,
    }));
    return broker.groups.commitLater(producerId, request, offsets);
  });
  await broker.groups.flushed();
  return { topics };
});

function inVersion(error: Code, version: number): Code {
  if (error === Code.TRANSACTION_ABORTABLE && version < 4) return Code.INVALID_TXN_STATE;
  // What Kafka makes of it on its way through the group coordinator: try again.
  return error === Code.NOT_ENOUGH_REPLICAS ? Code.COORDINATOR_NOT_AVAILABLE : error;
}
