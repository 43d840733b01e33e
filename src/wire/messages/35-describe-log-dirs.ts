import { array, boolean, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

/** What `kafka-log-dirs` asks: how large each log is. All of them are in one place. */
export const describeLogDirs = message({
  key: 35,
  name: "DescribeLogDirs",
  versions: [1, 4],
  flexibleFrom: 2,
  request: {
    topics: array({
      topic: string(),
      partitions: list(int32()),
    }, { nullable: "0+" }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ v: "3+", or: 0 }),
    results: array({
      errorCode: int16({ or: 0 }),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64({ or: 0 }),
          isFutureKey: boolean({ or: false }),
        }),
      }),
      totalBytes: int64({ v: "4+", or: -1 }),
      usableBytes: int64({ v: "4+", or: -1 }),
    }),
  },
});
