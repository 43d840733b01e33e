import { array, int16, int32, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

/** There are no users. */
export const describeUserScramCredentials = message({
  key: 50,
  name: "DescribeUserScramCredentials",
  versions: [0, 0],
  flexibleFrom: 0,
  request: { users: array({ name: string() }, { nullable: "0+" }) },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ or: 0 }),
    errorMessage: string({ nullable: "0+", or: null }),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      credentialInfos: array({ mechanism: int8(), iterations: int32() }),
    }),
  },
});
