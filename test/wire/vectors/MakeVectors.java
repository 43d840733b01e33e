/*
 * Prints vectors.json: what the Java client's own classes make of fixed inputs. To make it anew, with Kafka's jars in
 * $KAFKA_HOME/libs and Java 17 or newer:
 *
 *     java -cp "$KAFKA_HOME/libs/*" test/wire/vectors/MakeVectors.java > test/wire/vectors/vectors.json
 *
 * With the name of a file it instead reads record batches from there, a hexadecimal one a line, checks them as the
 * client does and prints their records.
 */
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.utils.Utils;

public class MakeVectors {
  static final long TIME = 1_700_000_000_000L;
  static final Uuid TOPIC = new Uuid(0x0123456789abcdefL, 0xfedcba9876543210L);
  static final StringBuilder out = new StringBuilder("{\n");
  static boolean first = true;

  public static void main(String[] args) throws Exception {
    if (args.length > 0) { check(args[0]); return; }
    batches();
    requests();
    responses();
    consumerProtocol();
    for (String key : List.of("", "a", "ab", "abc", "abcd", "kafka", "mephisto", "21", "foobar", "a-little-bit-long-string",
        "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", "\u00e9\u4e16\ud83d\ude00"))
      put("murmur2/" + key, Integer.toString(Utils.murmur2(bytes(key))));
    System.out.print(out.append("\n}\n"));
  }

  static void put(String name, String value) {
    out.append(first ? "" : ",\n").append("  \"").append(name).append("\": \"").append(value).append("\"");
    first = false;
  }

  static byte[] bytes(String text) { return text.getBytes(StandardCharsets.UTF_8); }

  static String hex(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  static SimpleRecord record(long time, String key, String value, Header... headers) {
    return new SimpleRecord(time, key == null ? null : bytes(key), value == null ? null : bytes(value), headers);
  }

  static SimpleRecord[] mixed() {
    return new SimpleRecord[] {
      record(TIME, "k1", "v1"),
      record(TIME + 5, null, "no key"),
      record(TIME - 70, "tombstone", null),
      record(TIME + 86_400_000L * 60, null, null),
      record(TIME + 1, "", ""),
      record(TIME + 2, "h", "v", new RecordHeader("a", bytes("1")), new RecordHeader("a", null), new RecordHeader("\u00fc", new byte[0])),
      record(TIME + 3, "long", "0123456789".repeat(30)),
    };
  }

  static void batches() {
    for (CompressionType type : CompressionType.values()) {
      Compression codec = Compression.of(type).build();
      put("batch/mixed/" + type.name, hex(MemoryRecords.withRecords(RecordBatch.MAGIC_VALUE_V2, 0L, codec,
        TimestampType.CREATE_TIME, RecordBatch.NO_PRODUCER_ID, RecordBatch.NO_PRODUCER_EPOCH, RecordBatch.NO_SEQUENCE, -1, false, mixed()).buffer()));
      // Several blocks of every framing, partly not compressible.
      byte[] big = new byte[300_000];
      Random random = new Random(7);
      for (int i = 0; i < big.length; i++) big[i] = (byte) (i < 8_000 ? random.nextInt() : i / 1000);
      if (type != CompressionType.NONE)
        put("batch/big/" + type.name, hex(MemoryRecords.withRecords(codec, new SimpleRecord(TIME, null, big)).buffer()));
    }
    put("batch/idempotent", hex(MemoryRecords.withRecords(RecordBatch.MAGIC_VALUE_V2, 0L, Compression.NONE, TimestampType.CREATE_TIME,
      4_294_967_297L, (short) 3, 70_000, -1, false, mixed()).buffer()));
    put("batch/transactional", hex(MemoryRecords.withRecords(RecordBatch.MAGIC_VALUE_V2, 0L, Compression.NONE, TimestampType.CREATE_TIME,
      9L, (short) 1, 2, -1, true, mixed()).buffer()));
    MemoryRecordsBuilder appended = MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.MAGIC_VALUE_V2, Compression.NONE,
      TimestampType.LOG_APPEND_TIME, 5_000_000_000L, TIME + 999);
    for (SimpleRecord record : mixed()) appended.append(record);
    put("batch/log-append-time", hex(appended.build().buffer()));
    put("batch/magic-0", hex(MemoryRecords.withRecords((byte) 0, Compression.NONE, new SimpleRecord(TIME, bytes("old"))).buffer()));
    put("batch/magic-1", hex(MemoryRecords.withRecords((byte) 1, Compression.NONE, new SimpleRecord(TIME, bytes("old"))).buffer()));
    SimpleRecord[] old = { record(TIME, "k1", "v1"), record(TIME + 5, null, "no key"), record(TIME - 70, "tombstone", null) };
    for (byte magic = 0; magic < 2; magic++)
      for (CompressionType type : List.of(CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4))
        put("old/" + magic + "/" + type.name, hex(MemoryRecords.withRecords(magic, 5_000_000_000L, Compression.of(type).build(),
          TimestampType.CREATE_TIME, old).buffer()));
    MemoryRecordsBuilder oldAppended = MemoryRecords.builder(ByteBuffer.allocate(1024), (byte) 1, Compression.gzip().build(),
      TimestampType.LOG_APPEND_TIME, 7L, TIME + 999);
    for (SimpleRecord record : old) oldAppended.append(record);
    put("old/log-append-time", hex(oldAppended.build().buffer()));
    // Two producers' transactions in one log: 7 aborts, 8 commits, 7 commits its next.
    List<ByteBuffer> log = new ArrayList<>();
    log.add(transactional(0, 7, "aborted 0"));
    log.add(transactional(1, 8, "committed 1"));
    log.add(MemoryRecords.withRecords(2L, Compression.NONE, record(TIME, null, "plain 2")).buffer());
    log.add(marker(3, 7, ControlRecordType.ABORT));
    log.add(transactional(4, 7, "committed 4"));
    log.add(marker(5, 8, ControlRecordType.COMMIT));
    log.add(marker(6, 7, ControlRecordType.COMMIT));
    StringBuilder all = new StringBuilder();
    for (ByteBuffer batch : log) all.append(hex(batch));
    put("log/transactions", all.toString());
  }

