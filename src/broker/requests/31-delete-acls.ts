import { deleteAcls as message } from "../../wire/messages/31-delete-acls.ts";
import { Code } from "../../wire/error-codes.ts";
import { NO_AUTHORIZER } from "../authorized.ts";
import { api } from "./api.ts";

export const deleteAcls = api(message, (_broker, { filters }) => ({
  filterResults: filters.map(() => ({
    errorCode: Code.SECURITY_DISABLED,
    errorMessage: NO_AUTHORIZER,
    matchingAcls: [],
  })),
}));
