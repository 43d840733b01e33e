import { array, int16, int32, list, string, struct, uuid } from "../protocol/fields.ts";

/** What is answered to a heartbeat of a group by a newer protocol. */
export const groupHeartbeatResponse = {
  throttleTimeMs: int32({ or: 0 }),
  errorCode: int16({ or: 0 }),
  errorMessage: string({ nullable: "0+", or: null }),
  memberId: string({ nullable: "0+", or: null }),
  memberEpoch: int32({ or: 0 }),
  heartbeatIntervalMs: int32({ or: 0 }),
  assignment: struct({ topicPartitions: array({ topicId: uuid(), partitions: list(int32()) }) }, {
    nullable: "0+",
    or: null,
  }),
};
