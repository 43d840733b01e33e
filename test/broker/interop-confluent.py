"""What a program in Python does with Kafka, on the broker that is the argument. Ends with an error where it differs."""

import os
import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, AlterConfigOpType, ConfigEntry, NewPartitions, NewTopic

at = {"bootstrap.servers": sys.argv[1]}
admin = AdminClient(at)


def done(futures):
    return {key: future.result(timeout=20) for key, future in futures.items()}


def consumer(group, **more):
    options = {**at, "group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": 6000,
               "heartbeat.interval.ms": 100, "partition.assignment.strategy": "cooperative-sticky"}
    return Consumer({**options, **more})


def poll_until(condition, *consumers, seen=None, within=20):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s"
        for one in consumers:
            message = one.poll(0.02)
            if message is not None:
                assert message.error() is None, message.error()
                if seen is not None:
                    seen.append(message.value().decode())


# Admin.
done(admin.create_topics([NewTopic("py", 3, 1, config={"retention.ms": "60000"}), NewTopic("tx", 1, 1)]))
done(admin.create_partitions([NewPartitions("py", 4)]))
resource = ConfigResource("topic", "py")
entry = ConfigEntry("max.message.bytes", "500000", incremental_operation=AlterConfigOpType.SET)
done(admin.incremental_alter_configs([ConfigResource("topic", "py", incremental_configs=[entry])]))
configs = list(done(admin.describe_configs([resource])).values())[0]
assert configs["retention.ms"].value == "60000" and configs["max.message.bytes"].value == "500000"
assert len(admin.list_topics("py", timeout=10).topics["py"].partitions) == 4

# An idempotent producer, compressed.
failures = []
producer = Producer({**at, "enable.idempotence": True, "compression.type": "zstd", "linger.ms": 5})
for n in range(2000):
    producer.produce("py", key=f"key {n % 50}", value=str(n), on_delivery=lambda e, m: e and failures.append(e))
assert producer.flush(20) == 0 and failures == [], failures
producer.produce("py", value=os.urandom(600_000), on_delivery=lambda e, m: failures.append(e.name() if e else None))
assert producer.flush(20) == 0
assert failures == ["MSG_SIZE_TOO_LARGE"], failures

# A group of two that becomes one; nothing is lost on the way.
one, two, seen = consumer("pys"), consumer("pys"), []
one.subscribe(["py"])
two.subscribe(["py"])
poll_until(lambda: len(one.assignment()) == 2 and len(two.assignment()) == 2, one, two, seen=seen)
described = list(done(admin.describe_consumer_groups(["pys"])).values())[0]
assert described.state.name == "STABLE" and len(described.members) == 2, described
poll_until(lambda: len(seen) >= 2000, one, two, seen=seen)
two.close()
poll_until(lambda: len(one.assignment()) == 4, one, seen=seen)
one.commit(asynchronous=False)
one.close()
assert sorted(map(int, set(seen))) == list(range(2000))
committed = list(done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("pys")])).values())[0]
assert sum(position.offset for position in committed.topic_partitions) == 2000

# Transactions: committed, aborted, with offsets, and fenced.
first = Producer({**at, "transactional.id": "py-tx"})
first.init_transactions(20)
source = consumer("py-source")
source.subscribe(["py"])
poll_until(lambda: len(source.assignment()) == 4, source)
for value, ends in (("one", first.commit_transaction), ("two", first.abort_transaction), ("three", first.commit_transaction)):
    first.begin_transaction()
    first.produce("tx", value=value)
    if value != "three":
        offset = TopicPartition("py", 0, 7 if value == "one" else 9)
        first.send_offsets_to_transaction([offset], source.consumer_group_metadata(), 20)
    ends(20)
assert source.committed([TopicPartition("py", 0)], 10)[0].offset == 7
source.close()
first.begin_transaction()
first.produce("tx", value="of the fenced")
first.flush(10)
second = Producer({**at, "transactional.id": "py-tx"})
second.init_transactions(20)
try:
    first.commit_transaction(20)
    raise AssertionError("the first producer is not fenced")
except KafkaException as error:
    assert error.args[0].name() in ("_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"), error
second.begin_transaction()
second.produce("tx", value="four")
second.commit_transaction(20)
reader, values = consumer("py-readers", **{"isolation.level": "read_committed"}), []
reader.subscribe(["tx"])
poll_until(lambda: "four" in values, reader, seen=values)
assert values == ["one", "three", "four"], values
reader.close()

done(admin.delete_consumer_groups(["pys"]))
done(admin.delete_records([TopicPartition("py", 0, 10)]))
done(admin.delete_topics(["py", "tx"]))
print("all is as on Kafka")
