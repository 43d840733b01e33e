/** What a person can do whose client asks for what is not there. */
const NO_USERS = "this broker has no users: leave out the client's SASL settings";
const ONE_BROKER = "there is one broker, and nothing to move or to ask of another";
const CLASSIC = "groups are of the classic protocol here: set group.protocol=classic";
const NO_SHARES = "there are no share groups here: use a consumer group with group.protocol=classic";
const NO_QUOTAS = "there are no quotas and no users here";

/** What Kafka 4.1 serves and this broker does not, by key. */
export const notServed: ReadonlyMap<number, { readonly name: string; readonly advice: string }> = new Map([
  [17, "SaslHandshake", NO_USERS] as const,
  [27, "WriteTxnMarkers", ONE_BROKER] as const,
  [34, "AlterReplicaLogDirs", ONE_BROKER] as const,
  [36, "SaslAuthenticate", NO_USERS] as const,
  [38, "CreateDelegationToken", NO_USERS] as const,
  [39, "RenewDelegationToken", NO_USERS] as const,
  [40, "ExpireDelegationToken", NO_USERS] as const,
  [41, "DescribeDelegationToken", NO_USERS] as const,
  [45, "AlterPartitionReassignments", ONE_BROKER] as const,
  [49, "AlterClientQuotas", NO_QUOTAS] as const,
  [51, "AlterUserScramCredentials", NO_QUOTAS] as const,
  [64, "UnregisterBroker", ONE_BROKER] as const,
  [69, "ConsumerGroupDescribe", CLASSIC] as const,
  [77, "ShareGroupDescribe", NO_SHARES] as const,
  [78, "ShareFetch", NO_SHARES] as const,
  [79, "ShareAcknowledge", NO_SHARES] as const,
  [88, "StreamsGroupHeartbeat", CLASSIC] as const,
  [89, "StreamsGroupDescribe", CLASSIC] as const,
  [90, "DescribeShareGroupOffsets", NO_SHARES] as const,
  [91, "AlterShareGroupOffsets", NO_SHARES] as const,
  [92, "DeleteShareGroupOffsets", NO_SHARES] as const,
].map(([key, name, advice]) => [key, { name, advice }]));
