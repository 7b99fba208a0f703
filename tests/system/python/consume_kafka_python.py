"""A member of a consumer group by kafka-python. Arguments and lines: see members.py."""

import time

from kafka import AsyncConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from line import Arguments, Printed, Running, say, say_error, say_message, wait_if_held

arguments, running = Arguments(), Running()
printed = Printed(arguments.commit_every)


def offsets():
    return {TopicPartition(t, p): OffsetAndMetadata(o, "", -1) for (t, p), o in printed.next.items()}


def commit(consumer):
    if not printed.next:
        return
    try:
        consumer.commit(offsets(), timeout_ms=3000)
        printed.committed()
    except KafkaError as e:
        say_error("commit", e)


def names(partitions):
    return [f"{p.topic}-{p.partition}" for p in partitions]


class Listener(AsyncConsumerRebalanceListener):
    async def on_partitions_assigned(self, assigned):
        say("assigned", "-", *names(assigned))

    async def on_partitions_revoked(self, revoked):
        if printed.next:
            # The other call would block the thread that this runs on.
            try:
                await consumer.commit_async(offsets())
                printed.committed()
            except KafkaError as e:
                say_error("commit", e)
        printed.forget(revoked)
        say("revoked", *names(revoked))

    async def on_partitions_lost(self, lost):
        printed.forget(lost)
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
wait_if_held(arguments)
consumer.subscribe(arguments.topics.split(","), listener=Listener())
while running:
    try:
        # A poll that times out just as the answer to its SyncGroup comes loses the assignment for good (3.0.12), so
        # that few may time out.
        found = consumer.poll(timeout_ms=2000)
    except KafkaError as e:
        # Also that the broker cannot be reached, which passes.
        say_error("poll", e)
        time.sleep(0.1)
        continue
    for messages in found.values():
        for m in messages:
            say_message(m.topic, m.partition, m.offset, m.key, m.value)
            printed.add(m.topic, m.partition, m.offset)
    if printed.due or not found:
        commit(consumer)
commit(consumer)
consumer.close()
say("closed")
