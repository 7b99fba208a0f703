"""What groups of real clients go through.

Each function takes (client, name, words for the members) of every group, and gives the groups by name when all is
over, for the tests to judge.
"""

import threading
import time

import confluent_kafka
from groups import DOOMED_SESSION_MS, PARTITIONS, Group, Groups
from members import SETTLE_SECONDS_MAX, Member


class Stream:
    """Messages to all of the topics, round their partitions, until stopped. Each is acknowledged in the end."""

    def __init__(self, address, topics, per_second=40):
        self.topics, self.per_second = topics, per_second
        self.acknowledged = {topic: {} for topic in topics}  # by topic: value by (partition, offset)
        self.failed = []
        config = {"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 5}
        # Silent about a broker that is away.
        self.producer = confluent_kafka.Producer({**config, "reconnect.backoff.max.ms": 500, "log_level": 2})
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number = 0
        while not self.stopping.wait(1 / self.per_second):
            for topic in self.topics:
                self.producer.produce(
                    topic, b"%d" % number, b"k%d" % (number % 7), number % PARTITIONS, on_delivery=self.report
                )
            self.producer.poll(0)
            number += 1

    def report(self, error, message):
        if error:
            self.failed.append(error)
        else:
            where = message.partition(), message.offset()
            self.acknowledged[message.topic()][where] = message.value().decode()

    def stop(self):
        self.stopping.set()
        self.thread.join()
        left = self.producer.flush(SETTLE_SECONDS_MAX)
        assert left == 0 and not self.failed, (left, self.failed[:3])


def crash_amid_rebalance(broker, folder, kinds):
    """Groups of three, one killed and one joining, and the broker killed amid the rebalance that this is.

    Groups of one client read one topic. Gives the stream of messages, too.
    """
    topics = sorted({f"from-{client}" for client, _, _ in kinds})
    with broker.connect() as c:
        for topic in topics:
            c.create_topic(topic, PARTITIONS)
    groups = [Group(client, broker, folder, f"from-{client}", name, **words) for client, name, words in kinds]
    side_by_side = Groups(broker, groups)
    stream = Stream(broker.address, topics)
    try:
        for group in groups:
            group.join(DOOMED_SESSION_MS)
            group.join()
            group.join()
        side_by_side.until_shared()
        side_by_side.until_reading()
        side_by_side.note_types()

        for group in side_by_side.well:
            group.join(held=1)
        side_by_side.until("a newcomer stands by", lambda g: g.members[3].said("ready"))
        # The dead is waited for until its session ends, and so long the rebalance lasts that the newcomer begins.
        for group in side_by_side.well:
            group.members[0].kill9()
            group.members[3].let_go()
        side_by_side.until_all_changing()
        side_by_side.note_commits()
        broker.kill9()
        broker.start()

        side_by_side.until_shared()
        side_by_side.until_reading()
        stream.stop()
        side_by_side.until("all messages seen", lambda g: set(stream.acknowledged[g.topic]) <= set(g.seen()))
        side_by_side.until_lag_is_zero()
        for group in side_by_side.well:
            for member in group.present:
                member.ask_to_end()
        side_by_side.until("all members closed", lambda g: all(m.closed and not m.running for m in g.members[1:]))
        # Nobody's session ends before that: they have left.
        side_by_side.until_state("Empty")
    finally:
        stream.stopping.set()
        side_by_side.cleanup()
    return {group.name: group for group in groups}, stream


def grow_and_shrink(broker, folder, kinds):
    """Two members, then a third, then two again; each time all wait until the partitions are shared."""
    with broker.connect() as c:
        for _, name, _ in kinds:
            c.create_topic(name, PARTITIONS)
    groups = [Group(client, broker, folder, name, name, **words) for client, name, words in kinds]
    side_by_side = Groups(broker, groups)
    try:
        for group in groups:
            group.join()
            group.join()
        side_by_side.until_shared()
        for group in side_by_side.well:
            group.note_owners()
            group.join()
        side_by_side.until_shared()
        for group in side_by_side.well:
            group.grown = {m.name: m.owned() for m in group.present}
            group.members[2].ask_to_end()
        side_by_side.until("the third has left", lambda g: g.members[2].closed and not g.members[2].running)
        side_by_side.until_shared()
        for group in side_by_side.well:
            group.shrunk_at = time.time_ns() // 1000
            for member in group.present:
                member.ask_to_end()
        side_by_side.until("all members closed", lambda g: all(m.closed and not m.running for m in g.members))
    finally:
        side_by_side.cleanup()
    return {group.name: group for group in groups}


def restart_static_member(broker, folder, kinds, end=Member.kill9):
    """Three static members, of which one ends and comes back within its session."""
    with broker.connect() as c:
        for _, name, _ in kinds:
            c.create_topic(name, PARTITIONS)
    groups = [Group(client, broker, folder, name, name, **words) for client, name, words in kinds]
    side_by_side = Groups(broker, groups)
    try:
        for group in groups:
            for n in range(3):
                group.join(instance=f"{group.name}-{n}", session_ms=30_000)
        side_by_side.until_shared()
        for group in side_by_side.well:
            group.note_owners()
            end(group.members[1])
        side_by_side.until("the second is gone", lambda g: not g.members[1].running)
        for group in side_by_side.well:
            group.join(instance=f"{group.name}-1", session_ms=30_000)
        side_by_side.until_shared()
    finally:
        side_by_side.cleanup()
    return {group.name: group for group in groups}


def roll(broker, folder, kinds, ways):
    """Three members, replaced one by one by members of another way, and those by ones of the next way.

    `ways`: of each the words of its members, with the type that the group has in the end. Gives the stream, too.
    """
    first, *others = ways
    with broker.connect() as c:
        for _, name, _ in kinds:
            c.create_topic(name, PARTITIONS)
    groups = [Group(client, broker, folder, name, name, **words) for client, name, words in kinds]
    side_by_side = Groups(broker, groups)
    stream = Stream(broker.address, [group.topic for group in groups])
    try:
        for group in groups:
            for _ in range(3):
                group.join(**first[0])
        side_by_side.until_shared()
        side_by_side.until_reading()
        for words, kind in others:
            for _ in range(3):
                for group in side_by_side.well:
                    group.join(**words)
                    group.oldest = group.present[0]
                side_by_side.until_shared()
                for group in side_by_side.well:
                    group.oldest.ask_to_end()
                side_by_side.until("the oldest has left", lambda g: g.oldest.closed and not g.oldest.running)
                side_by_side.until_shared()
            side_by_side.note_types()
            for group in side_by_side.well:
                if group.type != kind:
                    group.fail(f"it is {group.type}, not {kind}")
        side_by_side.until_reading()
        stream.stop()
        side_by_side.until("all messages seen", lambda g: set(stream.acknowledged[g.topic]) <= set(g.seen()))
        side_by_side.until_lag_is_zero()
    finally:
        stream.stopping.set()
        side_by_side.cleanup()
    return {group.name: group for group in groups}, stream


def expect_survival(crashed, name, kind):
    """It shared its partitions again, saw all, committed all, and left."""
    groups, stream = crashed
    group = groups[name]
    assert group.failure is None, group.failure
    assert group.type == kind
    sent, seen = stream.acknowledged[group.topic], group.seen()
    assert len(sent) > 100
    assert {where: seen.get(where) for where in sent} == sent


def expect_single_owners(group):
    assert len([t for m in group.members for t in m.tenures()]) > 6
    assert not group.doubly_owned()


def expect_commits_to_stay(group):
    assert group.seen() and len(group.commits) == PARTITIONS
    assert not group.moved_back()
