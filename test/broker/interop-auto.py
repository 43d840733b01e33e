"""
What a program in Python sees that makes its topic by using it, with any version of confluent-kafka. The broker is the first
argument, the topic the second. Ends with an error where it differs.
"""

import sys
import time

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

at, name = {"bootstrap.servers": sys.argv[1]}, sys.argv[2]

# A topic that is not there is made when it is written to; compressed, so that the caller can look at what has come.
values = [f"value {n} {'x' * 200}" for n in range(200)]
failures = []
producer = Producer({**at, "compression.type": "gzip", "linger.ms": 50})
for n in range(200):
    producer.produce(name, value=values[n], on_delivery=lambda e, m: e and failures.append(e))
assert producer.flush(20) == 0 and failures == [], failures[:3]

# All topics: librdkafka leaves bytes behind this request.
assert name in AdminClient(at).list_topics(timeout=10).topics

# A pattern: it asks for all topics too.
consumer = Consumer({**at, "group.id": name, "auto.offset.reset": "earliest", "session.timeout.ms": 6000})
consumer.subscribe([f"^{name}.*"])
seen, end = [], time.monotonic() + 20
while len(seen) < 200:
    assert time.monotonic() < end, f"{len(seen)} values"
    message = consumer.poll(0.05)
    if message is not None:
        assert message.error() is None, message.error()
        seen.append(message.value().decode())
consumer.close()
assert sorted(seen) == sorted(values)
print("all is as on Kafka")
