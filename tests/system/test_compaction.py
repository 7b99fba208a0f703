"""Topics with cleanup.policy=compact on a real broker: every client reads the last value of each key, and what is
left on the disk is sound, also when the broker was killed in the middle of it.
"""

import random
import time

import clients
import confluent_kafka
import pytest
from broker import SANITIZER_FACTOR, Broker
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from test_log import DONE, fulmar, lines, verify

KEYS = 12
KILLS = 5
SECONDS_MAX = 20 * SANITIZER_FACTOR
DAY_MS = 24 * 3600 * 1000


def compacted_topic(broker, name, delete_retention_ms):
    with broker.connect() as c:
        c.create_topic(
            name, cleanup_policy="compact", segment_bytes=str(1 << 20), min_cleanable_dirty_ratio="0.01",
            delete_retention_ms=str(delete_retention_ms),
        )  # fmt: skip


def look_often(broker):
    admin = AdminClient({"bootstrap.servers": broker.address})
    setting = ConfigEntry("log.cleaner.backoff.ms", "200", incremental_operation=AlterConfigOpType.SET)
    of = ConfigResource(ConfigResource.Type.BROKER, "1", incremental_configs=[setting])
    for done in admin.incremental_alter_configs([of]).values():
        done.result(10)


def value_of(n):
    return b"value %04d " % n + b"x" * 30_000


class Writer:
    """Writes to some keys again and again, now and then a tombstone; each record in a batch of its own."""

    def __init__(self, broker, topic):
        self.topic, self.random, self.written = topic, random.Random(topic), []
        config = {
            "bootstrap.servers": broker.address, "enable.idempotence": True, "batch.num.messages": 1,
            "reconnect.backoff.max.ms": 200, "log_level": 0,
        }  # fmt: skip
        self.producer = confluent_kafka.Producer(config)

    def write(self, count):
        for n in range(len(self.written), len(self.written) + count):
            key = b"key %d" % self.random.randrange(KEYS)
            value = None if self.random.random() < 0.2 else value_of(n)
            self.written.append((n, key, value))
            self.producer.produce(self.topic, value, key, 0)

    def flush(self):
        assert self.producer.flush(SECONDS_MAX) == 0

    def left(self, until, tombstones):
        """What must be left when all in front of `until` is compacted."""
        last = {key: n for n, key, _ in self.written if n < until}
        return [
            (n, key, value)
            for n, key, value in self.written
            if n >= until or (last[key] == n and (value is not None or tombstones))
        ]


def segments(broker, topic):
    return sorted(broker.data.glob(f"{topic}-0.*/*.log"))


def last_base(broker, topic):
    return max(int(name.name[:20]) for name in segments(broker, topic))


def read_by_librdkafka(broker, topic):
    """To the end that it sees itself."""
    settings = {"bootstrap.servers": broker.address, "group.id": "none", "enable.partition.eof": True}
    consumer = confluent_kafka.Consumer({**settings, "check.crcs": True, "enable.auto.commit": False})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    found = []
    while (message := consumer.poll(30)) is not None:  # One without a value passes for false.
        if message.error():
            assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF
            break
        found.append((message.offset(), message.key(), message.value()))
    consumer.close()
    return found


def short(records):
    return [(n, key, value and value[:10]) for n, key, value in records]


def wait_until_left(broker, writer, tombstones):
    """What is in front of the last segment is compacted."""
    end = time.monotonic() + SECONDS_MAX
    while True:
        expected = writer.left(last_base(broker, writer.topic), tombstones)
        found = read_by_librdkafka(broker, writer.topic)
        if found == expected:
            return expected
        assert time.monotonic() < end, (short(found), short(expected))
        time.sleep(0.2)


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "data")
    try:
        broker.start()
        look_often(broker)
        broker.restart()  # For whoever waits already waits as long as before.
        yield broker
    finally:
        broker.cleanup()


