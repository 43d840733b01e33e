import { heartbeat as message } from "../../wire/messages/12-heartbeat.ts";
import { api } from "./api.ts";

export const heartbeat = api(message, (broker, request) => ({ errorCode: broker.groups.heartbeat(request) }));
