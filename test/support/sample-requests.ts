import { includes, type Shape, type Struct } from "../../src/wire/protocol/fields.ts";
import { encodeSubscription } from "../../src/wire/consumer-protocol.ts";
import { BatchBuilder } from "../../src/wire/batch-builder.ts";

/** What there is at a broker for sample requests to be about. */
export interface Subject {
  readonly topic: string;
  readonly topicId: string;
  readonly groupId: string;
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A message whose fields may be changed at will, as the protocol's tables describe it. */
export type Message = Record<string, unknown>;

/** A batch of a few records, as it is written in a transaction. */
function sampleBatch({ producerId, producerEpoch }: Subject): Uint8Array {
  const builder = new BatchBuilder();
  const utf8 = new TextEncoder();
  for (const value of ["a", "b", "c"]) builder.append(utf8.encode("key"), utf8.encode(value), [], Date.now());
  return builder.build({ producerId, producerEpoch, baseSequence: 0, transactional: true });
}

/**
 * A request of a version as a client might send it: each field has a value that makes sense by the field's name alone, or
 * by its name and that of the field around it.
 */
export function sampleRequest(table: Struct, version: number, subject: Subject): Message {
  return sampleStruct(table, version, "", meaningful(subject));
}

function meaningful(subject: Subject): ReadonlyMap<string, unknown> {
  const { topic, topicId, groupId, transactionalId, producerId, producerEpoch } = subject;
  return new Map<string, unknown>(Object.entries({
    topic,
    topicId,
    groupId,
    transactionalId,
    producerId,
    producerEpoch,
    name: topic,
    topicNames: topic,
    resourceName: topic,
    key: groupId,
    coordinatorKeys: groupId,
    groups: groupId,
    groupsNames: groupId,
    transactionalIds: transactionalId,
    transactionalIdPattern: ".*",
    resourceType: 2,
    acks: -1,
    numPartitions: 1,
    replicationFactor: 1,
    count: 2,
    brokerIds: 1,
    replicaId: -1,
    generationId: -1,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    groupInstanceId: null,
    sessionTimeoutMs: 100,
    rebalanceTimeoutMs: 100,
    timeoutMs: 100,
    transactionTimeoutMs: 100,
    maxWaitMs: 1,
    maxBytes: 1e6,
    partitionMaxBytes: 1e6,
    responsePartitionLimit: 100,
    timestamp: -1,
    currentLeaderEpoch: -1,
    sessionEpoch: -1,
    protocolType: "consumer",
    protocolName: "range",
    clientSoftwareName: "sample",
    clientSoftwareVersion: "1",
    "protocols.name": "range",
    "protocols.metadata": encodeSubscription({ topics: [topic], userData: new Uint8Array(3) }),
    "configs.name": "retention.ms",
    "configs.value": "100000",
    statesFilter: "Stable",
    typesFilter: "classic",
    stateFilters: "Ongoing",
    configurationKeys: "retention.ms",
    topicName: topic,
    records: sampleBatch(subject),
  }));
}

function sampleStruct(table: Struct, version: number, around: string, values: ReadonlyMap<string, unknown>): Message {
  const message: Message = {};
  for (const [name, { shape, options }] of Object.entries(table)) {
    if (options.v !== undefined && !includes(options.v, version)) continue;
    if (options.tag === undefined) message[name] = sampleValue(shape, version, name, around, values);
  }
  return message;
}

function sampleValue(
  shape: Shape,
  version: number,
  name: string,
  around: string,
  values: ReadonlyMap<string, unknown>,
): unknown {
  const known = values.get(`${around}.${name}`) ?? values.get(name);
  switch (shape.is) {
    case "struct":
      return sampleStruct(shape.of, version, name, values);
    case "array":
      return [
        shape.of.is === "struct"
          ? sampleStruct(shape.of.of, version, name, values)
          : sampleValue(shape.of, version, name, around, values),
      ];
    case "records":
      return [known];
    case "bytes":
      return known instanceof Uint8Array ? known : new Uint8Array([1, 2, 3]);
    case "boolean":
      return false;
    case "uuid":
      return typeof known === "string" ? known : "0".repeat(32);
    case "string":
      return known === null || typeof known === "string" ? known : "";
    default:
      return typeof known === "number" ? known : 0;
  }
}
