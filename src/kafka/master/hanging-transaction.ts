import { messageOf } from "../../core/errors.ts";
import { describeProducers } from "../../wire/requests/61-describe-producers.ts";
import { listTransactions } from "../../wire/requests/66-list-transactions.ts";
import type { Cluster } from "../connection/cluster.ts";
import { check } from "../connection/errors.ts";
import type { BrokerConnection } from "../connection/broker-connection.ts";

/** Who has a transaction open in a topic of one partition, for people: the half of a sentence. Never fails. */
export async function describeHangingTransaction(
  cluster: Cluster,
  leader: BrokerConnection,
  topic: string,
): Promise<string> {
  try {
    const answer = await leader.send(describeProducers({ topics: [{ topic, partitions: [0] }] }));
    const [partition] = answer.topics[0]?.partitions ?? [];
    check(partition?.errorCode ?? 0, "Asking for its producers");
    const open = (partition?.producers ?? []).filter(({ transactionStart }) => transactionStart >= 0);
    const [first] = open.toSorted((a, b) => a.transactionStart - b.transactionStart);
    if (first === undefined) return "its last transactions are still being ended";
    const { producerId, transactionStart } = first;
    const id = await transactionalIdOf(cluster, producerId);
    return `${id ?? `the producer ${producerId}`} has had a transaction open there since offset ${transactionStart}`;
  } catch (error) {
    return `a transaction is open there (whose, the broker does not say: ${messageOf(error).replace(/\.$/, "")})`;
  }
}

/** Each coordinator is asked, since only that of the id knows it. */
async function transactionalIdOf(cluster: Cluster, producerId: number): Promise<string | undefined> {
  const { brokers } = await cluster.refresh([]);
  const answers = await Promise.allSettled(
    brokers.map((broker) => cluster.sharedConnection(broker).send(listTransactions({ producerIds: [producerId] }))),
  );
  return answers.flatMap((answer) => answer.status === "fulfilled" ? answer.value.transactions : [])[0]
    ?.transactionalId;
}
