"""Consumer groups of KIP-848: the same as in test_groups.py, by the clients that speak it."""

import pytest
from broker import Broker
from groups import coordinator_answer
from group_scenarios import (
    crash_amid_rebalance,
    expect_commits_to_stay,
    expect_single_owners,
    expect_survival,
    grow_and_shrink,
    restart_static_member,
)
from members import Member

CLIENTS = ["librdkafka", "java", "franz-go"]
# franz-go 1.22 says that it comes back without saying who, which no broker takes.
STATIC = ["librdkafka", "java"]
# Two groups for each client, over the same topic, one by each assignor of the server.
KINDS = [
    (client, f"{client}-{assignor}", {"protocol": "consumer", "assignor": assignor})
    for client in CLIENTS
    for assignor in ("uniform", "range")
]
NAMES = [name for _, name, _ in KINDS]
# A client asks for neither; the broker says.
SETTINGS = {
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "1000",
}


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    with Broker(settings=SETTINGS) as broker:
        return crash_amid_rebalance(broker, tmp_path_factory.mktemp("crashed"), KINDS)


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    words = {"protocol": "consumer", "assignor": "uniform"}
    with Broker(settings=SETTINGS) as broker:
        kinds = [(client, f"growing-{client}", words) for client in CLIENTS]
        return grow_and_shrink(broker, tmp_path_factory.mktemp("grown"), kinds)


@pytest.fixture(scope="module")
def restarted(tmp_path_factory):
    kinds = [(client, f"static-{client}", {"protocol": "consumer", "assignor": "uniform"}) for client in STATIC]
    with Broker(settings=SETTINGS) as broker:
        # One that is killed keeps its place until its session ends; one that is asked to end says that it comes back.
        return restart_static_member(broker, tmp_path_factory.mktemp("static"), kinds, end=Member.ask_to_end)


@pytest.mark.parametrize("name", NAMES)
def test_a_group_survives_a_death_a_newcomer_and_a_crash(crashed, name):
    expect_survival(crashed, name, "consumer")


@pytest.mark.parametrize("name", NAMES)
def test_no_partition_has_two_owners(crashed, name):
    expect_single_owners(crashed[0][name])


@pytest.mark.parametrize("name", NAMES)
def test_what_was_committed_stays_so(crashed, name):
    expect_commits_to_stay(crashed[0][name])


@pytest.mark.parametrize("client", CLIENTS)
def test_rebalances_move_only_what_must(grown, client):
    assert not grown[f"growing-{client}"].moved_beyond_need()


@pytest.mark.parametrize("client", STATIC)
def test_static_member_comes_back_for_what_it_had(restarted, client):
    assert not restarted[f"static-{client}"].stirred_by_restart()


def test_members_may_name_those_assignors_that_are_set():
    body = {
        "GroupId": "g", "MemberId": "mmmmmmmmmmmmmmmmmmmmmA", "MemberEpoch": 0, "RebalanceTimeoutMs": 30_000,
        "SubscribedTopicNames": ["orders"], "TopicPartitions": [],
    }  # fmt: skip
    with Broker(settings={"group.consumer.assignors": "range"}) as broker, broker.connect() as c:
        refused = coordinator_answer(c, "ConsumerGroupHeartbeat", 1, {**body, "ServerAssignor": "uniform"})
        assert (refused["ErrorCode"], refused["ErrorMessage"]) == (
            112, "ServerAssignor uniform is not supported. Supported assignors: range.",
        )  # fmt: skip
        assert c.call("ConsumerGroupHeartbeat", 1, {**body, "ServerAssignor": "range"})["ErrorCode"] == 0
        other = {**body, "GroupId": "h"}
        assert coordinator_answer(c, "ConsumerGroupHeartbeat", 1, other)["ErrorCode"] == 0
        for group in c.call("ConsumerGroupDescribe", 1, {"GroupIds": ["g", "h"]})["Groups"]:
            assert group["AssignorName"] == "range"
