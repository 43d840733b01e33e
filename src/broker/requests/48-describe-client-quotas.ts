import { describeClientQuotas as message } from "../../wire/messages/48-describe-client-quotas.ts";
import { api } from "./api.ts";

/** There are no quotas. */
export const describeClientQuotas = api(message, () => ({ errorMessage: "", entries: [] }));
