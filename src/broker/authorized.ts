/** Why nothing can be said of who may do what. */
export const NO_AUTHORIZER = "No Authorizer is configured on the broker";

/** What may be done, one bit each, by Kafka's numbers of operations: everybody may do everything. */
export const GROUP_OPERATIONS = 3400;
export const TOPIC_OPERATIONS = 3576;
export const CLUSTER_OPERATIONS = 8096;
