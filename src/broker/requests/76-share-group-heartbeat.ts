import { shareGroupHeartbeat as message } from "../../wire/messages/76-share-group-heartbeat.ts";
import { api } from "./api.ts";
import { refusesProtocol } from "./refuse-protocol.ts";

/** Share groups (KIP-932), which are not there: refused as Kafka refuses them where `share.version` is 0. */
export const shareGroupHeartbeat = api(
  message,
  refusesProtocol({
    asked: "a share group",
    advice: "use a consumer group, with group.protocol=classic",
  }),
);
