"""
Load by librdkafka on the broker that is the first argument, however often that is killed; the second is a seed. Each line
that it prints is a JSON list of what the broker has acknowledged. On SIGTERM it finishes what it has begun, and ends.
"""

import faulthandler
import json
import os
import random
import signal
import sys
import threading
import time
import traceback

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SEED = int(sys.argv[2])
AT = {"bootstrap.servers": sys.argv[1], "broker.address.family": "v4", "log_level": 2,
      "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 20, "retry.backoff.max.ms": 100}
stopping = threading.Event()
saying = threading.Lock()


def say(*line):
    with saying:
        print(json.dumps(line), flush=True)


def persistently(call):
    """Again while the error is one that passes; the others are raised."""
    while True:
        try:
            return call()
        except KafkaException as error:
            reason = error.args[0]
            if reason.fatal() or reason.txn_requires_abort():
                raise
            passing = (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._WAIT_COORD, KafkaError._DESTROY_BROKER,
                       KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR)
            if not reason.retriable() and reason.code() not in passing:
                raise
            time.sleep(0.01)


def within(seconds, call):
    """What the call raises, or TimeoutError."""
    raised = []

    def run():
        try:
            persistently(call)
        except KafkaException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if raised:
        raise raised[0]


def idempotent():
    """Two idempotent producers at once, each with a codec of its own, on a topic that is kept and on one that is compacted."""
    chance = random.Random(SEED)
    codecs = chance.sample(["none", "gzip", "snappy", "lz4", "zstd"], 2)
    producers = [Producer({**AT, "enable.idempotence": True, "compression.type": codec, "linger.ms": 2,
                           "message.timeout.ms": 120_000}) for codec in codecs]
    sent = [0, 0]

    def acknowledged(error, message, who, n):
        if error is not None:
            say("failed", f"message {n} of producer {who}: {error}")
        else:
            say("message", message.topic(), message.partition(), message.offset(), who, n, message.key().decode())

    while not stopping.is_set():
        for _ in range(chance.randrange(15)):
            who = chance.randrange(2)
            n = sent[who]
            sent[who] += 1
            producers[who].produce(
                chance.choice(["kept", "compacted"]), key=f"key{chance.randrange(30)}",
                value=f"{who} {n} {'x' * chance.randrange(200)}",
                on_delivery=lambda error, message, who=who, n=n: acknowledged(error, message, who, n))
        for producer in producers:
            producer.poll(0.01)
    for producer in producers:
        if producer.flush(60) > 0:
            say("failed", "messages that are never acknowledged")


def transactions():
    """One transaction after the other, some with offsets, some aborted."""
    chance = random.Random(SEED + 1)
    group = Consumer({**AT, "group.id": "transactional"}).consumer_group_metadata()
    producer = begun()
    n = 0
    while not stopping.is_set():
        n += 1
        size, commits, with_offsets, flushes = chance.randrange(1, 20), *(chance.random() < p for p in (0.7, 0.5, 0.5))
        try:
            producer.begin_transaction()
            for i in range(size):
                producer.produce("transactional", partition=chance.randrange(2), value=f"{n} {i}")
            if with_offsets:
                # What it is called with is of this transaction, also when it is called again in a later one's time.
                within(2, lambda producer=producer, n=n: producer.send_offsets_to_transaction(
                    [TopicPartition("kept", 0, n)], group, 10))
            if commits:
                persistently(lambda: producer.commit_transaction(10))
                say("committed", n, size, with_offsets)
                continue
            is_flushed = flushes and producer.flush(10) == 0
        except TimeoutError:
            # librdkafka never sends a TxnOffsetCommit again that it has lost with its connection, and waits for its answer
            # for ever. As a program that starts anew, the next producer fences this one.
            abandoned.append(producer)
            producer = begun()
            say("aborted", n)
            continue
        except KafkaException as error:
            if error.args[0].fatal() or not error.args[0].txn_requires_abort():
                raise
            is_flushed = False
        try:
            persistently(lambda: producer.abort_transaction(10))
        except KafkaException as error:
            # librdkafka also ends a transaction that a killed broker has not heard of, which Kafka refuses, too.
            if error.args[0].code() != KafkaError.INVALID_TXN_STATE:
                raise
            is_flushed = False
        say("aborted", n)
        # What librdkafka has not heard of when it aborts it forgets, and gives its sequence numbers to the next messages.
        # If a killed broker has written it, they are taken for copies, on Kafka too: acknowledged, and not there. Another
        # producer has another epoch.
        if not is_flushed:
            producer = begun()


abandoned = []


def begun():
    producer = Producer({**AT, "transactional.id": "load", "transaction.timeout.ms": 60_000})
    persistently(lambda: producer.init_transactions(10))
    return producer


def commits():
    """Offsets that only grow."""
    consumer = Consumer({**AT, "group.id": "committing", "enable.auto.commit": False})
    n = 0
    while not stopping.is_set():
        n += 1
        offsets = [TopicPartition("kept", partition, n) for partition in range(4)]
        persistently(lambda: consumer.commit(offsets=offsets, asynchronous=False))
        say("offset", n)
    consumer.close()


def members():
    """A member of a group that reads all that is written: at least once."""
    consumer = Consumer({**AT, "group.id": "reading", "auto.offset.reset": "earliest", "enable.auto.commit": False,
                         "session.timeout.ms": 6000, "heartbeat.interval.ms": 200})
    consumer.subscribe(["kept"])
    seen = [set() for _ in range(4)]

    def read():
        for message in consumer.consume(500, 0.1):
            if message.error() is None:
                seen[message.partition()].add(message.offset())
            elif message.error().fatal():
                raise KafkaException(message.error())
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:  # of a rebalance, or nothing new
            if error.args[0].fatal():
                raise

    while not stopping.is_set() or writing.is_alive():
        read()
    ends = [persistently(lambda p=p: consumer.get_watermark_offsets(TopicPartition("kept", p), 10))[1] for p in range(4)]
    late = time.monotonic() + 30
    while [len(offsets) for offsets in seen] != ends:
        if time.monotonic() > late:
            say("failed", f"of {ends} messages the group has read {[len(offsets) for offsets in seen]}")
            break
        read()
    consumer.close()


def topics():
    """Topics that come, go, and come again with more partitions."""
    admin = AdminClient(AT)

    def done(futures, already):
        (future,) = futures.values()
        try:
            future.result(20)
        except KafkaException as error:
            if error.args[0].code() != already:
                raise

    def create(name, partitions):
        persistently(lambda: done(admin.create_topics([NewTopic(name, partitions, 1)], request_timeout=5),
                                  KafkaError.TOPIC_ALREADY_EXISTS))

    def delete(name):
        persistently(lambda: done(admin.delete_topics([name], request_timeout=5), KafkaError.UNKNOWN_TOPIC_OR_PART))

    n = 0
    while not stopping.is_set():
        n += 1
        name = f"made-{n}"
        create(name, 1)
        if n % 3 != 0:
            delete(name)
        if n % 3 == 2:
            create(name, 3)
        say("topic", name, [1, 0, 3][n % 3])
        stopping.wait(0.02)


def guarded(task):
    try:
        task()
    except BaseException:
        say("failed", f"{task.__name__}: {traceback.format_exc()}")


faulthandler.register(signal.SIGUSR1)  # says where each thread is
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
writing = threading.Thread(target=guarded, args=[idempotent])
threads = [writing, *(threading.Thread(target=guarded, args=[task]) for task in (transactions, commits, members, topics))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os._exit(0)  # what was abandoned would be waited for
