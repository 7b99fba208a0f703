"""Kafka's own tools for what a log holds, as they come: kafka-delete-records.sh, kafka-log-dirs.sh and
kafka-get-offsets.sh. What they do, and what they print.
"""

import json
import subprocess

import pytest
from broker import ROOT, SANITIZER_FACTOR, Broker
from records import values_batch

JARS = ROOT / "build/test-jars"
LINES = {
    "delete": ("DeleteRecordsCommand", "Executing records delete operation\nRecords delete operation completed:\n"),
    "dirs": (
        "LogDirsCommand",
        "Querying brokers for log directories information\nReceived log directory information from brokers 1\n",
    ),
    "offsets": ("GetOffsetShell", ""),
}


@pytest.fixture(scope="module")
def broker():
    with Broker() as running:
        with running.connect() as c:
            c.create_topic("orders", 2)
            for n in range(10):
                c.produce("orders", 0, values_batch(b"value %d" % n))
        yield running


@pytest.fixture
def tool(broker):
    """Gives what it prints behind its usual first lines."""

    def run(name, *words, fails_with=None):
        verb, begins = LINES[name]
        command = [
            "java", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*", f"org.apache.kafka.tools.{verb}",
            "--bootstrap-server", broker.address, *words,
        ]  # fmt: skip
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=60 * SANITIZER_FACTOR, check=False
        )
        if fails_with:
            assert ran.returncode == 1, ran.stdout
            assert fails_with in ran.stderr
            return ""
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert ran.stdout.startswith(begins)
        return ran.stdout.removeprefix(begins)

    return run


@pytest.fixture
def delete(tool, tmp_path):
    def run(*wanted):
        file = tmp_path / "offsets.json"
        partitions = [{"topic": t, "partition": p, "offset": o} for t, p, o in wanted]
        file.write_text(json.dumps({"version": 1, "partitions": partitions}))
        return set(tool("delete", "--offset-json-file", str(file)).splitlines())

    return run


def test_records_are_deleted_up_to_an_offset(tool, delete):
    assert delete(("orders", 0, 4), ("orders", 1, -1)) == {
        "partition: orders-0\tlow_watermark: 4",
        "partition: orders-1\tlow_watermark: 0",
    }
    assert delete(("orders", 0, 2)) == {"partition: orders-0\tlow_watermark: 4"}
    (refused,) = delete(("orders", 0, 11))
    assert refused.startswith("partition: orders-0\terror: org.apache.kafka.common.errors.OffsetOutOfRangeException: ")

    asked = "--topic-partitions", "orders:0-2", "--time"
    for earliest in ("-2", "earliest"):
        assert tool("offsets", *asked, earliest) == "orders:0:4\norders:1:0\n"
    for latest in ("-1", "latest"):
        assert tool("offsets", *asked, latest) == "orders:0:10\norders:1:0\n"
    assert tool("offsets", *asked, "1") == "orders:0:4\n"
    tool("offsets", "--topic", "nothing", fails_with="Could not match any topic-partitions")

    assert delete(("orders", 0, -1)) == {"partition: orders-0\tlow_watermark: 10"}
    assert tool("offsets", *asked, "earliest") == "orders:0:10\norders:1:0\n"


def test_sizes_are_told(tool, broker):
    with broker.connect() as c:
        c.create_topic("sized", 2)
        batch = values_batch(b"value")
        c.produce("sized", 1, batch)
    (told,) = json.loads(tool("dirs", "--describe", "--topic-list", "sized"))["brokers"]
    assert told["broker"] == 1
    (directory,) = told["logDirs"]
    assert (directory["logDir"], directory["error"]) == (str(broker.data), None)
    assert directory["partitions"] == [
        {"partition": "sized-0", "size": 0, "offsetLag": 0, "isFuture": False},
        {"partition": "sized-1", "size": len(batch), "offsetLag": 0, "isFuture": False},
    ]
    tool("dirs", "--describe", "--broker-list", "1,7", fails_with="The given brokers do not exist")
