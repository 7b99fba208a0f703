"""Makes the data directories of tests/golden, each as small as shows every file that a broker writes; and reads
what a broker serves of one. Run by hand, for each new format of a file: golden.py <folder>
"""

import json
import shutil
import sys
import time
from pathlib import Path

import confluent_kafka
import records
from broker import Broker

GOLDEN = Path(__file__).parents[1] / "golden"
# Stamps of batches, so far apart that each second one begins a segment.
STAMP = 1_750_000_000_000
APART_MS = 3_600_000
# Fixed, so that the log of a broker started years later still has it.
KEPT = {"retention_ms": "-1", "message_timestamp_after_max_ms": str(2**63 - 1)}
ROLLS = {**KEPT, "segment_ms": str(APART_MS + APART_MS // 2)}
TOPICS = {
    "plain": KEPT,
    "gzip": {**KEPT, "compression_type": "gzip"}, "snappy": {**KEPT, "compression_type": "snappy"},
    "lz4": {**KEPT, "compression_type": "lz4"}, "zstd": {**KEPT, "compression_type": "zstd"},
    "segments": ROLLS, "trimmed": ROLLS,
    "compacted": {**ROLLS, "cleanup_policy": "compact", "min_cleanable_dirty_ratio": "0.01",
                  "delete_retention_ms": str(2**40)},
}  # fmt: skip
PRODUCER = {"producer_id": 4711, "producer_epoch": 3}


def batch(topic, n):
    key = b"key %d" % (n % 3) if topic == "compacted" else None
    value = None if topic == "compacted" and n == 4 else b"%s %d " % (topic.encode(), n) + b"x" * 40
    stamp = STAMP + n * APART_MS
    fields = {**PRODUCER, "base_sequence": n} if topic != "compacted" else {}
    return records.batch_of([records.Record(stamp, key, value)], **fields).sealed()


def produce(c, topic, numbers):
    for n in numbers:
        assert c.produce(topic, 0, batch(topic, n)) == n


def set_config(c, broker_config, value):
    resource = {
        "ResourceType": 4, "ResourceName": "1",
        "Configs": [{"Name": broker_config, "ConfigOperation": 0, "Value": value}],
    }  # fmt: skip
    (answer,) = c.call("IncrementalAlterConfigs", 1, {"Resources": [resource], "ValidateOnly": False})["Responses"]
    assert answer["ErrorCode"] == 0, answer


def trim(c, topic, offset):
    body = {"Topics": [{"Name": topic, "Partitions": [{"PartitionIndex": 0, "Offset": offset}]}], "TimeoutMs": 9000}
    (answer,) = c.call("DeleteRecords", 2, body)["Topics"][0]["Partitions"]
    assert answer["ErrorCode"] == 0, answer


def served(broker):
    """Of each topic where it starts and ends, and what is in it: offset, time stamp, key, value."""
    found = {}
    settings = {"bootstrap.servers": broker.address, "group.id": "none", "enable.partition.eof": True}
    settings |= {"enable.auto.commit": False, "fetch.wait.max.ms": 10, "fetch.queue.backoff.ms": 10}
    consumer = confluent_kafka.Consumer(settings)
    for topic in TOPICS:
        low, high = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), 30)
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, low)])
        inside = []
        while message := consumer.poll(30):
            if message.error():
                assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF, message.error()
                break
            inside.append([message.offset(), message.timestamp()[1], text(message.key()), text(message.value())])
        found[topic] = {"start": low, "end": high, "records": inside}
    return found


def text(value):
    return None if value is None else value.decode()


def make(folder, killed):
    with Broker() as broker:
        with broker.connect() as c:
            for topic, configs in TOPICS.items():
                c.create_topic(topic, **configs)
            c.create_topic("deleted")
            c.call("DeleteTopics", 6, {"Topics": [{"Name": "deleted", "TopicId": "00" * 16}], "TimeoutMs": 9000})
            set_config(c, "log.cleaner.backoff.ms", "100")
        broker.restart()
        with broker.connect() as c:
            for topic in TOPICS:
                produce(c, topic, range(8))
            trim(c, "trimmed", 3)
            deadline = time.monotonic() + 30
            while not list(broker.data.glob("compacted-0.*/compacted")):
                assert time.monotonic() < deadline
                time.sleep(0.2)
        broker.restart()
        with broker.connect() as c:
            for topic in TOPICS:
                produce(c, topic, range(8, 10))
            time.sleep(5)  # What is to be compacted is; and what reads it later has the time to.
            set_config(c, "log.cleaner.backoff.ms", "60000")
            expected = served(broker)
        if killed:
            broker.kill9()
        else:
            broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(broker.data, folder)
        (folder.parent / f"{folder.name}.json").write_text(json.dumps(expected, indent=1) + "\n")
        shutil.rmtree(broker.data)
        broker.start()


if __name__ == "__main__":
    for name in ("clean", "killed"):
        make(Path(sys.argv[1]).resolve() / name, name == "killed")
