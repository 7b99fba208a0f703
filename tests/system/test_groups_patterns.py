"""Groups of KIP-848 whose members subscribe by a regular expression, which the broker matches (RE2's syntax)."""

import time

import pytest
from broker import Broker
from groups import PARTITIONS, coordinator_answer
from members import SETTLE_SECONDS_MAX, Member

SETTINGS = {
    "group.consumer.min.heartbeat.interval.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "1000",
}
CLIENTS = ["librdkafka", "java"]


@pytest.fixture(scope="module")
def broker():
    with Broker(settings=SETTINGS) as running:
        yield running


def partitions(*topics):
    return {f"{topic}-{n}" for topic in topics for n in range(PARTITIONS)}


def until(what, condition):
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.mark.parametrize("client", CLIENTS)
def test_topics_that_match_are_read_also_those_that_come_later(broker, tmp_path, client):
    with broker.connect() as c:
        for topic in (f"rx-{client}-a", f"rx-{client}-b", f"other-rx-{client}"):
            c.create_topic(topic, PARTITIONS)
    words = {
        "bootstrap": broker.address, "group": f"patterns-{client}", "topics": f"^rx-{client}-.*",
        "protocol": "consumer", "assignor": "uniform", "commit_every": 10,
    }  # fmt: skip
    members = [Member(client, tmp_path, f"{client}-{n}", **words) for n in range(2)]

    def owned():
        return sorted(p for m in members for p in m.owned())

    try:
        wanted = sorted(partitions(f"rx-{client}-a", f"rx-{client}-b"))
        until("both share what matches", lambda: owned() == wanted and all(m.owned() for m in members))
        with broker.connect() as c:
            c.create_topic(f"rx-{client}-c", PARTITIONS)
        wanted = sorted(wanted + list(partitions(f"rx-{client}-c")))
        until("the new one is shared, too", lambda: owned() == wanted)
        with broker.connect() as c:
            (group,) = c.call("ConsumerGroupDescribe", 1, {"GroupIds": [f"patterns-{client}"]})["Groups"]
        # Some put it in brackets.
        assert all(f"^rx-{client}-.*" in m["SubscribedTopicRegex"] for m in group["Members"])
    finally:
        for member in members:
            member.cleanup()


def heartbeat(broker, group, pattern, **more):
    body = {
        "GroupId": group, "MemberId": "mmmmmmmmmmmmmmmmmmmmmA", "MemberEpoch": 0, "RebalanceTimeoutMs": 30_000,
        "SubscribedTopicNames": None, "SubscribedTopicRegex": pattern, "TopicPartitions": [], **more,
    }  # fmt: skip
    with broker.connect() as c:
        return coordinator_answer(c, "ConsumerGroupHeartbeat", 1, body)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("a(", "missing )"), ("x" * 5000, "longer than"), ("(?<=a)b", "perl operator"), ("(a)\\1", "escape")],
    ids=["open", "long", "look-behind", "back-reference"],
)
def test_what_is_no_pattern_is_refused_and_makes_no_group(broker, pattern, why):
    answer = heartbeat(broker, "refused", pattern)
    assert answer["ErrorCode"] == 128, answer
    assert why in answer["ErrorMessage"], answer
    with broker.connect() as c:
        (group,) = c.call("ConsumerGroupDescribe", 1, {"GroupIds": ["refused"]})["Groups"]
    assert group["ErrorCode"] == 69, group


def test_what_would_cost_too_much_is_refused_at_once(broker):
    # A program of ten thousand steps, and each might be taken for each letter of each topic.
    pattern = "(abcdefghij){1,900}"
    assert heartbeat(broker, "dear", pattern)["ErrorCode"] == 0
    with broker.connect() as c:
        for n in range(100):
            c.create_topic(f"{'long' * 60}-{n}", 1)
    begun = time.monotonic()
    answer = heartbeat(broker, "dear too", pattern)
    assert time.monotonic() - begun < 1
    assert answer["ErrorCode"] == 128 and "cost too much" in answer["ErrorMessage"], answer
    # Who has it already keeps what it had.
    assert heartbeat(broker, "dear", pattern)["ErrorCode"] == 0


def test_no_pattern_matches_what_the_broker_keeps_for_itself(broker):
    with broker.connect() as c:
        c.create_topic("seen", 1)
    answer = heartbeat(broker, "everything", ".*")
    assert answer["ErrorCode"] == 0, answer
    ids = {t["TopicId"] for t in answer["Assignment"]["TopicPartitions"]}
    with broker.connect() as c:
        topics = {t["Name"]: t["TopicId"] for t in c.call("Metadata", 12, {"Topics": None})["Topics"]}
    assert topics["seen"] in ids
    assert topics["__consumer_offsets"] not in ids
    assert ids == set(topics.values()) - {topics["__consumer_offsets"]}
