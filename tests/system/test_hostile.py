"""Bytes that no honest client sends.

Each is answered as Kafka would, or costs its own connection. The memory of the broker stays bounded, and a
well-behaved neighbour notices nothing.
"""

import contextlib
import gzip
import random
import socket
import struct
import threading
import time

import codec
import pytest
import recorded
import records
from broker import SANITIZER_FACTOR, Broker
from connection import Closed
from groups import coordinator_answer

FRAME_BYTES_MAX = 104_857_600
PEAK_GROWTH_MAX = (64 << 20) * SANITIZER_FACTOR
ROUND_TRIP_SECONDS_MAX = 1.0 * SANITIZER_FACTOR
MESSAGE_BYTES_MAX = 1_048_588


class Neighbour:
    """Produces and fetches, one round after the other, and remembers the slowest and any error."""

    def __init__(self, broker):
        self.connection = broker.connect(timeout=20)
        self.connection.create_topic("neighbour")
        self.stopping = threading.Event()
        self.rounds, self.slowest, self.error = 0, 0.0, None
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        try:
            while not self.stopping.is_set():
                begin = time.monotonic()
                value = str(self.rounds).encode()
                offset = self.connection.produce("neighbour", 0, records.values_batch(value))
                assert offset == self.rounds
                (batch,) = records.verified(
                    self.connection.fetch("neighbour", 0, offset, max_bytes=1)["Records"]
                )
                (record,) = records.decode_records(batch.payload, batch.base_timestamp, batch.count)
                assert (batch.base_offset, record.value) == (offset, value)
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.rounds += 1
                time.sleep(0.002)
        except BaseException as e:
            self.error = e

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.connection.close()


@pytest.fixture(scope="module")
def broker():
    with Broker() as running:
        with running.connect() as c:
            c.create_topic("plain")
            c.create_topic("to-gzip", compression_type="gzip")
            c.create_topic("compacted", cleanup_policy="compact")
        running.neighbour = Neighbour(running)
        try:
            yield running
        finally:
            running.neighbour.stop()


@pytest.fixture(autouse=True)
def unharmed(broker):
    """Around each test: the neighbour goes on undisturbed, and memory stays within its bound."""
    neighbour = broker.neighbour
    assert neighbour.error is None, neighbour.error
    broker.forget_peak()
    before, neighbour.slowest, rounds = broker.rss_bytes(), 0.0, neighbour.rounds
    yield
    end = time.monotonic() + 5
    seen = neighbour.rounds
    while neighbour.rounds < seen + 2 and neighbour.error is None and time.monotonic() < end:
        time.sleep(0.005)
    assert broker.process.poll() is None, broker.output()
    assert neighbour.error is None, neighbour.error
    assert neighbour.rounds > rounds
    assert neighbour.slowest < ROUND_TRIP_SECONDS_MAX, (
        f"a round trip beside it took {neighbour.slowest:.2f} s"
    )
    grown = broker.peak_rss_bytes() - before
    assert grown < PEAK_GROWTH_MAX, f"memory grew by {grown / 1048576:.0f} MiB"


def is_closed_after(broker, data):
    with broker.connect() as c:
        try:
            c.send_bytes(data)
        except Closed:
            return True
        return c.is_closed()


def frame(data):
    return struct.pack(">i", len(data)) + data


@pytest.mark.parametrize("size", [-1, -2, -(2**31), FRAME_BYTES_MAX + 1, 2**31 - 1])
def test_a_size_out_of_range_closes(broker, size):
    assert is_closed_after(broker, struct.pack(">i", size))
    assert is_closed_after(broker, struct.pack(">i", size) + bytes(1000))


@pytest.mark.parametrize("length", range(8))
def test_a_frame_shorter_than_a_header_closes(broker, length):
    assert is_closed_after(broker, frame(bytes(length)))


