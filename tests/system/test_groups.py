"""Consumer groups of real clients, classic: killed, joined, and the broker killed amid a rebalance."""

import pytest
from broker import Broker
from group_scenarios import (
    crash_amid_rebalance,
    expect_commits_to_stay,
    expect_single_owners,
    expect_survival,
    grow_and_shrink,
    restart_static_member,
)

CLIENTS = ["librdkafka", "java", "kafka-python", "aiokafka", "kafkajs", "franz-go", "sarama"]
COOPERATIVE = ["librdkafka", "java", "kafka-python", "franz-go", "sarama"]
STATIC = ["librdkafka", "java", "kafka-python", "aiokafka", "franz-go", "sarama"]
# Two groups for each client, over the same topic: where the client can, one of each way.
KINDS = [
    (client, f"{client}-{name}", {"assignor": "cooperative" if name != "eager" and client in COOPERATIVE else "eager"})
    for client in CLIENTS
    for name in ("eager", "cooperative" if client in COOPERATIVE else "eager-too")
]
NAMES = [name for _, name, _ in KINDS]
SETTINGS = {"group.initial.rebalance.delay.ms": "0"}


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    with Broker(settings=SETTINGS) as broker:
        return crash_amid_rebalance(broker, tmp_path_factory.mktemp("crashed"), KINDS)


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    kinds = [(client, f"growing-{client}", {"assignor": "cooperative"}) for client in COOPERATIVE]
    with Broker(settings=SETTINGS) as broker:
        return grow_and_shrink(broker, tmp_path_factory.mktemp("grown"), kinds)


@pytest.fixture(scope="module")
def restarted(tmp_path_factory):
    kinds = [(client, f"static-{client}", {"assignor": "eager"}) for client in STATIC]
    with Broker(settings=SETTINGS) as broker:
        return restart_static_member(broker, tmp_path_factory.mktemp("static"), kinds)


@pytest.mark.parametrize("name", NAMES)
def test_a_group_survives_a_death_a_newcomer_and_a_crash(crashed, name):
    expect_survival(crashed, name, "classic")


@pytest.mark.parametrize("name", NAMES)
def test_no_partition_has_two_owners(crashed, name):
    expect_single_owners(crashed[0][name])


@pytest.mark.parametrize("name", NAMES)
def test_what_was_committed_stays_so(crashed, name):
    expect_commits_to_stay(crashed[0][name])


@pytest.mark.parametrize("client", COOPERATIVE)
def test_cooperative_rebalances_move_only_what_must(grown, client):
    assert not grown[f"growing-{client}"].moved_beyond_need()


@pytest.mark.parametrize("client", STATIC)
def test_static_member_comes_back_for_what_it_had(restarted, client):
    assert not restarted[f"static-{client}"].stirred_by_restart()
