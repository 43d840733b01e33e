import { Code } from "../../wire/error-codes.ts";
import { array, int16, int32, int8, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

/** There are no users. */
export const describeUserScramCredentials = api({
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
  handle(_broker, { users }) {
    const names = (users ?? []).map(({ name }) => name);
    return {
      errorMessage: "",
      results: [...new Set(names)].map((user) => {
        const isTwice = names.indexOf(user) !== names.lastIndexOf(user);
        return {
          user,
          errorCode: isTwice ? Code.DUPLICATE_RESOURCE : Code.RESOURCE_NOT_FOUND,
          errorMessage: isTwice
            ? `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
            : `Attempt to describe a user credential that does not exist: ${user}`,
          credentialInfos: [],
        };
      }),
    };
  },
});