def test_every_client_reads_the_last_value_of_each_key(broker):
    topics = {"kept": DAY_MS, "gone": 0}  # And how long its tombstones stay.
    writers = {}
    for topic, delete_retention_ms in topics.items():
        compacted_topic(broker, topic, delete_retention_ms)
        writers[topic] = Writer(broker, topic)
        writers[topic].write(200)
        writers[topic].flush()
    for topic, writer in writers.items():
        expected = wait_until_left(broker, writer, tombstones=topic == "kept")
        assert len(expected) < len(writer.written)
        assert any(value is None for _, _, value in expected)
        for client in (clients.Kcat, clients.Java):
            read = client(broker.address).consume([topic])[topic]
            assert short([(m.offset, m.key, m.value) for m in read]) == short(expected), client
        read = fulmar("consume", topic, "--until-end", "--server", broker.address).stdout
        assert len(read.splitlines()) >= sum(value is not None for _, _, value in expected)
    broker.stop()

    assert verify(broker, code=DONE).stdout.endswith("All is sound.\n")
    (directory,) = broker.data.glob("kept-0.*")
    batches = lines(fulmar("log", "dump", str(directory), "--json"))
    ends = [b["last_offset"] + 1 for b in batches]
    assert [b["first_offset"] for b in batches] == [0, *ends[:-1]]
    assert any(b["records"] == 0 for b in batches)
    horizons = [b["delete_horizon_ms"] for b in batches if b["delete_horizon_ms"] is not None]
    assert horizons and min(horizons) > time.time() * 1000 + DAY_MS - 600_000
    assert "tombstones until" in fulmar("log", "dump", str(directory)).stdout
    (state,) = lines(fulmar("log", "dump", str(directory / "compacted"), "--json"))
    assert state["compacted_until"] == last_base(broker, "kept")
    assert state["next_horizon_ms"] == min(horizons)


@pytest.mark.parametrize("how", ["missing", "flipped", "empty", "older"])
def test_what_it_notes_of_its_progress_may_be_lost(broker, how):
    compacted_topic(broker, "kept", DAY_MS)
    writer = Writer(broker, "kept")
    writer.write(120)
    writer.flush()
    wait_until_left(broker, writer, tombstones=True)
    (noted,) = broker.data.glob("kept-0.*/compacted")
    older = noted.read_bytes()
    writer.write(80)
    writer.flush()
    wait_until_left(broker, writer, tombstones=True)
    broker.stop()
    data = noted.read_bytes()
    if how == "missing":
        noted.unlink()
    else:
        noted.write_bytes({"flipped": bytes([data[0] ^ 1]) + data[1:], "empty": b"", "older": older}[how])
    broker.start()
    writer.write(80)
    writer.flush()
    expected = wait_until_left(broker, writer, tombstones=True)
    assert any(value is None for _, _, value in expected)
    end = time.monotonic() + SECONDS_MAX
    while not noted.exists() or noted.read_bytes() in (data, older, b""):
        assert time.monotonic() < end
        time.sleep(0.1)
    broker.stop()
    (state,) = lines(fulmar("log", "dump", str(noted), "--json"))
    assert state["compacted_until"] == last_base(broker, "kept")
    assert verify(broker, code=DONE).stdout.endswith("All is sound.\n")


def test_kills_in_the_middle_of_it_lose_no_last_value(broker):
    compacted_topic(broker, "kept", DAY_MS)
    writer = Writer(broker, "kept")
    chance = random.Random(1)
    for _ in range(KILLS):
        writer.write(150)
        writer.flush()
        time.sleep(chance.uniform(0, 0.5))
        broker.kill9()
        found = verify(broker, code=DONE).stdout
        assert found.endswith("All is sound.\n"), found
        broker.start()
    expected = wait_until_left(broker, writer, tombstones=True)
    assert len(expected) < 150
    broker.stop()
    assert verify(broker, code=DONE).stdout.endswith("All is sound.\n")
