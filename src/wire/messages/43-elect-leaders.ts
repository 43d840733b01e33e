import { array, int16, int32, int8, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { Code } from "../error-codes.ts";

/** The one broker leads everything that there is, so no election is ever needed. */
export const electLeaders = message({
  key: 43,
  name: "ElectLeaders",
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    electionType: int8({ v: "1+", or: 0 }),
    topicPartitions: array({ topic: string(), partitions: list(int32()) }, { nullable: "0+" }),
    timeoutMs: int32({ or: 60_000 }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ v: "1+", or: Code.NONE }),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+" }),
      }),
    }),
  },
});
