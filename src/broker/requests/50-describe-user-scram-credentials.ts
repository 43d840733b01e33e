import { describeUserScramCredentials as message } from "../../wire/messages/50-describe-user-scram-credentials.ts";
import { Code } from "../../wire/error-codes.ts";
import { api } from "./api.ts";

/** There are no users. */
export const describeUserScramCredentials = api(message, (_broker, { users }) => {
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
});
