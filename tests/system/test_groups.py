"""Consumer groups of real clients, classic: killed, joined, and the broker killed amid a rebalance."""

import pytest
from broker import Broker
from group_scenarios import crash_amid_rebalance, grow_and_shrink, restart_static_member
from groups import PARTITIONS

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
    """It shares its partitions again, sees all, commits all, and leaves."""
    groups, stream = crashed
    group = groups[name]
    assert group.failure is None, group.failure
    assert group.type == "classic"
    sent, seen = stream.acknowledged[group.topic], group.seen()
    assert len(sent) > 100
    assert {where: seen.get(where) for where in sent} == sent


@pytest.mark.parametrize("name", NAMES)
def test_no_partition_has_two_owners(crashed, name):
    group = crashed[0][name]
    assert len([t for m in group.members for t in m.tenures()]) > 6
    assert not group.doubly_owned()


@pytest.mark.parametrize("name", NAMES)
def test_what_was_committed_stays_so(crashed, name):
    group = crashed[0][name]
    assert group.seen() and len(group.commits) == PARTITIONS
    assert not group.moved_back()


@pytest.mark.parametrize("client", COOPERATIVE)
def test_cooperative_rebalances_move_only_what_must(grown, client):
    assert not grown[f"growing-{client}"].moved_beyond_need()


@pytest.mark.parametrize("client", STATIC)
def test_static_member_comes_back_for_what_it_had(restarted, client):
    assert not restarted[f"static-{client}"].stirred_by_restart()
