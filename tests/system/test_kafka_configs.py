"""Kafka's own tool for settings, kafka-configs.sh, as it comes: what it changes, and what it prints."""

import subprocess

import pytest
from broker import ROOT, SANITIZER_FACTOR, Broker
from records import split, values_batch

JARS = ROOT / "build/test-jars"


@pytest.fixture(scope="module")
def broker():
    with Broker() as running:
        with running.connect() as c:
            c.create_topic("settings")
        yield running


@pytest.fixture
def tool(broker):
    def run(*words, fails_with=None):
        command = [
            "java", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*", "org.apache.kafka.tools.ConfigCommand",
            "--bootstrap-server", broker.address, *words,
        ]  # fmt: skip
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=60 * SANITIZER_FACTOR, check=False
        )
        if fails_with:
            assert ran.returncode == 1, ran.stdout
            assert fails_with in ran.stderr
        else:
            assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return run


@pytest.fixture
def topic(broker):
    yield ["--entity-type", "topics", "--entity-name", "settings"]
    with broker.connect() as c:
        resource = {"ResourceType": 2, "ResourceName": "settings", "Configs": []}
        c.call("AlterConfigs", 2, {"Resources": [resource], "ValidateOnly": False})


BROKER = ["--entity-type", "brokers", "--entity-name", "1"]
BROKERS = ["--entity-type", "brokers", "--entity-default"]


def test_settings_of_a_topic(tool, topic):
    title = "Dynamic configs for topic settings are:\n"
    done = "Completed updating config for topic settings.\n"
    assert tool(*topic, "--describe") == title
    both = "retention.ms=1000,cleanup.policy=[compact,delete]"
    assert tool(*topic, "--alter", "--add-config", both) == done
    policy = (
        "  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy="
        "compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}\n"
    )
    retention = (
        "  retention.ms=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=1000, "
        "DEFAULT_CONFIG:log.retention.ms=2592000000}\n"
    )
    assert tool(*topic, "--describe") == title + policy + retention
    assert tool(*topic, "--alter", "--delete-config", "retention.ms") == done
    assert tool(*topic, "--describe") == title + policy
    every = tool(*topic, "--describe", "--all").splitlines()
    assert every[0] == "All configs for topic settings are:"
    assert len(every) == 34
    tool(*topic, "--alter", "--add-config", "nonsense=1", fails_with="Unknown topic config name: nonsense")
    tool(*topic, "--alter", "--add-config", "segment.bytes=1", fails_with="Value must be at least 1048576")
    assert tool(*topic, "--alter", "--delete-config", "retention.ms") == done  # It was not set.


def test_settings_of_a_broker_come_before_those_of_all(tool, topic):
    title = "Dynamic configs for broker 1 are:\n"
    all_title = "Default configs for brokers in the cluster are:\n"
    assert tool(*BROKERS, "--alter", "--add-config", "message.max.bytes=3000000") == (
        "Completed updating default config for brokers in the cluster.\n"
    )
    assert tool(*BROKER, "--alter", "--add-config", "message.max.bytes=2000000,log.cleaner.threads=2") == (
        "Completed updating config for broker 1.\n"
    )
    largest = (
        "DYNAMIC_BROKER_CONFIG:message.max.bytes=2000000, "
        "DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=3000000, DEFAULT_CONFIG:message.max.bytes=1048588}\n"
    )
    assert tool(*BROKER, "--describe") == (
        f"{title}  log.cleaner.threads=2 sensitive=false "
        "synonyms={DYNAMIC_BROKER_CONFIG:log.cleaner.threads=2, DEFAULT_CONFIG:log.cleaner.threads=1}\n"
        f"  message.max.bytes=2000000 sensitive=false synonyms={{{largest}"
    )
    assert tool(*BROKERS, "--describe") == (
        f"{all_title}  message.max.bytes=3000000 sensitive=false "
        "synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=3000000}\n"
    )
    shown = tool(*topic, "--describe", "--all")
    assert f"  max.message.bytes=2000000 sensitive=false synonyms={{{largest}" in shown
    tool(*BROKER, "--alter", "--delete-config", "message.max.bytes,log.cleaner.threads")
    assert "  max.message.bytes=3000000 " in tool(*topic, "--describe", "--all")
    tool(*BROKERS, "--alter", "--delete-config", "message.max.bytes")
    assert tool(*BROKER, "--describe") == title
    assert tool(*BROKERS, "--describe") == all_title
    assert "  max.message.bytes=1048588 " in tool(*topic, "--describe", "--all")


