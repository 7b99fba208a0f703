"""A member of a consumer group by kafka-python. Arguments and lines: see members.py."""

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from line import Arguments, Printed, Running, say, say_error, say_message

arguments, running = Arguments(), Running()
printed = Printed(arguments.commit_every)


def commit(consumer):
    if not printed.next:
        return
    offsets = {TopicPartition(t, p): OffsetAndMetadata(o, "", -1) for (t, p), o in printed.next.items()}
    try:
        consumer.commit(offsets, timeout_ms=3000)
        printed.committed()
    except KafkaError as e:
        say_error("commit", e)


def names(partitions):
    return [f"{p.topic}-{p.partition}" for p in partitions]


class Listener(ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        say("assigned", "-", *names(assigned))

    def on_partitions_revoked(self, revoked):
        commit(consumer)
        printed.forget()
        say("revoked", *names(revoked))

    def on_partitions_lost(self, lost):
        printed.forget()
        say("lost", *names(lost))


assignor = CooperativeStickyAssignor if arguments.assignor == "cooperative" else RangePartitionAssignor
consumer = KafkaConsumer(
    bootstrap_servers=arguments.bootstrap,
    group_id=arguments.group,
    group_instance_id=arguments.instance or None,
    enable_auto_commit=False,
    auto_offset_reset="earliest",
    partition_assignment_strategy=[assignor],
    session_timeout_ms=int(arguments.session_ms),
    heartbeat_interval_ms=int(arguments.heartbeat_ms),
    reconnect_backoff_max_ms=1000,
)
consumer.subscribe(arguments.topics.split(","), listener=Listener())
while running:
    found = consumer.poll(timeout_ms=100)
    for messages in found.values():
        for m in messages:
            say_message(m.topic, m.partition, m.offset, m.key, m.value)
            printed.add(m.topic, m.partition, m.offset)
    if printed.due or not found:
        commit(consumer)
commit(consumer)
consumer.close()
say("closed")
