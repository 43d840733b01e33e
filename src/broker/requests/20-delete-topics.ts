import { deleteTopics as message } from "../../wire/messages/20-delete-topics.ts";
import { Code } from "../../wire/error-codes.ts";
import { NO_UUID } from "../../wire/protocol/fields.ts";
import { api } from "./api.ts";

export const deleteTopics = api(message, async (broker, { topics, topicNames }, { version }) => {
  const asked = version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: NO_UUID }));
  const answer = {
    responses: asked.map(({ name, topicId }) => {
      if (name !== null && topicId !== NO_UUID) {
        return { name, topicId, errorCode: Code.INVALID_REQUEST, errorMessage: "A name and an id were given." };
      }
      const topic = name === null ? broker.topics.byId(topicId) : broker.topics.get(name);
      const own = name === null ? broker.internalTopics.byId(topicId) : broker.internalTopics.get(name);
      if (own !== undefined) {
        const errorMessage = `The topic ${own.name} is the broker's own.`;
        return { name: own.name, topicId: own.id, errorCode: Code.TOPIC_AUTHORIZATION_FAILED, errorMessage };
      }
      if (topic === undefined) {
        const errorCode = name === null ? Code.UNKNOWN_TOPIC_ID : Code.UNKNOWN_TOPIC_OR_PARTITION;
        return { name, topicId, errorCode, errorMessage: "This server does not host this topic-partition." };
      }
      broker.topics.delete(topic);
      return { name: topic.name, topicId: topic.id };
    }),
  };
  await broker.flushed();
  return answer;
});
