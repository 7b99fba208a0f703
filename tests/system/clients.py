"""Three Kafka clients behind one face: create a topic, produce messages, consume topics whole."""

import dataclasses
import re
import subprocess
import tempfile
import time
from pathlib import Path

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

BUILD = Path(__file__).parents[2] / "build"
CLASSES = f"{BUILD}/test-java:{BUILD}/test-jars/*"
JAVA = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", CLASSES, "Client"]
# librdkafka's own limit is 1,000,000 bytes with everything around the value; the broker's is 1 MiB.
LARGEST = {"message.max.bytes": 1_040_000}
SECONDS_MAX = 60


@dataclasses.dataclass(frozen=True)
class Message:
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple = ()
    timestamp: int | None = None  # None: the client's own, which is now


@dataclasses.dataclass(frozen=True)
class Consumed(Message):
    offset: int = -1


def run(command, stdin=b""):
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS_MAX)
    assert done.returncode == 0, (
        f"{command[:12]}: exit code {done.returncode}\n{done.stderr.decode()[-2000:]}"
    )
    return done.stdout


class Kcat:
    """Debian's kcat with Debian's librdkafka. It cannot set timestamps, and its topics create themselves."""

    sets_timestamps = False
    partitions = 1

    def __init__(self, address):
        self.address = address

    def kcat(self, *arguments, stdin=b""):
        limits = [x for k, v in LARGEST.items() for x in ("-X", f"{k}={v}")]
        return run(["kcat", "-q", "-b", self.address, *limits, *arguments], stdin)

    def create(self, topic):
        pass

    def produce(self, topic, codec, messages):
        """One run a message: headers and NULL are said by options, and apply to a whole run."""
        for m in messages:
            options = ["-P", "-t", topic, "-p", str(m.partition), "-z", codec]
            for name, value in m.headers:
                options += ["-H", name if value is None else f"{name}={value.decode()}"]
            if m.value is None or m.value == b"":
                # An empty message goes only by way of a key and a delimiter; -Z turns it into NULL.
                data = (m.key or b"") + b"<KEY>" + b"<END>"
                options += ["-D", "<END>", "-K", "<KEY>"] + (["-Z"] if m.value is None else [])
                self.kcat(*options, stdin=data)
                continue
            if m.key is not None:
                options += ["-k", m.key.decode()]
            with tempfile.NamedTemporaryFile() as file:
                file.write(m.value)
                file.flush()
                self.kcat(*options, file.name)

    @staticmethod
    def header_text(headers):
        return ",".join(f"{name}={'NULL' if value is None else value.decode()}" for name, value in headers)

    def consume(self, topics):
        found = {}
        for topic in topics:
            options = ["-C", "-t", topic, "-o", "beginning", "-e", "-X", "check.crcs=true"]
            out = self.kcat(*options, "-f", "%p %o %T %K %S\n%k%s%h\n")
            found[topic] = list(self.parse(out))
        return found

    @staticmethod
    def parse(out):
        at = 0
        while at < len(out):
            line = out.index(b"\n", at)
            partition, offset, timestamp, key_size, value_size = map(int, out[at:line].split())
            at = line + 1
            key = None if key_size < 0 else out[at : at + key_size]
            at += max(key_size, 0)
            value = None if value_size < 0 else out[at : at + value_size]
            at += max(value_size, 0)
            line = out.index(b"\n", at)
            # It prints a null header as NULL, which no header here has for a value.
            pairs = re.findall(r"([^=,]+)=([^,]*)", out[at:line].decode())
            headers = tuple((name, None if text == "NULL" else text.encode()) for name, text in pairs)
            at = line + 1
            yield Consumed(partition, key, value, headers, timestamp, offset)


class Librdkafka:
    """A current librdkafka, by way of confluent-kafka."""

    sets_timestamps = True
    partitions = 2

    def __init__(self, address):
        self.config = {"bootstrap.servers": address}

    def create(self, topic):
        admin = AdminClient(self.config)
        (created,) = admin.create_topics([NewTopic(topic, self.partitions)]).values()
        created.result(SECONDS_MAX)

    def produce(self, topic, codec, messages):
        # Without idempotence a retry may come behind later messages; the order is compared.
        config = {**self.config, **LARGEST, "compression.type": codec, "enable.idempotence": True}
        producer = confluent_kafka.Producer(config)
        failed, acknowledged = [], []

        def report(error, message):
            (failed if error else acknowledged).append(error or message.offset())

        for m in messages:
            producer.produce(
                topic,
                m.value,
                m.key,
                m.partition,
                headers=list(m.headers),
                timestamp=m.timestamp,
                on_delivery=report,
            )
        assert producer.flush(SECONDS_MAX) == 0 and not failed, failed
        assert len(acknowledged) == len(messages)

    def consume(self, topics):
        config = {**self.config, "group.id": "unused", "enable.auto.commit": False, "check.crcs": True}
        consumer = confluent_kafka.Consumer({**config, "auto.offset.reset": "error"})
        known = consumer.list_topics(timeout=10).topics
        start = confluent_kafka.OFFSET_BEGINNING
        partitions = [
            confluent_kafka.TopicPartition(t, p, start) for t in topics for p in known[t].partitions
        ]
        left = {(p.topic, p.partition): consumer.get_watermark_offsets(p, 10)[1] for p in partitions}
        consumer.assign(partitions)
        found = {topic: [] for topic in topics}
        end = time.monotonic() + 30
        while any(left.values()):
            assert time.monotonic() < end, f"not consumed in 30 s: {left}"
            m = consumer.poll(0.2)
            if m is None:
                continue
            assert not m.error(), m.error()
            left[m.topic(), m.partition()] -= 1
            headers = tuple(m.headers() or ())
            one = Consumed(m.partition(), m.key(), m.value(), headers, m.timestamp()[1], m.offset())
            found[m.topic()].append(one)
        consumer.close()
        return found


class Java:
    """The Java client with its defaults: idempotent, acks=all."""

    sets_timestamps = True
    partitions = 2

    def __init__(self, address):
        self.address = address

    def create(self, topic):
        run([*JAVA, "create", self.address, topic, str(self.partitions)])

    @staticmethod
    def hex(data):
        return "-" if data is None else data.hex()

    def produce(self, topic, codec, messages):
        lines = []
        for m in messages:
            headers = ",".join(f"{name}={self.hex(value)}" for name, value in m.headers)
            lines.append(f"{m.partition}\t{m.timestamp}\t{self.hex(m.key)}\t{self.hex(m.value)}\t{headers}\n")
        out = run([*JAVA, "produce", self.address, topic, codec], "".join(lines).encode())
        assert len(out.splitlines()) == len(messages)

    def consume(self, topics):
        found = {topic: [] for topic in topics}

        def data(text):
            return None if text == "-" else bytes.fromhex(text)

        for line in run([*JAVA, "consume", self.address, *topics]).decode().split("\n")[:-1]:
            topic, offset, partition, timestamp, key, value, headers = line.split("\t")
            pairs = [h.split("=") for h in headers.split(",") if h]
            headers = tuple((name, data(text)) for name, text in pairs)
            one = Consumed(int(partition), data(key), data(value), headers, int(timestamp), int(offset))
            found[topic].append(one)
        return found


CLIENTS = {"kcat": Kcat, "librdkafka": Librdkafka, "java": Java}
