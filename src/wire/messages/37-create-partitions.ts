import { array, boolean, int16, int32, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const createPartitions = message({
  key: 37,
  name: "CreatePartitions",
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string(),
      count: int32(),
      assignments: array({
        brokerIds: list(int32()),
      }, { nullable: "0+" }),
    }),
    timeoutMs: int32(),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    results: array({
      name: string(),
      errorCode: int16({ or: 0 }),
      errorMessage: string({ nullable: "0+", or: null }),
    }),
  },
});
