"""A member of a consumer group by librdkafka, classic or of KIP-848. Arguments and lines: see members.py."""

import confluent_kafka
from line import Arguments, Printed, Running, say, say_error, say_message, wait_if_held

arguments, running = Arguments(), Running()
printed = Printed(arguments.commit_every)
config = {
    "bootstrap.servers": arguments.bootstrap,
    "group.id": arguments.group,
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "reconnect.backoff.max.ms": 1000,
    "topic.metadata.refresh.interval.ms": 2000,
}
if arguments.instance:
    config["group.instance.id"] = arguments.instance
if arguments.protocol == "consumer":
    config["group.protocol"] = "consumer"
    if arguments.assignor:
        config["group.remote.assignor"] = arguments.assignor
else:
    cooperative = arguments.assignor == "cooperative"
    config["partition.assignment.strategy"] = "cooperative-sticky" if cooperative else "range"
    config["session.timeout.ms"] = int(arguments.session_ms)
    config["heartbeat.interval.ms"] = int(arguments.heartbeat_ms)


def commit(consumer):
    if not printed.next:
        return
    offsets = [confluent_kafka.TopicPartition(t, p, offset) for (t, p), offset in printed.next.items()]
    try:
        for one in consumer.commit(offsets=offsets, asynchronous=False):
            if one.error:
                raise confluent_kafka.KafkaException(one.error)
        printed.committed()
    except confluent_kafka.KafkaException as e:
        say_error("commit", e)


def names(partitions):
    return [f"{p.topic}-{p.partition}" for p in partitions]


def on_assign(consumer, partitions):
    say("assigned", "-", *names(partitions))


def on_revoke(consumer, partitions):
    commit(consumer)
    printed.forget(partitions)
    say("revoked", *names(partitions))


def on_lost(consumer, partitions):
    printed.forget(partitions)
    say("lost", *names(partitions))


consumer = confluent_kafka.Consumer(config)
wait_if_held(arguments)
consumer.subscribe(arguments.topics.split(","), on_assign=on_assign, on_revoke=on_revoke, on_lost=on_lost)
while running:
    messages = consumer.consume(num_messages=100, timeout=0.1)
    for m in messages:
        if m.error():
            say_error("consume", m.error())
            continue
        say_message(m.topic(), m.partition(), m.offset(), m.key(), m.value())
        printed.add(m.topic(), m.partition(), m.offset())
    if printed.due or not messages:
        commit(consumer)
commit(consumer)
consumer.close()
say("closed")
