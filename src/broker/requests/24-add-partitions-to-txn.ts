import { addPartitionsToTxn as message } from "../../wire/messages/24-add-partitions-to-txn.ts";
import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import { forVersion } from "../transactions/codes.ts";
import { api } from "./api.ts";

interface Asked {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Nothing is added: the sender, a broker on Kafka, only wants to know. */
  readonly verifyOnly: boolean;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[];
}

/** Clients send versions up to 3; from 4 on it is what brokers ask each other, for many transactions at once. */
export const addPartitionsToTxn = api(message, async (broker, request, { version }) => {
  if (version < 4) return { resultsByTopic: await add(broker, { ...request, verifyOnly: false }, version) };
  const resultsByTransaction = [];
  for (const asked of request.transactions) {
    const { transactionalId } = asked;
    resultsByTransaction.push({ transactionalId, topicResults: await add(broker, asked, version) });
  }
  return { resultsByTransaction };
});

async function add(broker: BrokerServices, asked: Asked, version: number) {
  const { transactionalId, verifyOnly, topics } = asked;
  const partitions = topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({ topic: name, partition }))
  );
  const unknown = partitions.map(({ topic, partition }) => broker.topics.partition(topic, partition) === undefined);
  let codes: readonly Code[];
  if (unknown.includes(true)) {
    // All or nothing.
    codes = unknown.map((one) => one ? Code.UNKNOWN_TOPIC_OR_PARTITION : Code.OPERATION_NOT_ATTEMPTED);
  } else if (verifyOnly) codes = broker.transactions.check(transactionalId, asked, partitions);
  else {
    const code = forVersion(await broker.transactions.add(transactionalId, asked, partitions), version >= 2);
    codes = partitions.map(() => code);
  }
  let next = 0;
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codes[next++] ?? Code.NONE,
    })),
  }));
}
