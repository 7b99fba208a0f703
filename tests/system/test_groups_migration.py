"""Groups that go from the classic protocol to KIP-848's and back while their members work on, one by one replaced."""

import pytest
from broker import Broker
from group_scenarios import expect_single_owners, roll

SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "1000",
}
CLIENTS = ["librdkafka", "java", "franz-go"]
CONSUMER = {"protocol": "consumer", "assignor": "uniform"}
# Two groups for each client: the classic members give back all in a rebalance, or only what they must.
KINDS = [(client, f"{client}-{way}", {"assignor": way}) for client in CLIENTS for way in ("eager", "cooperative")]
NAMES = [name for _, name, _ in KINDS]


@pytest.fixture(scope="module")
def rolled(tmp_path_factory):
    def classic(way):
        return {"protocol": "classic", "assignor": way}

    with Broker(settings=SETTINGS) as broker:
        groups, streams = {}, {}
        for way in ("eager", "cooperative"):
            ways = [(classic(way), "classic"), (CONSUMER, "consumer"), (classic(way), "classic")]
            kinds = [kind for kind in KINDS if kind[1].endswith(way)]
            some, stream = roll(broker, tmp_path_factory.mktemp(way), kinds, ways)
            groups |= some
            streams |= dict.fromkeys(some, stream)
        return groups, streams


@pytest.mark.parametrize("name", NAMES)
def test_a_group_comes_over_and_back_and_misses_nothing(rolled, name):
    groups, streams = rolled
    group = groups[name]
    assert group.failure is None, group.failure
    sent, seen = streams[name].acknowledged[group.topic], group.seen()
    assert len(sent) > 100
    assert {where: seen.get(where) for where in sent} == sent


@pytest.mark.parametrize("name", NAMES)
def test_no_partition_has_two_owners(rolled, name):
    expect_single_owners(rolled[0][name])
