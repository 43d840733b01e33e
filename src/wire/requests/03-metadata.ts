import { type Call, makeCall } from "../call.ts";

export interface MetadataRequest {
  /** Names of topics, or null for all there are. None is ever created by asking. */
  readonly topics: readonly string[] | null;
  /** Whether to tell what this user may do with each. */
  readonly authorizedOperations?: boolean;
}

export interface MetadataResponse {
  readonly throttleTimeMs: number;
  readonly brokers: readonly {
    readonly nodeId: number;
    readonly host: string;
    readonly port: number;
    readonly rack: string | null;
  }[];
  readonly clusterId: string | null;
  /** -1: unknown. */
  readonly controllerId: number;
  readonly topics: readonly {
    readonly errorCode: number;
    readonly name: string | null;
    /** 32 hexadecimal digits; zeros for a topic that is not there. */
    readonly topicId: string;
    readonly isInternal: boolean;
    readonly partitions: readonly PartitionMetadata[];
    /** Each a bit, by the number of the operation; the lowest number of 32 bits where it was not asked for. */
    readonly authorizedOperations: number;
  }[];
}

export interface PartitionMetadata {
  readonly errorCode: number;
  readonly partition: number;
  /** -1: it has none at the moment. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
  readonly offlineReplicas: readonly number[];
}

const BY_NAME = "0".repeat(32);

/** Metadata, version 12. */
export function metadata({ topics, authorizedOperations = false }: MetadataRequest): Call<MetadataResponse> {
  return makeCall({
    apiKey: 3,
    apiName: "Metadata",
    apiVersion: 12,
    flexible: true,
    write: (w) =>
      w.compactNullableArray(topics, (name) => w.uuid(BY_NAME).compactString(name).noTaggedFields())
        .boolean(false) // allowAutoTopicCreation
        .boolean(authorizedOperations),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      brokers: r.compactArray(() => {
        const broker = {
          nodeId: r.int32(),
          host: r.compactString(),
          port: r.int32(),
          rack: r.compactNullableString(),
        };
        r.skipTaggedFields();
        return broker;
      }),
      clusterId: r.compactNullableString(),
      controllerId: r.int32(),
      topics: r.compactArray(() => {
        const topic = {
          errorCode: r.int16(),
          name: r.compactNullableString(),
          topicId: r.uuid(),
          isInternal: r.boolean(),
          partitions: r.compactArray(() => {
            const partition: PartitionMetadata = {
              errorCode: r.int16(),
              partition: r.int32(),
              leaderId: r.int32(),
              leaderEpoch: r.int32(),
              replicaNodes: r.compactArray(() => r.int32()),
              isrNodes: r.compactArray(() => r.int32()),
              offlineReplicas: r.compactArray(() => r.int32()),
            };
            r.skipTaggedFields();
            return partition;
          }),
          authorizedOperations: r.int32(),
        };
        r.skipTaggedFields();
        return topic;
      }),
    }),
  });
}