  static ByteBuffer transactional(long offset, long producer, String value) {
    return MemoryRecords.withTransactionalRecords(offset, Compression.NONE, producer, (short) 0, 0, 0, record(TIME, null, value)).buffer();
  }

  static ByteBuffer marker(long offset, long producer, ControlRecordType type) {
    return MemoryRecords.withEndTransactionMarker(offset, TIME, 0, producer, (short) 0, new EndTransactionMarker(type, 1)).buffer();
  }

  /** With the empty tagged fields of the header, which in our code are part of the body. */
  static void message(String name, Message message, int version, boolean flexible) {
    put(name, (flexible ? "00" : "") + hex(MessageUtil.toByteBufferAccessor(message, (short) version).buffer()));
  }

  static void requests() {
    MemoryRecords batch = MemoryRecords.withRecords(Compression.NONE, record(TIME, "k", "v"));
    put("batch/one", hex(batch.buffer()));
    ProduceRequestData.TopicProduceDataCollection topics = new ProduceRequestData.TopicProduceDataCollection();
    topics.add(new ProduceRequestData.TopicProduceData().setName("t\u00f6pic").setPartitionData(List.of(
      new ProduceRequestData.PartitionProduceData().setIndex(0).setRecords(batch),
      new ProduceRequestData.PartitionProduceData().setIndex(7).setRecords(batch))));
    // Records are written apart from the rest: through an accessor that has them in its own order.
    put("request/produce", hex(sent(new ProduceRequestData().setTransactionalId("tx").setAcks((short) -1).setTimeoutMs(1500).setTopicData(topics), 8)));
    message("request/fetch", new FetchRequestData().setReplicaState(new FetchRequestData.ReplicaState()).setMaxWaitMs(500).setMinBytes(1).setMaxBytes(8388608)
      .setIsolationLevel((byte) 1).setSessionId(0).setSessionEpoch(-1).setTopics(List.of(new FetchRequestData.FetchTopic().setTopicId(TOPIC).setPartitions(List.of(
        new FetchRequestData.FetchPartition().setPartition(0).setCurrentLeaderEpoch(4).setFetchOffset(5_000_000_000L).setPartitionMaxBytes(1048576),
        new FetchRequestData.FetchPartition().setPartition(3).setFetchOffset(0).setPartitionMaxBytes(99))))), 13, true);
    message("request/list-offsets", new ListOffsetsRequestData().setReplicaId(-1).setIsolationLevel((byte) 1).setTopics(List.of(
      new ListOffsetsRequestData.ListOffsetsTopic().setName("t").setPartitions(List.of(
        new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(2).setCurrentLeaderEpoch(3).setTimestamp(-2))))), 5, false);
    message("request/metadata", new MetadataRequestData().setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName("a"),
      new MetadataRequestData.MetadataRequestTopic().setName("b"))).setAllowAutoTopicCreation(false), 12, true);
    message("request/metadata-all", new MetadataRequestData().setTopics(null).setAllowAutoTopicCreation(false), 12, true);
    message("request/offset-commit", new OffsetCommitRequestData().setGroupId("g").setGenerationIdOrMemberEpoch(5).setMemberId("m").setGroupInstanceId(null).setTopics(List.of(
      new OffsetCommitRequestData.OffsetCommitRequestTopic().setName("t").setPartitions(List.of(
        new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(1).setCommittedOffset(42).setCommittedLeaderEpoch(-1).setCommittedMetadata(""),
        new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(2).setCommittedOffset(43).setCommittedLeaderEpoch(6).setCommittedMetadata("note"))))), 7, false);
    message("request/offset-fetch", new OffsetFetchRequestData().setGroupId("g").setTopics(List.of(
      new OffsetFetchRequestData.OffsetFetchRequestTopic().setName("t").setPartitionIndexes(List.of(0, 1, 2)))), 5, false);
    message("request/offset-fetch-all", new OffsetFetchRequestData().setGroupId("g").setTopics(null), 5, false);
    message("request/find-coordinator", new FindCoordinatorRequestData().setKey("g").setKeyType((byte) 1), 2, false);
    JoinGroupRequestData.JoinGroupRequestProtocolCollection protocols = new JoinGroupRequestData.JoinGroupRequestProtocolCollection();
    protocols.add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName("p1").setMetadata(new byte[] {1, 2, 3}));
    protocols.add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName("p2").setMetadata(new byte[0]));
    message("request/join-group", new JoinGroupRequestData().setGroupId("g").setSessionTimeoutMs(6000).setRebalanceTimeoutMs(24000).setMemberId("m")
      .setGroupInstanceId("i").setProtocolType("consumer").setProtocols(protocols), 5, false);
    message("request/heartbeat", new HeartbeatRequestData().setGroupId("g").setGenerationId(5).setMemberId("m").setGroupInstanceId("i"), 3, false);
    message("request/leave-group", new LeaveGroupRequestData().setGroupId("g").setMembers(List.of(
      new LeaveGroupRequestData.MemberIdentity().setMemberId("m"), new LeaveGroupRequestData.MemberIdentity().setMemberId("n").setGroupInstanceId("i"))), 3, false);
    message("request/sync-group", new SyncGroupRequestData().setGroupId("g").setGenerationId(5).setMemberId("m").setAssignments(List.of(
      new SyncGroupRequestData.SyncGroupRequestAssignment().setMemberId("m").setAssignment(new byte[] {9, 8}))), 3, false);
    CreateTopicsRequestData.CreatableTopicConfigCollection configs = new CreateTopicsRequestData.CreatableTopicConfigCollection();
    configs.add(new CreateTopicsRequestData.CreatableTopicConfig().setName("cleanup.policy").setValue("compact"));
    CreateTopicsRequestData.CreatableTopicCollection created = new CreateTopicsRequestData.CreatableTopicCollection();
    created.add(new CreateTopicsRequestData.CreatableTopic().setName("t").setNumPartitions(8).setReplicationFactor((short) -1).setConfigs(configs));
    message("request/create-topics", new CreateTopicsRequestData().setTopics(created).setTimeoutMs(5000), 4, false);
    message("request/init-producer-id", new InitProducerIdRequestData().setTransactionalId("tx").setTransactionTimeoutMs(10000).setProducerId(8589934593L).setProducerEpoch((short) 7), 4, true);
    message("request/init-producer-id-null", new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(10000), 4, true);
    // The second version of transactions, by name and by id.
    for (short version = 12; version <= 13; version++) {
      ProduceRequestData.TopicProduceDataCollection written = new ProduceRequestData.TopicProduceDataCollection();
      ProduceRequestData.TopicProduceData topic = new ProduceRequestData.TopicProduceData().setPartitionData(List.of(
        new ProduceRequestData.PartitionProduceData().setIndex(0).setRecords(batch), new ProduceRequestData.PartitionProduceData().setIndex(7).setRecords(batch)));
      written.add(version == 13 ? topic.setTopicId(TOPIC) : topic.setName("t\u00f6pic"));
      put("request/produce-v" + version, "00" + hex(sent(new ProduceRequestData().setTransactionalId("tx").setAcks((short) -1).setTimeoutMs(1500).setTopicData(written), version)));
    }
    message("request/api-versions", new ApiVersionsRequestData().setClientSoftwareName("mephisto").setClientSoftwareVersion("1.2"), 3, true);
    AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection added = new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection();
    added.add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic().setName("t").setPartitions(List.of(0, 2)));
    message("request/add-partitions-to-txn", new AddPartitionsToTxnRequestData().setV3AndBelowTransactionalId("tx").setV3AndBelowProducerId(8589934593L).setV3AndBelowProducerEpoch((short) 7).setV3AndBelowTopics(added), 3, true);
    for (short version : new short[] {3, 5})
      message("request/end-txn-v" + version, new EndTxnRequestData().setTransactionalId("tx").setProducerId(8589934593L).setProducerEpoch((short) 7).setCommitted(true), version, true);
    message("request/describe-configs", new DescribeConfigsRequestData().setResources(List.of(
      new DescribeConfigsRequestData.DescribeConfigsResource().setResourceType((byte) 2).setResourceName("t").setConfigurationKeys(List.of("cleanup.policy", "segment.bytes")),
      new DescribeConfigsRequestData.DescribeConfigsResource().setResourceType((byte) 4).setResourceName("1").setConfigurationKeys(List.of()))), 1, false);
    message("request/describe-producers", new DescribeProducersRequestData().setTopics(List.of(
      new DescribeProducersRequestData.TopicRequest().setName("t").setPartitionIndexes(List.of(0, 2)))), 0, true);
    message("request/list-transactions", new ListTransactionsRequestData().setProducerIdFilters(List.of(8589934593L, 3L)), 0, true);
  }

  static ByteBuffer sent(ApiMessage message, int version) throws RuntimeException {
    ObjectSerializationCache cache = new ObjectSerializationCache();
    int size = message.size(cache, (short) version);
    List<org.apache.kafka.common.network.Send> sends = new ArrayList<>();
    ByteBuffer all = ByteBuffer.allocate(size);
    ByteBufferAccessor accessor = new ByteBufferAccessor(all) {
      @Override public void writeRecords(BaseRecords records) { writeByteBuffer(((MemoryRecords) records).buffer()); }
    };
    message.write(accessor, cache, (short) version);
    return all.flip();
  }

  static List<org.apache.kafka.common.protocol.types.RawTaggedField> unknown() {
    return new ArrayList<>(List.of(new org.apache.kafka.common.protocol.types.RawTaggedField(100, new byte[] {1, 2, 3})));
  }

  static void responses() {
    ProduceResponseData.TopicProduceResponseCollection topics = new ProduceResponseData.TopicProduceResponseCollection();
    topics.add(new ProduceResponseData.TopicProduceResponse().setName("t\u00f6pic").setPartitionResponses(List.of(
      new ProduceResponseData.PartitionProduceResponse().setIndex(7).setErrorCode((short) 6).setBaseOffset(5_000_000_000L).setLogAppendTimeMs(TIME).setLogStartOffset(-1),
      new ProduceResponseData.PartitionProduceResponse().setIndex(9).setErrorCode((short) 87).setBaseOffset(-1).setLogAppendTimeMs(-1).setLogStartOffset(3).setErrorMessage("refused").setRecordErrors(List.of(
        new ProduceResponseData.BatchIndexAndErrorMessage().setBatchIndex(3).setBatchIndexErrorMessage("no key"), new ProduceResponseData.BatchIndexAndErrorMessage().setBatchIndex(4).setBatchIndexErrorMessage(null))))));
    message("response/produce", new ProduceResponseData().setThrottleTimeMs(3).setResponses(topics), 8, false);
    FetchResponseData fetch = new FetchResponseData().setThrottleTimeMs(1).setErrorCode((short) 0).setSessionId(0).setResponses(List.of(
      new FetchResponseData.FetchableTopicResponse().setTopicId(TOPIC).setPartitions(List.of(
        new FetchResponseData.PartitionData().setPartitionIndex(0).setHighWatermark(9).setLastStableOffset(8).setLogStartOffset(2).setAbortedTransactions(List.of(
          new FetchResponseData.AbortedTransaction().setProducerId(7).setFirstOffset(3))).setRecords(MemoryRecords.withRecords(Compression.NONE, record(TIME, "k", "v"))),
        new FetchResponseData.PartitionData().setPartitionIndex(1).setErrorCode((short) 1).setHighWatermark(-1).setLastStableOffset(-1).setLogStartOffset(-1).setAbortedTransactions(null).setRecords(null)
          .setCurrentLeader(new FetchResponseData.LeaderIdAndEpoch().setLeaderId(2).setLeaderEpoch(5))))));
    fetch.unknownTaggedFields().addAll(unknown());
    put("response/fetch", "00" + hex(sent(fetch, 13)));
    message("response/list-offsets", new ListOffsetsResponseData().setThrottleTimeMs(1).setTopics(List.of(new ListOffsetsResponseData.ListOffsetsTopicResponse().setName("t").setPartitions(List.of(
      new ListOffsetsResponseData.ListOffsetsPartitionResponse().setPartitionIndex(2).setErrorCode((short) 0).setTimestamp(-1).setOffset(77).setLeaderEpoch(4))))), 5, false);
    MetadataResponseData.MetadataResponseBrokerCollection brokers = new MetadataResponseData.MetadataResponseBrokerCollection();
    brokers.add(new MetadataResponseData.MetadataResponseBroker().setNodeId(1).setHost("broker.example").setPort(9092).setRack("r"));
    brokers.add(new MetadataResponseData.MetadataResponseBroker().setNodeId(2).setHost("::1").setPort(65535).setRack(null));
    MetadataResponseData.MetadataResponseTopicCollection metadataTopics = new MetadataResponseData.MetadataResponseTopicCollection();
    MetadataResponseData.MetadataResponsePartition partition = new MetadataResponseData.MetadataResponsePartition().setErrorCode((short) 0).setPartitionIndex(0).setLeaderId(1).setLeaderEpoch(3)
      .setReplicaNodes(List.of(1, 2)).setIsrNodes(List.of(1)).setOfflineReplicas(List.of(2));
    partition.unknownTaggedFields().addAll(unknown());
    metadataTopics.add(new MetadataResponseData.MetadataResponseTopic().setErrorCode((short) 0).setName("t").setTopicId(TOPIC).setIsInternal(false).setPartitions(List.of(partition)));
    metadataTopics.add(new MetadataResponseData.MetadataResponseTopic().setErrorCode((short) 3).setName("none").setTopicId(Uuid.ZERO_UUID).setPartitions(List.of()));
    message("response/metadata", new MetadataResponseData().setThrottleTimeMs(0).setBrokers(brokers).setClusterId("cluster").setControllerId(1).setTopics(metadataTopics), 12, true);
    message("response/offset-commit", new OffsetCommitResponseData().setThrottleTimeMs(2).setTopics(List.of(new OffsetCommitResponseData.OffsetCommitResponseTopic().setName("t").setPartitions(List.of(
      new OffsetCommitResponseData.OffsetCommitResponsePartition().setPartitionIndex(1).setErrorCode((short) 27))))), 7, false);
    message("response/offset-fetch", new OffsetFetchResponseData().setThrottleTimeMs(2).setErrorCode((short) 16).setTopics(List.of(new OffsetFetchResponseData.OffsetFetchResponseTopic().setName("t").setPartitions(List.of(
      new OffsetFetchResponseData.OffsetFetchResponsePartition().setPartitionIndex(1).setCommittedOffset(-1).setCommittedLeaderEpoch(-1).setMetadata("").setErrorCode((short) 0))))), 5, false);
    message("response/find-coordinator", new FindCoordinatorResponseData().setThrottleTimeMs(2).setErrorCode((short) 15).setErrorMessage("not yet").setNodeId(-1).setHost("").setPort(-1), 2, false);
    message("response/join-group", new JoinGroupResponseData().setThrottleTimeMs(2).setErrorCode((short) 0).setGenerationId(5).setProtocolName("p1").setLeader("m").setMemberId("m").setMembers(List.of(
      new JoinGroupResponseData.JoinGroupResponseMember().setMemberId("m").setGroupInstanceId(null).setMetadata(new byte[] {1, 2, 3}))), 5, false);
    message("response/heartbeat", new HeartbeatResponseData().setThrottleTimeMs(2).setErrorCode((short) 27), 3, false);
    message("response/leave-group", new LeaveGroupResponseData().setThrottleTimeMs(2).setErrorCode((short) 0).setMembers(List.of(
      new LeaveGroupResponseData.MemberResponse().setMemberId("m").setGroupInstanceId("i").setErrorCode((short) 25))), 3, false);
    message("response/sync-group", new SyncGroupResponseData().setThrottleTimeMs(2).setErrorCode((short) 0).setAssignment(new byte[] {9, 8}), 3, false);
    CreateTopicsResponseData.CreatableTopicResultCollection results = new CreateTopicsResponseData.CreatableTopicResultCollection();
    results.add(new CreateTopicsResponseData.CreatableTopicResult().setName("t").setErrorCode((short) 36).setErrorMessage("there"));
    message("response/create-topics", new CreateTopicsResponseData().setThrottleTimeMs(2).setTopics(results), 4, false);
    message("response/init-producer-id", new InitProducerIdResponseData().setThrottleTimeMs(2).setErrorCode((short) 0).setProducerId(8589934593L).setProducerEpoch((short) 8), 4, true);
    ProduceResponseData.PartitionProduceResponse refused = new ProduceResponseData.PartitionProduceResponse().setIndex(7).setErrorCode((short) 87).setBaseOffset(-1).setLogAppendTimeMs(TIME).setLogStartOffset(5_000_000_000L)
      .setRecordErrors(List.of(new ProduceResponseData.BatchIndexAndErrorMessage().setBatchIndex(3).setBatchIndexErrorMessage("no key"))).setErrorMessage("refused")
      .setCurrentLeader(new ProduceResponseData.LeaderIdAndEpoch().setLeaderId(2).setLeaderEpoch(5));
    refused.unknownTaggedFields().addAll(unknown());
    for (short version = 12; version <= 13; version++) {
      ProduceResponseData.TopicProduceResponseCollection written = new ProduceResponseData.TopicProduceResponseCollection();
      ProduceResponseData.TopicProduceResponse topic = new ProduceResponseData.TopicProduceResponse().setPartitionResponses(List.of(refused,
        new ProduceResponseData.PartitionProduceResponse().setIndex(8).setErrorCode((short) 0).setBaseOffset(5_000_000_000L).setLogAppendTimeMs(-1).setLogStartOffset(0)));
      written.add(version == 13 ? topic.setTopicId(TOPIC) : topic.setName("t\u00f6pic"));
      message("response/produce-v" + version, new ProduceResponseData().setThrottleTimeMs(3).setResponses(written), version, true);
    }
    ApiVersionsResponseData.ApiVersionCollection apis = new ApiVersionsResponseData.ApiVersionCollection();
    apis.add(new ApiVersionsResponseData.ApiVersion().setApiKey((short) 0).setMinVersion((short) 3).setMaxVersion((short) 13));
    apis.add(new ApiVersionsResponseData.ApiVersion().setApiKey((short) 26).setMinVersion((short) 0).setMaxVersion((short) 5));
    ApiVersionsResponseData.SupportedFeatureKeyCollection supported = new ApiVersionsResponseData.SupportedFeatureKeyCollection();
    supported.add(new ApiVersionsResponseData.SupportedFeatureKey().setName("metadata.version").setMinVersion((short) 7).setMaxVersion((short) 27));
    ApiVersionsResponseData.FinalizedFeatureKeyCollection finalized = new ApiVersionsResponseData.FinalizedFeatureKeyCollection();
    finalized.add(new ApiVersionsResponseData.FinalizedFeatureKey().setName("transaction.version").setMaxVersionLevel((short) 2).setMinVersionLevel((short) 2));
    finalized.add(new ApiVersionsResponseData.FinalizedFeatureKey().setName("group.version").setMaxVersionLevel((short) 1).setMinVersionLevel((short) 1));
    ApiVersionsResponseData versions = new ApiVersionsResponseData().setErrorCode((short) 0).setApiKeys(apis).setThrottleTimeMs(2).setSupportedFeatures(supported).setFinalizedFeaturesEpoch(9).setFinalizedFeatures(finalized);
    versions.unknownTaggedFields().addAll(unknown());
    message("response/api-versions", versions, 3, false); // its header has no tagged fields
    message("response/api-versions-bare", new ApiVersionsResponseData().setErrorCode((short) 35).setApiKeys(apis), 3, false);
    AddPartitionsToTxnResponseData.AddPartitionsToTxnPartitionResultCollection codes = new AddPartitionsToTxnResponseData.AddPartitionsToTxnPartitionResultCollection();
    codes.add(new AddPartitionsToTxnResponseData.AddPartitionsToTxnPartitionResult().setPartitionIndex(2).setPartitionErrorCode((short) 51));
    AddPartitionsToTxnResponseData.AddPartitionsToTxnTopicResultCollection addedTopics = new AddPartitionsToTxnResponseData.AddPartitionsToTxnTopicResultCollection();
    addedTopics.add(new AddPartitionsToTxnResponseData.AddPartitionsToTxnTopicResult().setName("t").setResultsByPartition(codes));
    message("response/add-partitions-to-txn", new AddPartitionsToTxnResponseData().setThrottleTimeMs(2).setResultsByTopicV3AndBelow(addedTopics), 3, true);
    message("response/end-txn-v3", new EndTxnResponseData().setThrottleTimeMs(2).setErrorCode((short) 48), 3, true);
    message("response/end-txn-v5", new EndTxnResponseData().setThrottleTimeMs(2).setErrorCode((short) 0).setProducerId(8589934593L).setProducerEpoch((short) 8), 5, true);
    message("response/describe-configs", new DescribeConfigsResponseData().setThrottleTimeMs(2).setResults(List.of(
      new DescribeConfigsResponseData.DescribeConfigsResult().setErrorCode((short) 0).setErrorMessage(null).setResourceType((byte) 2).setResourceName("t").setConfigs(List.of(
        new DescribeConfigsResponseData.DescribeConfigsResourceResult().setName("cleanup.policy").setValue("compact").setReadOnly(false).setConfigSource((byte) 1).setIsSensitive(false)
          .setSynonyms(List.of(new DescribeConfigsResponseData.DescribeConfigsSynonym().setName("log.cleanup.policy").setValue("delete").setSource((byte) 5))),
        new DescribeConfigsResponseData.DescribeConfigsResourceResult().setName("secret").setValue(null).setReadOnly(true).setConfigSource((byte) 5).setIsSensitive(true))),
      new DescribeConfigsResponseData.DescribeConfigsResult().setErrorCode((short) 31).setErrorMessage("no").setResourceType((byte) 4).setResourceName("1").setConfigs(List.of()))), 1, false);
    DescribeProducersResponseData.ProducerState active = new DescribeProducersResponseData.ProducerState().setProducerId(8589934593L).setProducerEpoch(7).setLastSequence(12).setLastTimestamp(TIME).setCoordinatorEpoch(3).setCurrentTxnStartOffset(77);
    active.unknownTaggedFields().addAll(unknown());
    message("response/describe-producers", new DescribeProducersResponseData().setThrottleTimeMs(2).setTopics(List.of(new DescribeProducersResponseData.TopicResponse().setName("t").setPartitions(List.of(
      new DescribeProducersResponseData.PartitionResponse().setPartitionIndex(0).setErrorCode((short) 0).setErrorMessage(null).setActiveProducers(List.of(active)),
      new DescribeProducersResponseData.PartitionResponse().setPartitionIndex(2).setErrorCode((short) 6).setErrorMessage("not here").setActiveProducers(List.of()))))), 0, true);
    message("response/list-transactions", new ListTransactionsResponseData().setThrottleTimeMs(2).setErrorCode((short) 0).setTransactionStates(List.of(
      new ListTransactionsResponseData.TransactionState().setTransactionalId("tx").setProducerId(8589934593L).setTransactionState("Ongoing"))), 0, true);
  }

  static void consumerProtocol() {
    for (short version = 0; version <= 3; version++) {
      ConsumerProtocolSubscription data = new ConsumerProtocolSubscription().setTopics(List.of("a", "b")).setUserData(ByteBuffer.wrap(new byte[] {1}));
      ConsumerProtocolSubscription.TopicPartitionCollection owned = new ConsumerProtocolSubscription.TopicPartitionCollection();
      owned.add(new ConsumerProtocolSubscription.TopicPartition().setTopic("a").setPartitions(List.of(0, 2)));
      if (version >= 1) data.setOwnedPartitions(owned);
      if (version >= 2) data.setGenerationId(6);
      if (version >= 3) data.setRackId("rack");
      put("subscription/v" + version, hex(MessageUtil.toVersionPrefixedByteBuffer(version, data)));
    }
    ConsumerProtocolAssignment.TopicPartitionCollection assigned = new ConsumerProtocolAssignment.TopicPartitionCollection();
    assigned.add(new ConsumerProtocolAssignment.TopicPartition().setTopic("a").setPartitions(List.of(0, 2)));
    put("assignment/v1", hex(MessageUtil.toVersionPrefixedByteBuffer((short) 1, new ConsumerProtocolAssignment().setAssignedPartitions(assigned).setUserData(ByteBuffer.wrap(new byte[] {1})))));
    put("assignment/v0-null", hex(MessageUtil.toVersionPrefixedByteBuffer((short) 0, new ConsumerProtocolAssignment().setAssignedPartitions(assigned).setUserData(null))));
  }

  static void check(String file) throws Exception {
    for (String line : Files.readAllLines(Path.of(file))) {
      for (RecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(line))).batches()) {
        batch.ensureValid();
        int count = 0, keys = 0, values = 0, headers = 0;
        for (org.apache.kafka.common.record.Record record : batch) {
          record.ensureValid();
          count++;
          keys += Math.max(record.keySize(), 0);
          values += Math.max(record.valueSize(), 0);
          headers += record.headers().length;
        }
        System.out.println(batch.compressionType() + " " + count + " records, bytes of keys " + keys + ", of values " + values + ", headers " + headers
          + ", producer " + batch.producerId() + "/" + batch.producerEpoch() + "/" + batch.baseSequence() + (batch.isTransactional() ? ", transactional" : ""));
      }
    }
  }
}
