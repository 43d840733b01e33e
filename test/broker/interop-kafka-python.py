"""What a program with kafka-python does, on the broker that is the first argument, with the topic that is the second."""

import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

at, name = {"bootstrap_servers": sys.argv[1]}, sys.argv[2]

producer = KafkaProducer(**at, compression_type="gzip", linger_ms=20)
sent = [producer.send(name, value=f"value {n}".encode()) for n in range(200)]
producer.flush(20)
assert sum(one.get(20).offset for one in sent) == sum(range(200))
producer.close()

admin = KafkaAdminClient(**at)
assert name in admin.list_topics()

consumer = KafkaConsumer(**at, group_id=name, auto_offset_reset="earliest", session_timeout_ms=6000, consumer_timeout_ms=20000)
consumer.subscribe(pattern=f"^{name}.*")
values = []
for message in consumer:
    values.append(message.value.decode())
    if len(values) == 200:
        break
consumer.commit()
assert consumer.committed(TopicPartition(name, 0)) == 200
consumer.close()
assert values == [f"value {n}" for n in range(200)], values[:3]
admin.close()
print("all is as on Kafka")
