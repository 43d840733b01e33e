import { createAcls as message } from "../../wire/messages/30-create-acls.ts";
import { Code } from "../../wire/error-codes.ts";
import { NO_AUTHORIZER } from "../authorized.ts";
import { api } from "./api.ts";

export const createAcls = api(message, (_broker, { creations }) => ({
  results: creations.map(() => ({ errorCode: Code.SECURITY_DISABLED, errorMessage: NO_AUTHORIZER })),
}));
