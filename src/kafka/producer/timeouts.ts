/** How long the broker waits for its replicas; and we for it. */
export const REPLICAS_TIMEOUT_MS = 10_000;
export const ANSWER_TIMEOUT_MS = 15_000;
/** How often it is looked whether a topic has more partitions. */
export const TOPIC_CHECK_MS = 30_000;
