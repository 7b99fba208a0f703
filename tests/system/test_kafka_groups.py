"""Kafka's own tool for consumer groups, kafka-consumer-groups.sh, as it comes: what it does, and what it prints."""

import contextlib
import datetime
import re
import subprocess

import pytest
from broker import ROOT, SANITIZER_FACTOR, Broker
from groups import Group, Groups, coordinator_answer
from members import ENVIRONMENT
from records import values_batch

JARS = ROOT / "build/test-jars"
TOPIC = "orders"
MESSAGES = 5  # in each of two partitions, a minute apart
FIRST = 1_700_000_000_000


@pytest.fixture(scope="module")
def broker():
    with Broker(settings={"group.initial.rebalance.delay.ms": "0"}) as running:
        with running.connect() as c:
            c.create_topic(TOPIC, 2, retention_ms="-1")  # the messages are old
            for n in range(2 * MESSAGES):
                c.produce(TOPIC, n % 2, values_batch(b"value", timestamp=FIRST + n // 2 * 60_000))
        yield running


@pytest.fixture(scope="module")
def tool(broker):
    """Gives rows of words where a table is printed, else the text. Its exit code says nothing, its text does."""

    def run(*words, fails_with=None):
        command = [
            "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-cp", f"{JARS}/*",
            "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", broker.address, *words,
        ]  # fmt: skip
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=60 * SANITIZER_FACTOR, env=ENVIRONMENT, check=False
        )
        if fails_with:
            assert fails_with in ran.stdout, ran.stdout + ran.stderr
        else:
            assert ran.returncode == 0 and "Error" not in ran.stdout, ran.stdout + ran.stderr
        return ran.stdout

    return run


def rows(text):
    """Of all tables that were printed, without their heads."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return sorted(line for line in lines if line[0] not in ("GROUP", "TOPIC", "Error:", "Warn:"))


def commit(broker, group, *offsets):
    """Offsets of the partitions from 0 on, as a consumer without a group's members commits them."""
    parts = [{"PartitionIndex": n, "CommittedOffset": offset} for n, offset in enumerate(offsets)]
    body = {
        "GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": "",
        "Topics": [{"Name": TOPIC, "Partitions": parts}],
    }  # fmt: skip
    with broker.connect() as c:
        (topic,) = coordinator_answer(c, "OffsetCommit", 6, body)["Topics"]
    assert all(p["ErrorCode"] == 0 for p in topic["Partitions"]), topic


def offsets(broker, group):
    """Committed, by partition."""
    with broker.connect() as c:
        answer = coordinator_answer(c, "OffsetFetch", 5, {"GroupId": group, "Topics": None})
    assert answer["ErrorCode"] == 0, answer
    return {p["PartitionIndex"]: p["CommittedOffset"] for t in answer["Topics"] for p in t["Partitions"]}


@contextlib.contextmanager
def reading(broker, folder, name, **words):
    """A group of one member that owns both partitions, has read all and committed all."""
    group = Group("librdkafka", broker, folder, TOPIC, name, **words)
    alone = Groups(broker, [group])
    try:
        group.join()
        alone.until("all read and committed", lambda g: offsets(broker, name) == {0: MESSAGES, 1: MESSAGES})
        assert group.failure is None, group.failure
        yield alone
    finally:
        alone.cleanup()


@pytest.fixture(scope="module")
def active(broker, tmp_path_factory):
    with reading(broker, tmp_path_factory.mktemp("active"), "active", assignor="eager"):
        yield


@pytest.fixture(scope="module")
def modern(broker, tmp_path_factory):
    """Of KIP-848."""
    with reading(broker, tmp_path_factory.mktemp("modern"), "modern", protocol="consumer", assignor="range"):
        yield


def test_groups_of_the_newer_protocol_are_shown(broker, tool, modern):
    assert ["modern", "Consumer"] in rows(tool("--list", "--type"))
    assert "modern" in tool("--list", "--type", "consumer").split()
    told = rows(tool("--describe", "--group", "modern"))
    member = told[0][6]
    assert told == [["modern", TOPIC, n, "5", "5", "0", member, "/127.0.0.1", "rdkafka"] for n in ("0", "1")]
    assert rows(tool("--describe", "--group", "modern", "--members")) == [
        ["modern", member, "/127.0.0.1", "rdkafka", "2"]
    ]
    (verbose,) = rows(tool("--describe", "--group", "modern", "--members", "--verbose"))
    assert verbose[:5] == ["modern", member, "/127.0.0.1", "rdkafka", "2"] and f"{TOPIC}:0,1" in verbose
    assert rows(tool("--describe", "--group", "modern", "--state")) == [
        ["modern", broker.address, "(1)", "range", "Stable", "1"]
    ]


def test_groups_of_the_newer_protocol_are_kept_from_changes_while_they_work(broker, tool, modern):
    tool(
        "--reset-offsets", "--group", "modern", "--topic", TOPIC, "--to-earliest", "--execute",
        fails_with="Assignments can only be reset if the group 'modern' is inactive, but the current state is Stable.",
    )  # fmt: skip
    tool("--delete-offsets", "--group", "modern", "--topic", TOPIC, fails_with="GroupSubscribedToTopicException")
    tool("--delete", "--group", "modern", fails_with="GroupNotEmptyException: The group is not empty.")
    assert offsets(broker, "modern") == {0: MESSAGES, 1: MESSAGES}


def test_a_group_of_the_newer_protocol_is_reset_and_deleted_once_its_members_have_left(broker, tool, tmp_path):
    with reading(broker, tmp_path, "left", protocol="consumer", assignor="uniform") as alone:
        (group,) = alone.all
        group.members[0].ask_to_end()
        alone.until_state("Empty")
        assert group.failure is None, group.failure
    assert rows(tool("--describe", "--group", "left", "--state")) == [
        ["left", broker.address, "(1)", "uniform", "Empty", "0"]
    ]
    told = tool("--reset-offsets", "--group", "left", "--topic", TOPIC, "--to-offset", "2", "--execute")
    assert rows(told) == [["left", TOPIC, "0", "2"], ["left", TOPIC, "1", "2"]]
    assert offsets(broker, "left") == {0: 2, 1: 2}
    assert "was successful" in tool("--delete", "--group", "left")
    assert "left" not in tool("--list").split() and offsets(broker, "left") == {}


def test_groups_are_listed(broker, tool, active):
    commit(broker, "idle", 3)
    assert set(tool("--list").split()) >= {"active", "idle"}
    assert [r for r in rows(tool("--list", "--state")) if r[0] in ("active", "idle")] == [
        ["active", "Stable"], ["idle", "Empty"],
    ]  # fmt: skip
    stable = rows(tool("--list", "--state", "Stable"))
    assert ["active", "Stable"] in stable and all(state == "Stable" for _, state in stable)
    assert ["active", "Classic"] in rows(tool("--list", "--type"))
    assert "active" in tool("--list", "--type", "classic").split()
    assert "active" not in tool("--list", "--type", "consumer").split()


def test_active_group_is_described(broker, tool, active):
    told = rows(tool("--describe", "--group", "active"))
    member = told[0][6]
    assert re.fullmatch(r"rdkafka-[\w-]{36}", member)
    assert told == [["active", TOPIC, n, "5", "5", "0", member, "/127.0.0.1", "rdkafka"] for n in ("0", "1")]
    assert rows(tool("--describe", "--group", "active", "--offsets")) == told
    assert rows(tool("--describe", "--group", "active", "--members")) == [
        ["active", member, "/127.0.0.1", "rdkafka", "2"]
    ]
    (verbose,) = rows(tool("--describe", "--group", "active", "--members", "--verbose"))
    assert verbose == ["active", member, "/127.0.0.1", "rdkafka", "2", "-", f"{TOPIC}:0,1", "-", "-"]
    assert rows(tool("--describe", "--group", "active", "--state")) == [
        ["active", broker.address, "(1)", "range", "Stable", "1"]
    ]


def test_group_without_members_is_described(broker, tool):
    commit(broker, "idle", 3)
    assert rows(tool("--describe", "--group", "idle")) == [["idle", TOPIC, "0", "3", "5", "2", "-", "-", "-"]]
    assert rows(tool("--describe", "--group", "idle", "--members")) == []
    (state,) = rows(tool("--describe", "--group", "idle", "--state"))
    assert state == ["idle", broker.address, "(1)", "-", "Empty", "0"]
    tool("--describe", "--group", "nobody", fails_with="GroupIdNotFoundException: Group nobody not found.")
    assert ["idle", TOPIC, "0", "3", "5", "2", "-", "-", "-"] in rows(tool("--describe", "--all-groups"))


def test_offsets_are_reset(broker, tool):
    commit(broker, "reset", 3, 3)

    def reset(*words):
        """What it says it set, after looking that it did."""
        told = rows(tool("--reset-offsets", "--group", "reset", *words, "--execute"))
        assert all(row[:2] == ["reset", TOPIC] for row in told)
        said = {int(row[2]): int(row[3]) for row in told}
        now = offsets(broker, "reset")
        assert said.items() <= now.items()
        return now

    whole, first = ("--topic", TOPIC), ("--topic", f"{TOPIC}:0")
    tool("--reset-offsets", "--group", "reset", *whole, "--to-earliest", "--dry-run")
    assert offsets(broker, "reset") == {0: 3, 1: 3}
    assert reset(*whole, "--to-earliest") == {0: 0, 1: 0}
    assert reset(*whole, "--to-latest") == {0: 5, 1: 5}
    assert reset(*first, "--shift-by", "-3") == {0: 2, 1: 5}
    assert reset(*first, "--shift-by", "-100") == {0: 0, 1: 5}
    assert reset(*first, "--to-offset", "4") == {0: 4, 1: 5}
    assert reset("--all-topics", "--to-current") == {0: 4, 1: 5}
    third = datetime.datetime.fromtimestamp((FIRST + 2 * 60_000) / 1000, datetime.UTC)
    assert reset(*whole, "--to-datetime", third.strftime("%Y-%m-%dT%H:%M:%S.000")) == {0: 2, 1: 2}
    # Nothing is as young as that, so it is the end.
    assert reset(*whole, "--by-duration", "PT1H") == {0: 5, 1: 5}
    assert reset("--all-topics", "--to-earliest") == {0: 0, 1: 0}


def test_offsets_go_through_a_file(broker, tool, tmp_path):
    commit(broker, "filed", 1, 4)
    plan = tool("--reset-offsets", "--group", "filed", "--all-topics", "--to-current", "--export", "--dry-run")
    assert sorted(plan.split()) == [f"{TOPIC},0,1", f"{TOPIC},1,4"]
    file = tmp_path / "plan.csv"
    file.write_text(plan)
    commit(broker, "filed", 5, 5)
    told = tool("--reset-offsets", "--group", "filed", "--from-file", str(file), "--execute")
    assert rows(told) == [["filed", TOPIC, "0", "1"], ["filed", TOPIC, "1", "4"]]
    assert offsets(broker, "filed") == {0: 1, 1: 4}


def test_reset_makes_a_group_and_is_refused_while_one_is_active(broker, tool, active):
    told = tool("--reset-offsets", "--group", "fresh", "--topic", TOPIC, "--to-earliest", "--execute")
    assert rows(told) == [["fresh", TOPIC, "0", "0"], ["fresh", TOPIC, "1", "0"]]
    assert offsets(broker, "fresh") == {0: 0, 1: 0}
    tool(
        "--reset-offsets", "--group", "active", "--topic", TOPIC, "--to-earliest", "--execute",
        fails_with="Assignments can only be reset if the group 'active' is inactive, but the current state is Stable.",
    )  # fmt: skip
    assert offsets(broker, "active") == {0: MESSAGES, 1: MESSAGES}


def test_offsets_are_deleted(broker, tool, active):
    commit(broker, "trimmed", 1, 2)
    told = tool("--delete-offsets", "--group", "trimmed", "--topic", f"{TOPIC}:1")
    assert "Request succeeded for deleting offsets from group trimmed." in told
    assert [TOPIC, "1", "Successful"] in rows(told)
    assert offsets(broker, "trimmed") == {0: 1}
    tool("--delete-offsets", "--group", "trimmed", "--topic", f"{TOPIC}:7", fails_with="UnknownTopicOrPartition")
    tool("--delete-offsets", "--group", "active", "--topic", TOPIC, fails_with="GroupSubscribedToTopicException")
    tool("--delete-offsets", "--group", "nobody", "--topic", TOPIC, fails_with="Error: The group id does not exist.")
    assert offsets(broker, "active") == {0: MESSAGES, 1: MESSAGES}


def test_groups_are_deleted(broker, tool, active):
    commit(broker, "doomed", 1)
    commit(broker, "doomed-too", 1)
    assert tool("--delete", "--group", "doomed").strip() == (
        "Deletion of requested consumer groups ('doomed') was successful."
    )
    told = tool("--delete", "--group", "doomed", "--group", "doomed-too", fails_with="GroupIdNotFoundException")
    assert "These consumer groups were deleted successfully: 'doomed-too'" in told
    tool("--delete", "--group", "active", fails_with="GroupNotEmptyException: The group is not empty.")
    listed = tool("--list").split()
    assert "active" in listed and not {"doomed", "doomed-too"} & set(listed)
    assert offsets(broker, "doomed") == {}
