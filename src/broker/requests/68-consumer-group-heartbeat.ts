import { consumerGroupHeartbeat as message } from "../../wire/messages/68-consumer-group-heartbeat.ts";
import { api } from "./api.ts";
import { refusesProtocol } from "./refuse-protocol.ts";

/**
 * The consumer protocol of KIP-848, which is not there. It is listed all the same, and refused as Kafka refuses it where
 * `group.version` is 0: so that clients say what to set, and the broker can say which of them asked.
 */
export const consumerGroupHeartbeat = api(
  message,
  refusesProtocol({
    asked: "the consumer protocol of KIP-848",
    advice: "set group.protocol=classic",
  }),
);