def test_other_protocols_are_closed(broker):
    assert is_closed_after(broker, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert is_closed_after(broker, bytes.fromhex("16030100c8010000c40303") + bytes(194))
    assert is_closed_after(broker, b"SSH-2.0-OpenSSH_9.2\r\n")


def served(broker):
    with broker.connect() as c:
        return {k["ApiKey"]: (k["MinVersion"], k["MaxVersion"]) for k in c.call("ApiVersions", 0)["ApiKeys"]}


def test_unknown_keys_and_versions_close(broker):
    ranges = served(broker)
    header = bytes.fromhex("0000000100046469666600") + bytes(40)
    for key in {-1, -32768, 4, 5, 6, 7, 95, 999, 32767} - ranges.keys():
        assert is_closed_after(broker, frame(struct.pack(">hh", key, 0) + header)), key
    for key, (first, last) in ranges.items():
        if key == codec.api_key("ApiVersions"):
            continue
        for version in {first - 1, last + 1, 32767, -1, -32768} - set(range(first, last + 1)):
            assert is_closed_after(broker, frame(struct.pack(">hh", key, version) + header)), (key, version)


@pytest.mark.parametrize("version", [6, 99, 32767])
def test_an_unknown_version_of_api_versions_is_answered(broker, version):
    first, last = served(broker)[18]
    with broker.connect() as c:
        # The header has its (empty) tags; the body is not to be looked at.
        c.send_frame(struct.pack(">hhih", 18, version, 77, 4) + b"diff\0" + b"\xff" * 20)
        header, body, rest = codec.decode_response("ApiVersions", 0, c.receive_frame())
        assert (header["CorrelationId"], body["ErrorCode"], rest) == (77, 35, b"")
        assert body["ApiKeys"] == [{"ApiKey": 18, "MinVersion": first, "MaxVersion": last}]
        assert c.call("ApiVersions", 0)["ErrorCode"] == 0


def samples(broker):
    """A recorded request of each API and version that the broker serves, the longest up to 4 KiB."""
    ranges, found = served(broker), {}
    for name, steps in recorded.scenarios().items():
        if name == "frames-x":
            continue
        for step in steps:
            first, last = ranges.get(codec.api_key(step.api), (1, 0))
            if first <= step.version <= last and len(step.request) < 4096:
                best = found.get((step.api, step.version), b"")
                found[step.api, step.version] = max(best, step.request, key=len)
    return found


def test_truncated_requests_of_every_api_close(broker):
    rng = random.Random(1)
    tried = 0
    for (api, version), request in samples(broker).items():
        lengths = range(8, len(request))
        if len(lengths) > 24:
            lengths = sorted({8, 9, 10, len(request) - 1, *rng.sample(lengths, 20)})
        for length in lengths:
            cut = request[:length]
            with pytest.raises(codec.Malformed):
                codec.decode_request(cut)
            assert is_closed_after(broker, frame(cut)), f"{api} v{version} cut to {length} of {len(request)}"
            tried += 1
    assert tried > 500


def test_mutated_requests_do_no_harm(broker):
    """Whatever they are answered, if at all."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    requests = list(samples(broker).values())
    for _ in range(1500):
        data = bytearray(rng.choice(requests))
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.randrange(8, len(data))
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        with broker.connect() as c:
            c.send_frame(bytes(data))
            if rng.random() < 0.3:
                c.socket.settimeout(0.02)
                with contextlib.suppress(Closed, TimeoutError):
                    c.receive_frame()


def test_random_frames_do_no_harm(broker):
    rng = random.Random(2)
    for _ in range(300):
        with broker.connect() as c:
            with contextlib.suppress(Closed):
                c.send_frame(rng.randbytes(rng.choice((10, 100, 5000))))


def test_a_slow_sender_is_served(broker):
    with broker.connect() as c:
        request = frame(codec.encode_request("Metadata", 9, 5, {"Topics": [{"Name": "plain"}]}))
        for byte in request:
            c.send_bytes(bytes([byte]))
            time.sleep(0.003)
        (topic,) = c.receive("Metadata", 9, 5)["Topics"]
        assert topic["Name"] == "plain" and topic["ErrorCode"] == 0


def test_large_announcements_take_no_memory(broker):
    """300 frames of 100 MiB are begun, and none is finished."""
    open_connections = []
    try:
        for _ in range(300):
            c = broker.connect()
            c.send_bytes(
                struct.pack(">i", FRAME_BYTES_MAX) + struct.pack(">hhih", 0, 9, 1, -1) + bytes(20_000)
            )
            open_connections.append(c)
        time.sleep(0.3)
    finally:
        for c in open_connections:
            c.close()


def test_counts_beyond_the_bytes_close(broker):
    versions = {"Metadata": 4, "Produce": 8, "Fetch": 11, "CreateTopics": 4, "ListOffsets": 5}
    for api, version in [(a, v + flexible) for a, v in versions.items() for flexible in (0, 1)]:
        whole = codec.encode_request(
            api, version, 1, {"Topics": []} if api != "Produce" else {"TopicData": []}
        )
        first, last = codec.versions(codec.shape(f"{api}Request")["flexibleVersions"])
        empty, huge = (
            (b"\x01", b"\xff\xff\xff\xff\x0f")
            if first <= version <= last
            else (bytes(4), b"\x7f\xff\xff\xff")
        )
        # In each place where an empty array could stand.
        for at in range(14, len(whole) - len(empty) + 1):
            if whole[at : at + len(empty)] != empty:
                continue
            data = whole[:at] + huge + whole[at + len(empty) :]
            try:
                codec.decode_request(data)
            except codec.Malformed:
                assert is_closed_after(broker, frame(data)), f"{api} v{version} at {at}"


def drained(connection):
    """The next frame's size, or None when the connection is closed."""
    try:
        (size,) = struct.unpack(">i", connection.receive_exactly(4))
        left = size
        while left:
            part = connection.socket.recv(min(left, 1 << 20))
            if not part:
                return None
            left -= len(part)
        return size
    except Closed:
        return None


def test_many_unknown_tags_are_skipped_or_refused(broker):
    """A megabyte of tags of two or more bytes each, in header and body."""
    tags = b"".join(codec.uvarint(n + 100) + b"\0" for n in range(300_000))
    section = codec.uvarint(300_000) + tags
    start = struct.pack(">hhih", 3, 9, 1, 4) + b"diff"
    for data in (start + section + b"\x01\0\0\0\0", start + b"\0" + b"\x01\0\0\0" + section):
        with broker.connect() as c:
            c.send_frame(data)
            drained(c)
    # The same tag again and again, which Kafka lets pass.
    with broker.connect() as c:
        c.send_frame(start + codec.uvarint(500_000) + b"\x05\0" * 500_000 + b"\x01\0\0\0\0")
        drained(c)


def test_many_tiny_elements_are_bounded(broker):
    """A million empty names of two bytes each."""
    for api, version, start in [
        ("Metadata", 1, b""),
        ("ListOffsets", 1, struct.pack(">i", -1)),
    ]:
        element = {"Metadata": b"\0\0", "ListOffsets": b"\0\0\0\0\0\0"}[api]
        body = start + struct.pack(">i", 300_000) + element * 300_000
        with broker.connect(timeout=20) as c:
            c.send_frame(struct.pack(">hhih", codec.api_key(api), version, 1, -1) + body)
            drained(c)


def zstd_bomb(size):
    """A frame of run-length blocks: four bytes for each 128 KiB."""
    block = 131072
    out = [bytes.fromhex("28b52ffd0038")]
    for n in range(size // block):
        last = n == size // block - 1
        out.append(struct.pack("<I", block << 3 | 1 << 1 | last)[:3] + b"\0")
    return b"".join(out)


def snappy_bomb(size):
    """One byte, then copies of it: 64 bytes for each three."""
    copies = b"\xfe\x01\x00" * ((size - 1) // 64)
    total = 1 + 64 * ((size - 1) // 64)
    return codec.uvarint(total) + b"\0\0" + copies


BOMBS = {
    "gzip": (1, True, lambda: gzip.compress(bytes(800 << 20))),
    "zstd": (4, True, lambda: zstd_bomb(2 << 30)),
    "snappy": (2, True, lambda: snappy_bomb(20 << 20)),
    "snappy, false size": (2, False, lambda: codec.uvarint(2**32 - 1) + b"\0\0"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_decompression_bombs_are_bounded(broker, kind):
    attributes, valid, make = BOMBS[kind]
    payload = make()
    assert len(payload) < MESSAGE_BYTES_MAX - 100
    for count in (1, 1000):
        batch = records.Batch(
            attributes=attributes, count=count, last_offset_delta=count - 1, payload=payload
        )
        batch = batch.sealed()
        for topic in ("plain", "to-gzip", "compacted"):
            with broker.connect(timeout=20) as c:
                answer = c.call("Produce", 9, c.produce_body(topic, 0, batch))
                (part,) = answer["Responses"][0]["PartitionResponses"]
                # What is a stream of its codec may be believed where nobody has to open it whole.
                opened = topic == "to-gzip" and attributes != 1
                assert part["ErrorCode"] != 0 or valid and not opened, (topic, part)


def test_readers_that_never_read_are_bounded(broker):
    with broker.connect() as c:
        c.create_topic("large")
        value = random.Random(3).randbytes(900_000)
        for _ in range(20):
            c.produce("large", 0, records.values_batch(value))
    sleepers = [broker.connect() for _ in range(20)]
    try:
        for c in sleepers:
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.socket.setblocking(False)
            request = frame(codec.encode_request("Fetch", 12, 1, c.fetch_body("large", 0, 0)))
            try:
                for _ in range(200):
                    c.socket.send(request)
            except BlockingIOError:
                pass
        time.sleep(0.5)
    finally:
        for c in sleepers:
            c.close()


def test_a_flood_of_pipelined_requests_is_bounded(broker):
    """Requests go out as fast as the socket takes them, and the answers are left in it."""
    request = frame(codec.encode_request("Metadata", 9, 1, {"Topics": None}))
    with broker.connect() as c:
        c.socket.setblocking(False)
        sent, end = 0, time.monotonic() + 2
        while time.monotonic() < end and sent < 100_000:
            try:
                sent += c.socket.send(request * 20)
            except BlockingIOError:
                time.sleep(0.01)
        assert sent


def test_connections_that_come_and_go(broker):
    for n in range(1000):
        with broker.connect() as c:
            if n % 2:
                c.send_bytes(struct.pack(">i", 1000) + bytes(n % 900))


def test_a_connection_that_rests_after_a_large_request_goes_on(broker):
    topics = {"Topics": [{"Name": f"not-there-{n}"} for n in range(3000)], "AllowAutoTopicCreation": False}
    with broker.connect(timeout=60) as c:
        for _ in range(2):
            assert len(c.call("Metadata", 9, topics)["Topics"]) == 3000
            time.sleep(12)  # Longer than a buffer was ever kept.
        assert c.call("ApiVersions", 0)["ErrorCode"] == 0
        assert c.call("ApiVersions", 0)["ErrorCode"] == 0


def test_a_text_that_could_not_be_kept_is_refused():
    """Keys of __consumer_offsets have sixteen bits for a length: one beyond that could not be read again."""
    joined = {
        "GroupId": "long", "MemberEpoch": 0, "RebalanceTimeoutMs": 30_000, "SubscribedTopicNames": ["t"],
        "TopicPartitions": [],
    }  # fmt: skip
    with Broker() as broker:
        with broker.connect() as c:
            longest = {**joined, "MemberId": "m" * 32_767}
            assert coordinator_answer(c, "ConsumerGroupHeartbeat", 1, longest)["ErrorCode"] == 0
        for size in (32_768, 40_000, 70_000):
            with broker.connect() as c, pytest.raises(Closed):
                c.call("ConsumerGroupHeartbeat", 1, {**joined, "MemberId": "m" * size})
        broker.kill9()
        broker.start()
        with broker.connect() as c:
            assert coordinator_answer(c, "ConsumerGroupHeartbeat", 1, {**joined, "MemberId": "m"})["ErrorCode"] == 0
            (group,) = c.call("ConsumerGroupDescribe", 1, {"GroupIds": ["long"] * 100})["Groups"]
        assert sorted(len(m["MemberId"]) for m in group["Members"]) == [1, 32_767]


def test_a_group_that_is_named_over_and_over_is_described_once(broker):
    """What there is to tell of it is a MiB or two; a request of two names it half a million times."""
    joins = {
        "SessionTimeoutMs": 30_000, "RebalanceTimeoutMs": 30_000, "MemberId": "", "ProtocolType": "consumer",
    }  # fmt: skip
    beats = {
        "GroupId": "new", "MemberId": "m", "MemberEpoch": 0, "RebalanceTimeoutMs": 30_000, "TopicPartitions": [],
        "SubscribedTopicNames": [f"{n:0>200}" for n in range(5_000)],
    }  # fmt: skip
    with broker.connect(timeout=60) as c:
        assert coordinator_answer(c, "ConsumerGroupHeartbeat", 1, beats)["ErrorCode"] == 0
        protocols = [{"Name": "range", "Metadata": bytes(1 << 20)}]
        joined = coordinator_answer(c, "JoinGroup", 2, {**joins, "GroupId": "old", "Protocols": protocols})
        assert joined["ErrorCode"] == 0
        told = {"MemberId": joined["MemberId"], "Assignment": bytes(1 << 20)}
        mine = {"GroupId": "old", "GenerationId": joined["GenerationId"], "MemberId": joined["MemberId"]}
        assert c.call("SyncGroup", 2, {**mine, "Assignments": [told]})["ErrorCode"] == 0
        (group,) = c.call("DescribeGroups", 5, {"Groups": ["old"] * 500_000})["Groups"]
        assert len(group["Members"][0]["MemberAssignment"]) == 1 << 20
        (group,) = c.call("ConsumerGroupDescribe", 1, {"GroupIds": ["new"] * 500_000})["Groups"]
        assert len(group["Members"][0]["SubscribedTopicNames"]) == 5_000


def test_a_partition_that_is_named_over_and_over_is_taken_once(broker):
    """Each has a record in the log, a lookup or 4 KiB of answer: of 100,000 in one request there is one."""
    many = 100_000
    place = {"PartitionIndex": 0, "CommittedOffset": 7, "CommittedMetadata": "m" * 4_096}
    with broker.connect(timeout=60) as c:
        c.create_topic("again")
        commit = {"GroupId": "again", "GenerationIdOrMemberEpoch": -1, "MemberId": ""}
        others = [{"PartitionIndex": 0, "CommittedOffset": n} for n in range(many)]
        answer = coordinator_answer(
            c, "OffsetCommit", 8, {**commit, "Topics": [{"Name": "again", "Partitions": [*others, place]}]}
        )
        assert [p["ErrorCode"] for p in answer["Topics"][0]["Partitions"]] == [0] * (many + 1)
        asked = {"GroupId": "again", "Topics": [{"Name": "again", "PartitionIndexes": [0] * many}] * 2}
        (group,) = c.call("OffsetFetch", 8, {"Groups": [asked]})["Groups"]
        told = [p for topic in group["Topics"] for p in topic["Partitions"]]
        assert [(p["CommittedOffset"], len(p["Metadata"])) for p in told] == [(7, 4_096)]
        before = broker.peak_rss_bytes()
        log = sum(path.stat().st_size for path in broker.data.glob("__consumer_offsets-*/*.log"))
        body = {"GroupId": "again", "Topics": [{"Name": "again", "Partitions": [{"PartitionIndex": 0}] * many}]}
        deleted = c.call("OffsetDelete", 0, body)
        assert [p["ErrorCode"] for p in deleted["Topics"][0]["Partitions"]] == [0] * many
        assert sum(path.stat().st_size for path in broker.data.glob("__consumer_offsets-*/*.log")) < log + 4_096
        assert broker.peak_rss_bytes() - before < 32 << 20


@pytest.mark.parametrize("field", ["SubscribedTopicNames", "TopicPartitions"])
def test_a_heartbeat_that_names_millions_is_refused_at_once(broker, field):
    named = {
        "SubscribedTopicNames": [f"{n:05x}" for n in range(400_000)],
        "TopicPartitions": [{"TopicId": "0" * 31 + "7", "Partitions": random.sample(range(1 << 30), 1_900_000)}],
    }  # fmt: skip
    beat = {"GroupId": "dear", "MemberId": "m", "MemberEpoch": 3, field: named[field]}
    with broker.connect(timeout=60) as c:
        assert coordinator_answer(c, "Heartbeat", 0, {"GroupId": "dear", "MemberId": "m"})["ErrorCode"] == 25
        before = broker.cpu_seconds()
        answer = c.call("ConsumerGroupHeartbeat", 1, beat)
        assert (answer["ErrorCode"], answer["ErrorMessage"]) == (
            42, "It names more topics or partitions than a group can have.",
        )  # fmt: skip
        assert broker.cpu_seconds() - before < 0.5 * SANITIZER_FACTOR


def test_since_version_5_who_syncs_says_for_which_protocol(broker):
    words = {"GroupId": "nameless", "GenerationId": 1, "MemberId": "m", "ProtocolType": "consumer"}
    with broker.connect() as c:
        assert coordinator_answer(c, "SyncGroup", 5, words)["ErrorCode"] == 23
        assert c.call("SyncGroup", 5, {**words, "ProtocolName": "range"})["ErrorCode"] == 25
        assert c.call("SyncGroup", 4, {"GroupId": "nameless", "GenerationId": 1, "MemberId": "m"})["ErrorCode"] == 25


def test_a_group_id_is_bounded(broker):
    long = "g" * 1_025
    place = {"PartitionIndex": 0, "CommittedOffset": 7}
    with broker.connect(timeout=60) as c:
        c.create_topic("bounded")
        for group, error in ((long, 24), (long[1:], 0)):
            commit = {"GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": ""}
            answer = coordinator_answer(
                c, "OffsetCommit", 8, {**commit, "Topics": [{"Name": "bounded", "Partitions": [place]}]}
            )
            assert answer["Topics"][0]["Partitions"][0]["ErrorCode"] == error


def test_what_is_no_utf8_is_told_as_java_reads_it(broker):
    """Others are told of groups and members, and some of their clients end on a text that they cannot read."""
    place = {"PartitionIndex": 0, "CommittedOffset": 7, "CommittedMetadata": "MMM"}
    commit = {"GroupId": "GGG", "GenerationIdOrMemberEpoch": -1, "MemberId": ""}
    joining = {"SessionTimeoutMs": 30_000, "RebalanceTimeoutMs": 30_000, "MemberId": "", "ProtocolType": "consumer"}
    with broker.connect(timeout=60) as c:
        c.create_topic("texts")
        body = {**commit, "Topics": [{"Name": "texts", "Partitions": [place]}]}
        assert coordinator_answer(c, "OffsetCommit", 8, body)["Topics"][0]["Partitions"][0]["ErrorCode"] == 0
        raw = codec.encode_request("OffsetCommit", 8, 1, body)
        c.send_frame(raw.replace(b"GGG", b"G\xffG").replace(b"MMM", b"\xc3(M"))
        c.receive_frame()
        member = {**joining, "GroupId": "texts", "Protocols": [{"Name": "range", "Metadata": b""}]}
        assert coordinator_answer(c, "JoinGroup", 5, member)["ErrorCode"] == 79
        c.send_frame(codec.encode_request("JoinGroup", 3, 1, member, client="CCC").replace(b"CCC", b"C\xffC"))
        c.receive_frame()
        groups = {g["GroupId"] for g in c.call("ListGroups", 4, {"StatesFilter": []})["Groups"]}
        assert {"GGG", "G\ufffdG", "texts"} <= groups
        asked = {"GroupId": "G\ufffdG", "Topics": [{"Name": "texts", "PartitionIndexes": [0]}]}
        (told,) = c.call("OffsetFetch", 8, {"Groups": [asked]})["Groups"][0]["Topics"][0]["Partitions"]
        assert (told["CommittedOffset"], told["Metadata"]) == (7, "\ufffd(M")
        (group,) = c.call("DescribeGroups", 5, {"Groups": ["texts"]})["Groups"]
        (one,) = group["Members"]
        assert one["ClientId"] == "C\ufffdC" and one["MemberId"].startswith("C\ufffdC-")
