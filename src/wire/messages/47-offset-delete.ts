import { array, int16, int32, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const offsetDelete = message({
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
});
