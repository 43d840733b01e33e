import { array, int16, int32, list, NO_UUID, string, uuid } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const deleteTopics = message({
  key: 20,
  name: "DeleteTopics",
  versions: [1, 6],
  flexibleFrom: 4,
  request: {
    topics: array({
      name: string({ nullable: "6+", or: null }),
      topicId: uuid(),
    }, { v: "6+" }),
    topicNames: list(string(), { v: "0-5" }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    responses: array({
      name: string({ nullable: "6+" }),
      topicId: uuid({ v: "6+", or: NO_UUID }),
      errorCode: int16({ or: 0 }),
      errorMessage: string({ v: "5+", nullable: "5+", or: null }),
    }),
  },
});