def test_what_only_the_start_can_set_is_refused(tool):
    tool(*BROKER, "--alter", "--add-config", "log.dirs=/x", fails_with="configs dynamically: [log.dirs]")
    tool(*BROKERS, "--alter", "--add-config", "num.partitions=3", fails_with="[num.partitions]")
    tool(*BROKER, "--alter", "--add-config", "message.max.bytes=x", fails_with="Not a number of type INT")
    every = tool(*BROKER, "--describe", "--all")
    assert "  inter.broker.protocol.version=4.2-IV1 " in every
    assert "  log.dirs=" in every


def alter(connection, kind, name, *edits, error=0):
    """Edits are (key, operation, value)."""
    configs = [{"Name": k, "ConfigOperation": op, "Value": value} for k, op, value in edits]
    resource = {"ResourceType": kind, "ResourceName": name, "Configs": configs}
    body = {"Resources": [resource], "ValidateOnly": False}
    (answer,) = connection.call("IncrementalAlterConfigs", 1, body)["Responses"]
    assert answer["ErrorCode"] == error, answer


SET, DELETE = 0, 1
TOO_LARGE = 10


def produced(connection, topic, size):
    body = connection.produce_body(topic, 0, values_batch(b"x" * size))
    (part,) = connection.call("Produce", 9, body)["Responses"][0]["PartitionResponses"]
    return part["ErrorCode"]


def test_a_short_request_has_no_endless_answer(broker):
    resource = {"ResourceType": 2, "ResourceName": "settings", "ConfigurationKeys": None}
    asked = {"Resources": [resource] * 20_000, "IncludeSynonyms": True, "IncludeDocumentation": True}
    with broker.connect() as c:
        first, *others = c.call("DescribeConfigs", 4, asked)["Results"]
    assert first["ErrorCode"] == 0
    assert len(first["Configs"]) == 33
    assert {(r["ErrorCode"], len(r["Configs"])) for r in others} == {(42, 0)}


def test_number_of_connections_changes_while_they_are_open():
    with Broker() as broker, broker.connect() as admin:
        alter(admin, 4, "", ("max.connections", SET, "1"))
        others = [broker.connect(timeout=0.5) for _ in range(8)]

        def answered(connection):
            try:
                return bool(connection.call("ApiVersions", 0)["ApiKeys"])
            except TimeoutError:
                return False

        # One on each core, and one that came before the change.
        assert sum(answered(c) for c in others[:4]) < 4
        alter(admin, 4, "", ("max.connections", DELETE, None))
        for c in others[4:]:
            c.socket.settimeout(10)
            assert answered(c)
        for c in others:
            c.close()


def test_changes_act_on_the_next_produce_and_survive_a_restart():
    with Broker() as broker:
        with broker.connect() as c:
            c.create_topic("acts")
            assert produced(c, "acts", 3000) == 0
            alter(c, 2, "acts", ("max.message.bytes", SET, "2000"))
            assert produced(c, "acts", 3000) == TOO_LARGE
            alter(c, 2, "acts", ("max.message.bytes", DELETE, None))
            assert produced(c, "acts", 3000) == 0
            alter(c, 4, "", ("message.max.bytes", SET, "2000"))
            assert produced(c, "acts", 3000) == TOO_LARGE
            alter(c, 4, "1", ("message.max.bytes", SET, "5000"))
            assert produced(c, "acts", 3000) == 0
            alter(c, 2, "acts", ("message.timestamp.type", SET, "LogAppendTime"))
            alter(c, 2, "acts", ("compression.type", SET, "zstd"))
            end = c.end_offset("acts", 0)
            assert produced(c, "acts", 100) == 0
            (batch,), _ = split(c.fetch("acts", 0, end)["Records"])
            append_time, zstd = 8, 4
            assert batch.attributes == append_time | zstd
        broker.restart()
        with broker.connect() as c:
            assert produced(c, "acts", 3000) == 0
            assert produced(c, "acts", 6000) == TOO_LARGE
            alter(c, 4, "1", ("message.max.bytes", DELETE, None))
            assert produced(c, "acts", 3000) == TOO_LARGE
            end = c.end_offset("acts", 0)
            assert produced(c, "acts", 100) == 0
            (batch,), _ = split(c.fetch("acts", 0, end)["Records"])
            assert batch.attributes == append_time | zstd
