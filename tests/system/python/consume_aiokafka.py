"""A member of a consumer group by aiokafka. Arguments and lines: see members.py."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from line import Arguments, Printed, Running, say, say_error, say_message, wait_if_held

arguments, running = Arguments(), Running()
printed = Printed(arguments.commit_every)


async def commit(consumer):
    if not printed.next:
        return
    try:
        await asyncio.wait_for(consumer.commit({TopicPartition(*p): o for p, o in printed.next.items()}), 3)
        printed.committed()
    except (KafkaError, TimeoutError) as e:
        say_error("commit", e)


def names(partitions):
    return [f"{p.topic}-{p.partition}" for p in partitions]


class Listener(ConsumerRebalanceListener):
    def __init__(self, consumer):
        self.consumer = consumer

    async def on_partitions_assigned(self, assigned):
        say("assigned", "-", *names(assigned))

    async def on_partitions_revoked(self, revoked):
        await commit(self.consumer)
        printed.forget(revoked)
        if revoked:
            say("revoked", *names(revoked))


async def main():
    consumer = AIOKafkaConsumer(
        bootstrap_servers=arguments.bootstrap,
        group_id=arguments.group,
        group_instance_id=arguments.instance or None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=[RangePartitionAssignor],
        session_timeout_ms=int(arguments.session_ms),
        heartbeat_interval_ms=int(arguments.heartbeat_ms),
        rebalance_timeout_ms=30000,
    )
    wait_if_held(arguments)
    consumer.subscribe(arguments.topics.split(","), listener=Listener(consumer))
    await consumer.start()
    while running:
        found = await consumer.getmany(timeout_ms=100)
        for messages in found.values():
            for m in messages:
                say_message(m.topic, m.partition, m.offset, m.key, m.value)
                printed.add(m.topic, m.partition, m.offset)
        if printed.due or not found:
            await commit(consumer)
    await commit(consumer)
    await consumer.stop()
    say("closed")


asyncio.run(main())
