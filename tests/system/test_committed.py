"""Committed offsets by the wire: what was committed is told as it was, by every way to ask, and after a crash."""

import pytest
from broker import Broker
from groups import coordinator_answer

TOPIC = "orders"
OFFSET_METADATA_TOO_LARGE = 12
# Of no bytes, of some, of as many as are kept beside an offset, of more than strings hold in place, and the most.
METADATA = ["", "m", "x" * 15, "y" * 16, "Größe ✓ " * 30, "z" * 4096]


@pytest.fixture(scope="module")
def broker():
    with Broker() as running:
        with running.connect() as c:
            c.create_topic(TOPIC, len(METADATA))
        yield running


def commit(connection, group, metadata):
    """Error codes, of an offset in each partition with the metadata of its place."""
    parts = [
        {"PartitionIndex": n, "CommittedOffset": 100 + n, "CommittedMetadata": text} for n, text in enumerate(metadata)
    ]
    body = {
        "GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": "",
        "Topics": [{"Name": TOPIC, "Partitions": parts}],
    }  # fmt: skip
    (topic,) = coordinator_answer(connection, "OffsetCommit", 6, body)["Topics"]
    return [p["ErrorCode"] for p in topic["Partitions"]]


def fetched(connection, version, group, named):
    """Offset and metadata by partition."""
    topics = [{"Name": TOPIC, "PartitionIndexes": list(range(len(METADATA)))}] if named else None
    if version < 8:
        answer = coordinator_answer(connection, "OffsetFetch", version, {"GroupId": group, "Topics": topics})
    else:
        asked = {"GroupId": group, "Topics": topics}
        (answer,) = connection.call("OffsetFetch", version, {"Groups": [asked]})["Groups"]
    assert answer["ErrorCode"] == 0, answer
    (topic,) = answer["Topics"]
    return {p["PartitionIndex"]: (p["CommittedOffset"], p["Metadata"]) for p in topic["Partitions"]}


@pytest.mark.parametrize("named", [True, False], ids=["named", "all"])
@pytest.mark.parametrize("version", [5, 7, 8, 9])
def test_metadata_is_told_as_committed(broker, version, named):
    group = f"told-{version}-{named}"
    with broker.connect() as c:
        assert set(commit(c, group, METADATA)) == {0}
        assert fetched(c, version, group, named) == {n: (100 + n, text) for n, text in enumerate(METADATA)}


def test_too_much_metadata_is_refused_for_its_partition_alone(broker):
    with broker.connect() as c:
        assert commit(c, "refused", ["fits", "z" * 4097]) == [0, OFFSET_METADATA_TOO_LARGE]
        told = fetched(c, 5, "refused", named=True)
        assert told[0] == (100, "fits") and told[1] == (-1, "")


def test_commits_outlive_a_crash(broker):
    with broker.connect() as c:
        assert set(commit(c, "crashed", METADATA)) == {0}
    broker.kill9()
    broker.start()
    with broker.connect() as c:
        assert fetched(c, 5, "crashed", named=True) == {n: (100 + n, text) for n, text in enumerate(METADATA)}
