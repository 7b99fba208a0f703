"""Clients that want more than their share: of memory, of processor time, of handles, of the store.

Whatever they do, the broker lives on, stays within its bounds, and serves the others.
"""

import array
import contextlib
import os
import random
import resource
import socket
import struct
import threading
import time

import codec
import pytest
import records
from broker import SANITIZER_FACTOR, Broker
from connection import Closed
from groups import coordinator_answer
from test_metrics import Watched

MIB = 1 << 20
POLICY_VIOLATION = 44


class SetBroker(Broker):
    """A broker of one core, with these settings."""

    def __init__(self, **settings):
        super().__init__(settings={"cores": 1} | {k.replace("_", "."): v for k, v in settings.items()})

    def handles(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def peak_growth_of(self, work):
        self.forget_peak()
        before = self.rss_bytes()
        work()
        assert self.process.poll() is None, self.output()
        return self.peak_rss_bytes() - before


@pytest.fixture(scope="module")
def broker():
    with SetBroker() as running:
        yield running


def frame(data):
    return struct.pack(">i", len(data)) + data


def eventually(condition, seconds=5):
    end = time.monotonic() + seconds * SANITIZER_FACTOR
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def create(connection, names, partitions=1, version=7, validate_only=False, **configs):
    """The answers' topics."""
    body = {
        "Topics": [{
            "Name": name, "NumPartitions": partitions, "ReplicationFactor": 1,
            "Configs": [{"Name": k.replace("_", "."), "Value": v} for k, v in configs.items()],
        } for name in names],
        "timeoutMs": 30000, "validateOnly": validate_only,
    }  # fmt: skip
    return connection.call("CreateTopics", version, body)["Topics"]


def produce_many(connection, topic, batches, acks=-1):
    data = [{"Index": n, "Records": batch} for n, batch in enumerate(batches)]
    body = {
        "Acks": acks,
        "TimeoutMs": 30000,
        "TopicData": [{"Name": topic, "PartitionData": data}],
    }
    connection.send("Produce", 9, body)


class Pings:
    """Asks for ApiVersions again and again in a `with`; counts answers, and keeps the slowest one's time."""

    def __init__(self, broker):
        self.connection = broker.connect(timeout=100)
        self.answered, self.slowest, self.stopping = 0, 0.0, False
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.stopping:
            begin = time.monotonic()
            self.connection.call("ApiVersions", 0)
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.answered += 1
            time.sleep(0.005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        self.connection.close()


def throttled(size):
    """A list of replicas, of about so many bytes."""
    return ",".join(["0:0"] * (size // 4))


def test_configs_larger_than_a_commit_are_refused(broker):
    with broker.connect() as c:
        # They stand in each of the topic's twenty parts.
        for key in ("leader_replication_throttled_replicas", "follower_replication_throttled_replicas"):
            (topic,) = create(c, ["wordy"], 10_000, 4, **{key: throttled(32_000)})
            assert topic["ErrorCode"] == POLICY_VIOLATION, topic
        (topic,) = create(c, ["wordy"])
        assert topic["ErrorCode"] == 0


def test_no_string_is_longer_than_an_int16_counts(broker):
    # A compact string could be; no reader of Kafka's takes one, and what is stored has the older strings.
    with broker.connect() as c:
        (topic,) = create(c, ["lengthy"], leader_replication_throttled_replicas=throttled(32_768))
        assert topic["ErrorCode"] == POLICY_VIOLATION, topic  # More than a topic may have, and read.
        with pytest.raises(Closed):
            create(c, ["lengthy"], leader_replication_throttled_replicas=throttled(32_772))
    with broker.connect() as c:
        assert c.call("ApiVersions", 0)["ErrorCode"] == 0


def test_a_full_store_refuses_topics_and_goes_on():
    with SetBroker() as broker, broker.connect(timeout=60) as c:
        codes = []
        # Which of the store's parts a topic falls into is chance: one of them is full sooner or later.
        while POLICY_VIOLATION not in codes and len(codes) < 100:
            (topic,) = create(
                c, [f"huge-{len(codes)}"], 10_000, leader_replication_throttled_replicas=throttled(16_000)
            )
            codes.append(topic["ErrorCode"])
        assert set(codes) == {0, POLICY_VIOLATION}, codes
        assert create(c, ["small"])[0]["ErrorCode"] == 0
        broker.restart()
        with broker.connect() as again:
            found = again.call("Metadata", 9, {"Topics": [{"Name": f"huge-{codes.index(0)}"}]})["Topics"]
            assert len(found[0]["Partitions"]) == 10_000


def test_what_an_error_quotes_fits_a_string(broker):
    long = "n" * 32_760
    with broker.connect() as c:
        (topic,) = create(c, [long], version=4)
        assert topic["ErrorCode"] == 17 and topic["Name"] == long
        (topic,) = create(c, ["quoted"], version=4, retention_ms=long)
        assert topic["ErrorCode"] == 40
        assert c.call("ApiVersions", 0)["ErrorCode"] == 0


@pytest.mark.parametrize("validate_only", [True, False])
def test_a_request_creates_a_bounded_number_of_partitions(broker, validate_only):
    def ask():
        with broker.connect(timeout=60) as c:
            made = create(c, [f"many-{n}" for n in range(100)], 10_000, validate_only=validate_only)
            assert {topic["ErrorCode"] for topic in made} == {POLICY_VIOLATION}
            assert {topic["ErrorCode"] for topic in create(c, ["a", "b"], 5_000, 7, True)} == {0}

    assert broker.peak_growth_of(ask) < 32 * MIB * SANITIZER_FACTOR


def test_metadata_makes_a_bounded_number_of_topics(broker):
    with broker.connect(timeout=60) as c:
        names = [{"Name": f"auto-{n}"} for n in range(20_000)]
        topics = c.call("Metadata", 9, {"Topics": names, "AllowAutoTopicCreation": True})["Topics"]
        assert {topic["ErrorCode"] for topic in topics} == {3}


def tiny(api):
    """A frame of some megabytes, of as many elements as go into it."""
    many = 1_500_000
    count = codec.uvarint(many + 1)
    if api == "FindCoordinator":
        return struct.pack(">hhihb", 10, 4, 1, -1, 0) + b"\0" + count + b"\x02a" * many + b"\0"
    if api == "Produce":
        start = struct.pack(">hhihb", 0, 9, 1, -1, 0) + b"\0" + struct.pack(">hi", -1, 1000)
        return start + b"\x02\x02a" + count + b"\0\0\0\0\x01\0" * many + b"\0\0"
    element = b"\x02a" + struct.pack(">ih", 1, 1) + b"\x01\x01\0"
    return struct.pack(">hhihb", 19, 7, 1, -1, 0) + count + element * many + bytes(6)


@pytest.mark.parametrize("api", ["FindCoordinator", "Produce", "CreateTopics"])
def test_what_tiny_elements_take_is_bounded(broker, api):
    data = tiny(api)

    def ask():
        with broker.connect(timeout=60) as c:
            c.send_frame(data)
            with contextlib.suppress(Closed):
                c.receive_frame()

    assert broker.peak_growth_of(ask) < 2 * len(data) + 64 * MIB * SANITIZER_FACTOR


def test_handles_that_run_out_end_nothing():
    with SetBroker() as broker, broker.connect() as c:
        c.create_topic("before")
        c.produce("before", 0, records.values_batch(b"one"))
        resource.prlimit(broker.pid, resource.RLIMIT_NOFILE, (64, 64))
        others = [broker.connect() for _ in range(100)]
        time.sleep(0.2)
        c.produce("before", 0, records.values_batch(b"two"))
        time.sleep(6)  # A checkpoint comes every five seconds, and needs a handle.
        assert broker.process.poll() is None, broker.output()
        assert c.end_offset("before", 0) == 2
        for other in others:
            other.close()
        time.sleep(0.5)
        c.create_topic("after")
        c.produce("after", 0, records.values_batch(b"three"))


class FewHandles(SetBroker):
    """May have so many file handles, sockets among them."""

    def __init__(self, most, **settings):
        super().__init__(**settings)
        self.prefix = ["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh"]

    @property
    def pid(self):
        return self.process.pid


def test_more_partitions_than_handles_are_served():
    most, count, clients = 512, 2000, 4
    names = [f"topic-{n:04}" for n in range(count)]
    peak, done, failed = 0, threading.Event(), []

    def watch():
        nonlocal peak
        while not done.wait(0.005):
            with contextlib.suppress(OSError):
                peak = max(peak, broker.handles())

    def by_all(work):
        def part(n):
            try:
                with broker.connect(timeout=60) as c:
                    for name in names[n::clients]:
                        work(c, name)
            except BaseException as e:
                failed.append(e)

        threads = [threading.Thread(target=part, args=(n,)) for n in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failed, failed

    def write(c, name):
        c.produce(name, 0, records.values_batch(name.encode()))

    def read(c, name):
        part = c.fetch(name, 0, 0)
        assert part["ErrorCode"] == 0
        batches = records.verified(part["Records"])
        inside = [records.decode_records(records.opened(b), b.base_timestamp, b.count) for b in batches]
        assert [r.value for each in inside for r in each] == [name.encode()] * written

    with FewHandles(most, cores=2) as broker:
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            by_all(lambda c, name: c.create_topic(name))
            written = 0
            for _ in range(2):
                by_all(write)
                written += 1
                by_all(read)
            broker.restart()
            by_all(read)
            assert most / 2 < peak < most - 150, peak  # A half is for files.
            # Idle ones make room for connections.
            others = [broker.connect() for _ in range(300)]
            by_all(write)
            written += 1
            by_all(read)
            for other in others:
                other.call("ApiVersions", 0)
                other.close()
        finally:
            done.set()
            watcher.join()


def test_requests_that_never_end_make_room_for_others():
    with SetBroker(queued_max_request_bytes=64 * MIB) as broker:
        with broker.connect() as c:
            c.create_topic("honest")
        hogs = []
        for size in (9, 9, 9, 5, 2.5, 1.25, 0.6, 0.3):  # Their buffers are powers of two, and fill the bound.
            hog = broker.connect()
            hog.send_bytes(struct.pack(">ihhih", 100 * MIB, 0, 9, 1, -1) + bytes(int(size * MIB)))
            hogs.append(hog)
        time.sleep(1)
        begin = time.monotonic()
        with broker.connect(timeout=30) as c:
            c.produce("honest", 0, records.values_batch(bytes(900_000)))
        assert time.monotonic() - begin < 9 * SANITIZER_FACTOR
        hogs[-1].send_bytes(bytes(1))  # Only the one that held the most had to go.
        for hog in hogs:
            hog.close()


def test_connections_that_rest_leave_their_room_to_others():
    large = frame(struct.pack(">hhih", 18, 0, 1, -1) + bytes(9 * MIB))  # Bytes behind a request are ignored.
    with SetBroker(queued_max_request_bytes=64 * MIB) as broker:
        clients = [broker.connect(timeout=30) for _ in range(12)]
        for c in clients:
            c.send_bytes(large)
            c.receive_frame()
        for c in clients:  # None had to go.
            c.call("ApiVersions", 0)
            c.close()


def test_frames_under_way_count_as_requests_held():
    with SetBroker(queued_max_request_bytes=256 * MIB) as broker:
        with broker.connect() as c:
            c.create_topic("empty")
        clients = []

        def fill():
            for _ in range(8):
                c = broker.connect(timeout=1)
                clients.append(c)
                fetch = codec.encode_request("Fetch", 12, 1, c.fetch_body("empty", 0, 0, wait_ms=60_000))
                waiting = frame(fetch + bytes(28 * MIB))  # Bytes behind a request are ignored.
                with contextlib.suppress(OSError):
                    c.send_bytes(waiting)
                    c.send_bytes(waiting[:-1])

        # Some memory beside the buffers: what they hold when they grow, and what is free and not given back.
        assert broker.peak_growth_of(fill) < 256 * MIB + 64 * MIB * SANITIZER_FACTOR
        for c in clients:
            c.close()


def test_who_has_gone_is_not_waited_for(broker):
    with broker.connect() as c:
        c.create_topic("quiet")
    before = broker.handles()
    for _ in range(50):
        with broker.connect() as c:
            fetch = frame(codec.encode_request("Fetch", 12, 1, c.fetch_body("quiet", 0, 0, wait_ms=2**31 - 1)))
            c.send_bytes(fetch * 3)
            time.sleep(0.002)
    eventually(lambda: broker.handles() < before + 5)


def test_who_never_reads_is_closed_as_idle():
    with SetBroker(connections_max_idle_ms=1000) as broker:
        with broker.connect() as c:
            c.create_topic("large")
            for _ in range(10):
                c.produce("large", 0, records.values_batch(random.randbytes(900_000)))
        before = broker.handles()
        deaf = [broker.connect() for _ in range(10)]
        for c in deaf:
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.send_bytes(frame(codec.encode_request("Fetch", 12, 1, c.fetch_body("large", 0, 0))) * 4)
        eventually(lambda: broker.handles() > before + 5)
        eventually(lambda: broker.handles() < before + 5)
        for c in deaf:
            c.close()


def test_batches_that_are_dear_to_compress_leave_time_for_others(broker):
    rng = random.Random(1)
    words = [rng.randbytes(6) for _ in range(3000)]
    batch = records.values_batch(b"".join(rng.choice(words) for _ in range(170_000)))
    with broker.connect(timeout=100) as c:
        c.create_topic("dear", 8, compression_type="zstd", compression_zstd_level="22")
        with Pings(broker) as pings:
            produce_many(c, "dear", [batch] * 8)
            answer = c.receive("Produce", 9)
        (topic,) = answer["Responses"]
        assert {part["ErrorCode"] for part in topic["PartitionResponses"]} == {0}
        assert pings.slowest < 0.5 * SANITIZER_FACTOR


def test_asking_for_partitions_that_are_not_there_leaves_time_for_others(broker):
    many = 2_000_000
    indexes = array.array("i", (n * 7919 % many for n in range(many)))  # Each once, in no order.
    indexes.byteswap()
    count = codec.uvarint(many + 1)
    with broker.connect(timeout=60) as c:
        c.create_topic("few", 2)
        with Pings(broker) as pings:
            asked = b"\x02\x04few" + count + indexes.tobytes() + b"\0\0"
            c.send_frame(struct.pack(">hhihb", 35, 4, 1, -1, 0) + asked)
            _, body, _ = codec.decode_response("DescribeLogDirs", 4, c.receive_frame())
        (topic,) = body["Results"][0]["Topics"]
        assert (topic["Name"], len(topic["Partitions"])) == ("few", 2)
        assert pings.slowest < 0.5 * SANITIZER_FACTOR


def test_describing_all_topics_leaves_time_for_others():
    names = [f"described-{n:05}" for n in range(10_000)]
    with SetBroker() as broker, broker.connect(timeout=60) as c:
        for at in range(0, len(names), 1000):
            assert {topic["ErrorCode"] for topic in create(c, names[at : at + 1000])} == {0}
        asked = [{"ResourceType": 2, "ResourceName": name, "ConfigurationKeys": None} for name in names]
        body = {"Resources": asked, "IncludeSynonyms": True, "IncludeDocumentation": True}
        with Pings(broker) as pings:
            time.sleep(0.1)
            before = pings.answered
            c.send("DescribeConfigs", 4, body)
            c.receive_exactly(4)  # When its first bytes come it has been made.
            meanwhile = pings.answered - before
        assert meanwhile > 5


def commit_with(c, group, topic, partitions, metadata):
    places = [{"PartitionIndex": n, "CommittedOffset": n, "CommittedMetadata": metadata} for n in range(partitions)]
    topics = [{"Name": topic, "Partitions": places}]
    return coordinator_answer(c, "OffsetCommit", 7, {"GroupId": group, "GenerationIdOrMemberEpoch": -1, "Topics": topics})


def test_an_answer_tells_of_no_more_groups_than_memory_holds():
    """Two megabytes that ask for more than four bytes can say the size of."""
    partitions, times = 10_000, 60
    with SetBroker() as broker, broker.connect(timeout=120) as c:
        create(c, ["large"], partitions)
        commit_with(c, "large", "large", partitions, "m" * 4096)
        topics = [{"Name": "large", "PartitionIndexes": list(range(partitions))}]
        answers = []

        def ask():
            groups = [{"GroupId": "large", "Topics": topics}] * times
            answers.extend(g["ErrorCode"] for g in c.call("OffsetFetch", 8, {"Groups": groups})["Groups"])

        assert broker.peak_growth_of(ask) < 1024 * MIB * SANITIZER_FACTOR
        assert len(answers) == times
        assert set(answers) == {0, 14} and answers[0] == 0  # The others are to be asked for again.


def test_names_longer_than_a_topics_are_not_copied_for_each_partition():
    with SetBroker() as broker, broker.connect(timeout=60) as c:
        commit_with(c, "g", "missing", 1, "")  # Its coordinator is there.
        topics = [{"Name": "n" * 32_000, "PartitionIndexes": list(range(100_000))}]

        def ask():
            told = c.call("OffsetFetch", 8, {"Groups": [{"GroupId": "g", "Topics": topics}]})["Groups"][0]
            assert told["ErrorCode"] == 0
            assert {p["CommittedOffset"] for p in told["Topics"][0]["Partitions"]} == {-1}

        assert broker.peak_growth_of(ask) < 192 * MIB * SANITIZER_FACTOR


def test_protocols_without_letters_count():
    """Three bytes each, which take sixty-four."""
    joining = {
        "SessionTimeoutMs": 1_800_000, "RebalanceTimeoutMs": 1_800_000, "MemberId": "", "ProtocolType": "consumer",
        "Protocols": [{"Name": "", "Metadata": b""}] * 260_000,
    }  # fmt: skip
    with SetBroker(group_initial_rebalance_delay_ms=0) as broker, broker.connect(timeout=60) as c:
        for instance, error in (("one", 0), ("another", 81)):
            body = {**joining, "GroupId": "g", "GroupInstanceId": instance}
            assert coordinator_answer(c, "JoinGroup", 5, body)["ErrorCode"] == error


def test_groups_that_nobody_joins_take_no_more_than_so_much():
    """A client that is told its id, and never joins with it: a group each, of a name each."""
    joining = {
        "SessionTimeoutMs": 1_800_000, "RebalanceTimeoutMs": 6_000, "MemberId": "", "ProtocolType": "consumer",
        "Protocols": [{"Name": "range", "Metadata": b""}],
    }  # fmt: skip
    with SetBroker(offsets_topic_num_partitions=1) as broker, broker.connect(timeout=60) as c:

        def join(name, member=""):
            return coordinator_answer(c, "JoinGroup", 5, {**joining, "GroupId": name, "MemberId": member})

        first = join("first")["MemberId"]

        def flood():
            for n in range(15_000):
                assert join(f"{n:0>1000}")["ErrorCode"] == 79

        assert broker.peak_growth_of(flood) < 16 * MIB * SANITIZER_FACTOR
        assert join("first", first)["ErrorCode"] == 25  # It asks for another.
        assert join("first", join("first")["MemberId"])["ErrorCode"] == 0


def test_members_that_no_log_knows_take_no_more_than_so_much():
    joining = {
        "SessionTimeoutMs": 30_000, "RebalanceTimeoutMs": 30_000, "MemberId": "", "ProtocolType": "consumer",
    }  # fmt: skip

    def body(name, size):
        return {**joining, "GroupId": name, "Protocols": [{"Name": "range", "Metadata": bytes(size)}]}

    settings = {"offsets_topic_num_partitions": 1, "group_initial_rebalance_delay_ms": 1_000}
    with SetBroker(**settings) as broker, contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(broker.connect(timeout=30)) for _ in range(3))
        assert coordinator_answer(third, "JoinGroup", 5, body("none", 1))["ErrorCode"] == 79
        for c, name in ((first, "a"), (second, "b")):
            c.send("JoinGroup", 2, body(name, 9 * MIB))
        eventually(lambda: len(third.call("ListGroups", 4, {"StatesFilter": []})["Groups"]) == 3)
        assert third.call("JoinGroup", 2, body("c", 1))["ErrorCode"] == 15
        joined = first.receive("JoinGroup", 2)
        mine = {"GroupId": "a", "GenerationId": joined["GenerationId"], "MemberId": joined["MemberId"]}
        assert first.call("SyncGroup", 2, {**mine, "Assignments": []})["ErrorCode"] == 0
        assert third.call("JoinGroup", 2, body("c", 1))["ErrorCode"] == 0  # What is written makes room.


def test_who_waits_for_its_assignment_holds_nothing_of_what_it_said():
    joining = {
        "GroupId": "g", "SessionTimeoutMs": 30_000, "RebalanceTimeoutMs": 30_000, "MemberId": "",
        "ProtocolType": "consumer", "Protocols": [{"Name": "range", "Metadata": b""}],
    }  # fmt: skip
    settings = {"group_initial_rebalance_delay_ms": 1_000, "queued_max_request_bytes": 64 * MIB}
    with SetBroker(**settings) as broker, contextlib.ExitStack() as stack:
        with broker.connect() as c:
            assert coordinator_answer(c, "Heartbeat", 0, {"GroupId": "g", "MemberId": "m"})["ErrorCode"] == 25
        connections = [stack.enter_context(broker.connect(timeout=60)) for _ in range(24)]
        for c in connections:
            c.send("JoinGroup", 2, joining)
        joined = [c.receive("JoinGroup", 2) for c in connections]
        mine = [
            {"GroupId": "g", "GenerationId": j["GenerationId"], "MemberId": j["MemberId"], "Assignments": []}
            for j in joined
        ]
        told = [{"MemberId": "nobody", "Assignment": bytes(8 * MIB)}]
        followers = [n for n, j in enumerate(joined) if j["Leader"] != j["MemberId"]]
        assert len(followers) == 23

        def flood():
            for n in followers:
                connections[n].send("SyncGroup", 2, {**mine[n], "Assignments": told})
            (leader,) = set(range(24)) - set(followers)
            assert connections[leader].call("SyncGroup", 2, mine[leader])["ErrorCode"] == 0
            for n in followers:
                assert connections[n].receive("SyncGroup", 2)["ErrorCode"] == 0

        assert broker.peak_growth_of(flood) < 96 * MIB * SANITIZER_FACTOR


def test_groups_are_deleted_together():
    """Who deletes many waits for the disk a few times, not for each."""
    many = 1_000
    with Watched("cores=2") as broker, broker.connect(timeout=60) as c:
        c.create_topic("kept")
        topics = [{"Name": "kept", "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 7}]}]
        names = [f"group {n}" for n in range(many)]
        for name in names:
            body = {"GroupId": name, "GenerationIdOrMemberEpoch": -1, "MemberId": "", "Topics": topics}
            coordinator_answer(c, "OffsetCommit", 8, body)

        def syncs():
            return broker.scrape().value("fulmar_log_sync_seconds_count")

        before = syncs()
        asked = [*names, *(f"none {n}" for n in range(100_000)), "n" * 1_025, names[0]]
        results = c.call("DeleteGroups", 2, {"GroupsNames": asked})["Results"]
        assert [r["GroupId"] for r in results] == asked
        assert [r["ErrorCode"] for r in results] == [0] * many + [69] * 100_000 + [24, 69]
        assert syncs() - before < many / 4
        assert c.call("ListGroups", 4, {"StatesFilter": []})["Groups"] == []


def test_a_stop_does_not_wait_for_what_has_not_begun():
    rng = random.Random(1)
    words = [rng.randbytes(6) for _ in range(3000)]
    batch = records.values_batch(b"".join(rng.choice(words) for _ in range(100_000)))
    with SetBroker() as broker, broker.connect() as c:
        c.create_topic("dear", 8, compression_type="zstd", compression_zstd_level="22")
        for _ in range(5):
            produce_many(c, "dear", [batch] * 8)
        time.sleep(0.3)


def test_the_order_of_batches_survives_their_cost(broker):
    """Dear and cheap ones for the same partitions, pipelined."""
    with broker.connect(timeout=100) as c:
        c.create_topic("mixed", 3, compression_type="gzip")
        producer = c.call("InitProducerId", 4, {"TransactionTimeoutMs": 1000})
        rounds = 20
        for n in range(rounds):
            value = random.randbytes(200_000 if n % 3 == 0 else 10)
            batch = records.values_batch(
                value, producer_id=producer["ProducerId"], producer_epoch=0, base_sequence=n
            )
            produce_many(c, "mixed", [batch] * 3)
        for n in range(rounds):
            answer = c.receive("Produce", 9, c.correlation - rounds + 1 + n)
            for part in answer["Responses"][0]["PartitionResponses"]:
                assert (part["ErrorCode"], part["BaseOffset"]) == (0, n)


def test_a_search_opens_no_more_than_a_produce_did(broker):
    block, size = 131072, 512 * MIB
    blocks = [struct.pack("<I", block << 3 | 1 << 1 | (n == size // block - 1))[:3] + b"\0" for n in range(size // block)]
    payload = bytes.fromhex("28b52ffd0038") + b"".join(blocks)
    bomb = records.Batch(attributes=4, count=1, payload=payload, base_timestamp=10, max_timestamp=10).sealed()
    with broker.connect(timeout=60) as c:
        c.create_topic("bombs")
        c.produce("bombs", 0, bomb)
        asked = [{"PartitionIndex": 0, "Timestamp": 5}]

        def ask():
            body = {"ReplicaId": -1, "Topics": [{"Name": "bombs", "Partitions": asked}]}
            (part,) = c.call("ListOffsets", 5, body)["Topics"][0]["Partitions"]
            assert (part["ErrorCode"], part["Offset"], part["Timestamp"]) == (0, 0, 10)

        assert broker.peak_growth_of(ask) < 64 * MIB * SANITIZER_FACTOR


def test_a_fetch_that_waits_reads_only_what_moved(broker):
    partitions, rounds = 300, 20
    batch = records.values_batch(b"x")
    with broker.connect(timeout=60) as c, broker.connect(timeout=60) as waiting:
        c.create_topic("wide", partitions)
        produce_many(c, "wide", [batch] * partitions)
        c.receive("Produce", 9)
        asked = [{"Partition": n, "FetchOffset": 0, "PartitionMaxBytes": MIB} for n in range(partitions)]
        topics = [{"Topic": "wide", "Partitions": asked}]
        waiting.send("Fetch", 12, {"MaxWaitMs": 60_000, "MinBytes": 2**31 - 1, "MaxBytes": MIB, "Topics": topics})
        time.sleep(0.5)

        def reads():
            with open(f"/proc/{broker.pid}/io") as counters:
                return int(next(line for line in counters if line.startswith("syscr")).split()[1])

        before = reads()
        for _ in range(rounds):
            c.produce("wide", 0, batch)
            time.sleep(0.01)
        assert reads() - before < partitions * rounds / 4
