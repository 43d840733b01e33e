import { describeAcls as message } from "../../wire/messages/29-describe-acls.ts";
import { Code } from "../../wire/error-codes.ts";
import { NO_AUTHORIZER } from "../authorized.ts";
import { api } from "./api.ts";

export const describeAcls = api(
  message,
  () => ({ errorCode: Code.SECURITY_DISABLED, errorMessage: NO_AUTHORIZER, resources: [] }),
);
