"""kill -9 under load: what was acknowledged is there, once, in order. And how the broker starts and stops."""

import random
import subprocess
import threading
import time

import confluent_kafka
import pytest
import records
from broker import ENVIRONMENT, SANITIZER_FACTOR, STOP_SECONDS_MAX, Broker
from clients import JAVA, SECONDS_MAX

PARTITIONS = 4
KILLS = 6
START_SECONDS_MAX = 0.1 * SANITIZER_FACTOR
IDLE_RSS_MAX = (30 << 20) * SANITIZER_FACTOR


class LibrdkafkaStream:
    """An idempotent producer that sends 0, 1, 2, ... round the partitions until it is told to stop."""

    def __init__(self, address, topic):
        self.acknowledged, self.errors, self.stopping = [], [], threading.Event()
        self.topic = topic
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 2,
            "reconnect.backoff.max.ms": 200, "error_cb": self.fatal,
        })  # fmt: skip
        self.thread = threading.Thread(target=self.send)
        self.thread.start()

    def fatal(self, error):
        if error.fatal():
            self.errors.append(error)

    def report(self, error, message):
        if error:
            self.errors.append(error)
        else:
            self.acknowledged.append((message.partition(), message.offset(), int(message.value())))

    def send(self):
        number = 0
        while not self.stopping.is_set() and not self.errors:
            try:
                partition = number % PARTITIONS
                self.producer.produce(self.topic, str(number), partition=partition, on_delivery=self.report)
                number += 1
            except BufferError:
                self.producer.poll(0.05)
            self.producer.poll(0)
            if number % 20 == 0:
                time.sleep(0.001)
        self.sent = number

    def count(self):
        return len(self.acknowledged)

    def finish(self):
        self.stopping.set()
        self.thread.join()
        left = self.producer.flush(SECONDS_MAX)
        assert not self.errors, self.errors[:3]
        assert left == 0
        return self.acknowledged, self.sent


class JavaStream:
    """The same with the Java client and its defaults."""

    def __init__(self, address, topic):
        self.process = subprocess.Popen(
            [*JAVA, "stream", address, topic, str(PARTITIONS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.acknowledged = []
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.acknowledged.append(tuple(map(int, line.split())))

    def count(self):
        return len(self.acknowledged)

    def finish(self):
        if self.process.poll() is None:
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()
        try:
            code = self.process.wait(SECONDS_MAX)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.thread.join()
            errors = self.process.stderr.read()
        assert code == 0, errors
        return self.acknowledged, None


def wait_for_acknowledged(producer, more, when):
    wanted, end = producer.count() + more, time.monotonic() + 20 * SANITIZER_FACTOR
    while producer.count() < wanted:
        assert time.monotonic() < end, f"too little was acknowledged {when}"
        time.sleep(0.01)


def stored(broker, topic):
    """By partition: the numbers in it, after a check that offsets are dense."""
    found = []
    with broker.connect() as c:
        for partition in range(PARTITIONS):
            numbers, offset = [], 0
            end = c.end_offset(topic, partition)
            while offset < end:
                batches = records.verified(c.fetch(topic, partition, offset)["Records"])
                assert batches, f"nothing at offset {offset} of partition {partition}, the end is {end}"
                for batch in batches:
                    assert batch.base_offset == offset, f"partition {partition}: {offset} is missing"
                    payload = records.opened(batch)
                    inside = records.decode_records(payload, batch.base_timestamp, batch.count)
                    numbers += [int(r.value) for r in inside]
                    offset += batch.count
            found.append(numbers)
    return found


@pytest.mark.parametrize("stream", [LibrdkafkaStream, JavaStream])
def test_kill_loses_and_doubles_nothing(stream):
    rng = random.Random()
    with Broker() as broker:
        with broker.connect() as c:
            c.create_topic("crash", PARTITIONS)
        producer = stream(broker.address, "crash")
        try:
            for kill in range(KILLS):
                wait_for_acknowledged(producer, 200, f"before kill {kill}")
                time.sleep(rng.uniform(0, 0.7))
                broker.kill9()
                time.sleep(rng.uniform(0, 0.2))
                broker.start()
            wait_for_acknowledged(producer, 200, "after the last kill")
        finally:
            acknowledged, sent = producer.finish()
        numbers = stored(broker, "crash")
        for partition, offset, number in acknowledged:
            there = numbers[partition]
            assert offset < len(there), f"{number}, acknowledged at {partition}/{offset}, is missing"
            assert there[offset] == number, f"{partition}/{offset} holds {there[offset]}, not {number}"
        for partition, seen in enumerate(numbers):
            # Each partition gets every fourth number. So: nothing missing, nothing twice, and in order.
            assert seen == list(range(partition, partition + PARTITIONS * len(seen), PARTITIONS))
        total = sum(map(len, numbers))
        assert total == len(acknowledged), "all that was sent was acknowledged in the end"
        assert sent in (None, total)
        # And once more, from a log that was closed in order.
        broker.restart()
        assert stored(broker, "crash") == numbers


def test_sigterm_stops_a_busy_broker():
    with Broker() as broker:
        with broker.connect() as c:
            c.create_topic("busy", PARTITIONS)
        producer = LibrdkafkaStream(broker.address, "busy")
        waiting = [broker.connect() for _ in range(5)]
        try:
            wait_for_acknowledged(producer, 100, "at the start")
            for c in waiting:
                body = c.fetch_body("busy", 0, c.end_offset("busy", 0), wait_ms=30_000)
                c.send("Fetch", 12, body | {"MinBytes": 40 << 20})
            time.sleep(0.2)
            took = broker.stop()
            assert took < STOP_SECONDS_MAX
            broker.start()
        finally:
            for c in waiting:
                c.close()
            acknowledged, sent = producer.finish()
        numbers = stored(broker, "busy")
        assert sum(map(len, numbers)) == sent == len(acknowledged)


def test_a_data_directory_has_one_broker():
    with Broker() as broker:
        second = Broker(data=broker.data)
        done = subprocess.run(second.command(), capture_output=True, text=True, timeout=10, env=ENVIRONMENT)
        second.cleanup()
        assert done.returncode not in (0, -6, -11), f"exit code {done.returncode}"
        said = done.stdout + done.stderr
        assert "in use" in said and str(broker.pid) in said, said
        with broker.connect() as c:
            c.create_topic("still-there")


def test_start_to_first_answer_on_an_empty_directory():
    took = []
    for _ in range(5):
        with Broker() as broker:
            took.append(broker.first_answer_seconds)
    assert min(took) <= START_SECONDS_MAX, took


def test_an_idle_broker_is_small():
    with Broker() as broker:
        time.sleep(0.5)
        assert broker.rss_bytes() <= IDLE_RSS_MAX, f"{broker.rss_bytes() / 1048576:.1f} MiB"
