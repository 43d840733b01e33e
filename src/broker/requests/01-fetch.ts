import { fetch as message } from "../../wire/messages/01-fetch.ts";
import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import { byTopic, enough, read, type Wish } from "../fetch.ts";
import { api } from "./api.ts";

const READ_COMMITTED = 1;
/** The most bytes of one answer, as Kafka's fetch.max.bytes for brokers. */
const MAX_BYTES = 55 * 1024 * 1024;

export const fetch = api(message, async (broker, request, { version, signal }) => {
  const { maxWaitMs, minBytes, sessionEpoch, maxBytes } = request;
  // No sessions are kept: a client that asks for one gets the id 0, which means none (KIP-227). The epochs 0 and -1
  // begin one and end one: both fetch in full, whatever the id is.
  if (sessionEpoch !== 0 && sessionEpoch !== -1) return { errorCode: Code.FETCH_SESSION_ID_NOT_FOUND, responses: [] };
  const committed = request.isolationLevel === READ_COMMITTED;
  const wishes: Wish[] = request.topics.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((wish) => {
      const found = version >= 13 ? broker.topics.byId(topicId) : broker.topics.get(topic);
      const log = found?.partitions[wish.partition]?.log;
      const missing = found === undefined
        ? missingOf(broker, version, topic, topicId)
        : Code.UNKNOWN_TOPIC_OR_PARTITION;
      return { topic, topicId, ...wish, log, missing };
    })
  );
  await enough({ wishes, minBytes: Math.min(minBytes, maxBytes), maxWaitMs, committed, signal });
  let left = Math.min(maxBytes, MAX_BYTES);
  let atLeastOne = true;
  const answers = wishes.map((wish) => {
    const answer = read(wish, Math.max(left, 0), committed, atLeastOne);
    if (answer.size > 0) atLeastOne = false;
    left -= answer.size;
    return answer;
  });
  return { responses: byTopic(wishes, answers) };
});

function missingOf(broker: BrokerServices, version: number, topic: string, topicId: string): number {
  const byId = version >= 13;
  const own = byId ? broker.internalTopics.byId(topicId) : broker.internalTopics.get(topic);
  if (own !== undefined) return Code.TOPIC_AUTHORIZATION_FAILED;
  return byId ? Code.UNKNOWN_TOPIC_ID : Code.UNKNOWN_TOPIC_OR_PARTITION;
}
