"""Kafka's own tool for topics, kafka-topics.sh, as it comes: what it does, and what it prints."""

import re
import subprocess

import pytest
from broker import ROOT, SANITIZER_FACTOR, Broker

JARS = ROOT / "build/test-jars"


@pytest.fixture(scope="module")
def broker():
    with Broker() as running:
        yield running


@pytest.fixture
def tool(broker):
    def run(*words, fails_with=None):
        command = [
            "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*",
            "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.address, *words,
        ]  # fmt: skip
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=60 * SANITIZER_FACTOR, check=False
        )
        if fails_with:
            assert ran.returncode == 1, ran.stdout
            assert fails_with in ran.stdout + ran.stderr
        else:
            assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    return run


def described(name, partitions, configs=""):
    head = rf"Topic: {name}\tTopicId: [\w-]{{22}}\tPartitionCount: {partitions}"
    text = rf"{head}\tReplicationFactor: 1\tConfigs: {configs}\n"
    for n in range(partitions):
        text += rf"\tTopic: {name}\tPartition: {n}\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: \n"
    return text


def test_topic_is_made_grown_and_deleted(tool):
    assert tool("--list") == "\n"
    made = tool("--create", "--topic", "orders", "--partitions", "2", "--config", "retention.ms=5000")
    assert made == "Created topic orders.\n"
    tool("--create", "--topic", "orders", fails_with="Topic 'orders' already exists.")
    assert tool("--create", "--topic", "orders", "--if-not-exists") == ""
    tool("--create", "--topic", "bills")
    assert tool("--list") == "bills\norders\n"
    shown = tool("--describe", "--topic", "orders")
    assert re.fullmatch(described("orders", 2, ".*retention.ms=5000.*"), shown)

    assert tool("--alter", "--topic", "orders", "--partitions", "5") == ""
    assert re.fullmatch(described("orders", 5, ".*"), tool("--describe", "--topic", "orders"))
    tool("--alter", "--topic", "orders", "--partitions", "5", fails_with="Topic already has 5 partition(s).")
    tool("--alter", "--topic", "orders", "--partitions", "3", fails_with="3 would not be an increase")
    tool("--alter", "--topic", "ordes", "--partitions", "9", fails_with="Topic 'ordes' does not exist")

    assert tool("--delete", "--topic", "orders") == ""
    assert tool("--list") == "bills\n"
    tool("--delete", "--topic", "orders", fails_with="Topic 'orders' does not exist")
    tool("--describe", "--topic", "orders", fails_with="Topic 'orders' does not exist")
    assert tool("--create", "--topic", "orders", "--partitions", "1") == "Created topic orders.\n"
    assert re.fullmatch(described("orders", 1, ".*"), tool("--describe", "--topic", "orders"))


def test_what_is_amiss_is_nothing(tool):
    for which in ("under-replicated", "unavailable", "under-min-isr"):
        assert tool("--describe", f"--{which}-partitions") == "", which


def test_many_partitions_come_page_by_page(tool):
    tool("--create", "--topic", "wide", "--partitions", "2500")
    lines = tool("--describe", "--topic", "wide", "--partition-size-limit-per-response", "700").splitlines()
    assert len(lines) == 2501
    assert [int(re.search(r"Partition: (\d+)", line)[1]) for line in lines[1:]] == list(range(2500))
    tool("--delete", "--topic", "wide")
