import { array, boolean, int16, int32, int64, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

/** There are no quotas. */
export const describeClientQuotas = message({
  key: 48,
  name: "DescribeClientQuotas",
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    components: array({ entityType: string(), matchType: int8(), match: string({ nullable: "0+" }) }),
    strict: boolean(),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ or: 0 }),
    errorMessage: string({ nullable: "0+", or: null }),
    entries: array({
      entity: array({ entityType: string(), entityName: string({ nullable: "0+" }) }),
      // A float64 in Kafka, of as many bytes; there is never one.
      values: array({ key: string(), value: int64() }),
    }, { nullable: "0+" }),
  },
});
