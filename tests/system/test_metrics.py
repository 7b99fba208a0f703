"""What those who watch the broker see: /metrics, /healthz and /readyz, while it works, fails, starts and stops."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
import records
from broker import BINARY, ENVIRONMENT, ROOT, SANITIZER_FACTOR, Broker, free_port
from groups import coordinator_answer

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")


class Metrics:
    """A scrape, read as strictly as Prometheus reads it."""

    def __init__(self, text):
        self.families, self.samples = {}, {}
        family = None
        assert text.endswith("\n")
        for line in text[:-1].split("\n"):
            if help_of := re.fullmatch(rf"# HELP ({NAME}) (.+)", line):
                family = help_of[1]
                assert family not in self.families, f"{family} stands there twice"
                self.families[family] = {"help": help_of[2]}
            elif type_of := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
                assert type_of[1] == family and "type" not in self.families[family], line
                self.families[family]["type"] = type_of[2]
            else:
                sample = SAMPLE.fullmatch(line)
                assert sample, f"no sample: {line!r}"
                name, labels, value = sample.groups()
                kind = self.families[family]["type"]
                suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
                assert name in {family + suffix for suffix in suffixes}, f"{name} in {family}"
                assert (kind == "counter") == name.endswith("_total"), line
                key = (name, frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")))
                assert key not in self.samples, f"{line} stands there twice"
                self.samples[key] = float(value)
                assert self.samples[key] >= 0 or "offset" in name, line
        for name, family in self.families.items():
            assert "type" in family, name
            if family["type"] == "histogram":
                self.check_histogram(name)

    def check_histogram(self, name):
        series = {}
        for (sample, labels), value in self.samples.items():
            if sample != name + "_bucket":
                continue
            bound = dict(labels)["le"]
            rest = frozenset(label for label in labels if label[0] != "le")
            series.setdefault(rest, []).append((float(bound), value))
        assert series, name
        for labels, buckets in series.items():
            buckets.sort()
            counts = [count for _, count in buckets]
            assert counts == sorted(counts) and buckets[-1][0] == float("inf"), (name, labels)
            assert self.samples[name + "_count", labels] == counts[-1]
            assert (self.samples[name + "_sum", labels] > 0) == (counts[-1] > 0)

    def value(self, name, **labels):
        return self.samples[name, frozenset(labels.items())]

    def get(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())), 0)


class Watched(Broker):
    """A broker with metrics on a free port of its own."""

    def __init__(self, *words, data=None):
        super().__init__(data=data, metrics=f"127.0.0.1:{free_port()}")
        self.words = words

    def command(self):
        return super().command() + [word for each in self.words for word in ("--set", each)]

    @property
    def metrics_port(self):
        return int(self.metrics.rpartition(":")[2])

    def get(self, path, method="GET"):
        request = urllib.request.Request(f"http://{self.metrics}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=10 * SANITIZER_FACTOR) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers

    def scrape(self, query=""):
        status, text, headers = self.get("/metrics" + query)
        assert status == 200
        assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return Metrics(text)

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.metrics_port), timeout=15)


@pytest.fixture(scope="module")
def watched():
    with Watched("cores=2") as broker:
        yield broker


def batch(count, size=100):
    return records.values_batch(*[b"v" * size] * count)


def test_counters_go_up_by_what_was_done(watched):
    with watched.connect() as c:
        c.create_topic("counted", 4)
        before = watched.scrape()
        sent = 0
        for n in range(20):
            data = batch(3)
            sent += len(data)
            c.produce("counted", n % 4, data)
        fetched = sum(len(c.fetch("counted", p, 0)["Records"]) for p in range(4))
        missing = c.call("Produce", 9, c.produce_body("missing", 0, batch(1)))
        assert missing["Responses"][0]["PartitionResponses"][0]["ErrorCode"] == 3
        after = watched.scrape()

    def grew(name, **labels):
        return after.get(name, **labels) - before.get(name, **labels)

    assert fetched == sent
    assert grew("fulmar_requests_total", api="Produce", error="none") == 20
    assert grew("fulmar_requests_total", api="Produce", error="unknown_topic_or_partition") == 1
    assert grew("fulmar_requests_total", api="Fetch", error="none") == 4
    assert grew("fulmar_request_seconds_count", api="Produce") == 21
    assert grew("fulmar_appended_batches_total") == 20
    assert grew("fulmar_appended_records_total") == 60
    assert grew("fulmar_appended_bytes_total") == sent
    assert grew("fulmar_fetched_bytes_total") == sent
    assert grew("fulmar_log_bytes") == sent
    assert grew("fulmar_log_sync_seconds_count") >= 4
    assert sent < grew("fulmar_received_bytes_total") < 2 * sent
    assert sent < grew("fulmar_sent_bytes_total") < 2 * sent
    assert grew("fulmar_segments") == 4
    assert after.value("fulmar_connections") >= 1
    directory = {"directory": str(watched.data)}
    assert after.value("fulmar_unsynced_bytes", **directory) == 0
    assert after.value("fulmar_unsynced_limit_bytes", **directory) == 64 << 20
    for partition in range(4):
        labels = {"topic": "counted", "partition": str(partition)}
        assert after.value("fulmar_partition_log_start_offset", **labels) == 0
        assert after.value("fulmar_partition_log_end_offset", **labels) == 15
        assert after.value("fulmar_partition_high_watermark_offset", **labels) == 15
        assert after.value("fulmar_partition_log_bytes", **labels) == sent / 4


def test_connections_are_counted(watched):
    before = watched.scrape()
    with watched.connect() as c:
        c.call("ApiVersions", 0)
        assert watched.scrape().value("fulmar_connections") == before.value("fulmar_connections") + 1
    with watched.connect() as c:
        c.send_frame(b"\x7f\x7f\0\0\0\0\0\0\xff\xff")
        assert c.is_closed()
    until = time.monotonic() + 10
    while (after := watched.scrape()).value("fulmar_connections") != before.value("fulmar_connections"):
        assert time.monotonic() < until
        time.sleep(0.01)
    name = "fulmar_connections_accepted_total"
    assert after.value(name) == before.value(name) + 2
    name = "fulmar_connections_closed_total"
    assert after.value(name, reason="request") == before.value(name, reason="request") + 1


def test_scrapes_beside_producers_hold(watched):
    with watched.connect() as c:
        c.create_topic("busy", 2)
    stop = threading.Event()
    sent = [0, 0]

    def produce(partition):
        with watched.connect() as c:
            while not stop.is_set():
                c.produce("busy", partition, batch(1))
                sent[partition] += 1

    producers = [threading.Thread(target=produce, args=(p,)) for p in range(2)]
    for thread in producers:
        thread.start()
    last = {}
    for _ in range(30):
        scrape = watched.scrape()
        for (name, labels), value in scrape.samples.items():
            if name.endswith(("_total", "_bucket", "_count")):
                assert value >= last.get((name, labels), 0), f"{name} went down"
        last = scrape.samples
    stop.set()
    for thread in producers:
        thread.join()
    scrape = watched.scrape()
    for partition in range(2):
        labels = {"topic": "busy", "partition": str(partition)}
        assert scrape.value("fulmar_partition_log_end_offset", **labels) == sent[partition] > 0


def test_of_many_partitions_only_sums_are_told():
    with Watched() as broker, broker.connect() as c:
        c.create_topic("few", 3)
        c.produce("few", 0, batch(1))
        c.create_topic("many", 1998)
        name = "fulmar_partition_log_end_offset"
        scrape = broker.scrape()
        assert scrape.value("fulmar_partitions") == 2001
        assert scrape.value("fulmar_topics") == 2
        assert name not in scrape.families
        alone = broker.scrape("?topic=few")
        assert {labels for sample, labels in alone.samples if sample == name} == {
            frozenset({("topic", "few"), ("partition", str(p))}) for p in range(3)
        }
        assert alone.value("fulmar_partitions") == 2001
        assert len([1 for sample, _ in broker.scrape("?topic=many").samples if sample == name]) == 1998
        assert name not in broker.scrape("?topic=none").families


def commit(c, group, *offsets):
    """Of partitions of topic t from 0 on, by a client that is no member."""
    parts = [{"PartitionIndex": n, "CommittedOffset": offset} for n, offset in enumerate(offsets)]
    body = {
        "GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": "",
        "Topics": [{"Name": "t", "Partitions": parts}],
    }  # fmt: skip
    (told,) = coordinator_answer(c, "OffsetCommit", 6, body)["Topics"]
    assert {p["ErrorCode"] for p in told["Partitions"]} == {0}, told


def scraped_when(broker, **coordinators):
    """As soon as so many coordinators are in these states."""
    until = time.monotonic() + 20 * SANITIZER_FACTOR
    while True:
        scrape = broker.scrape()
        states = {s: scrape.value("fulmar_group_coordinators", state=s) for s in coordinators}
        if states == coordinators:
            return scrape
        assert time.monotonic() < until, states
        time.sleep(0.05)


def groups_in(scrape):
    states = ("Empty", "PreparingRebalance", "CompletingRebalance", "Stable")
    found = {state: scrape.value("fulmar_groups", state=state) for state in states}
    return {state: count for state, count in found.items() if count}


def test_groups_are_counted():
    words = ("cores=2", "offsets.topic.num.partitions=5", "group.initial.rebalance.delay.ms=0")
    with Watched(*words) as broker:
        scrape = scraped_when(broker, serving=0, loading=0, unavailable=0)
        assert groups_in(scrape) == {}
        with broker.connect() as c:
            c.create_topic("t", 3)
            for n in range(10):
                commit(c, f"idle-{n}", *range(1 + n % 3))
            commit(c, "idle-0", 7, 7)
            protocols = [{"Name": "range", "Metadata": b""}]
            join = {
                "GroupId": "busy", "SessionTimeoutMs": 30_000, "RebalanceTimeoutMs": 30_000, "MemberId": "",
                "ProtocolType": "consumer", "Protocols": protocols,
            }  # fmt: skip
            joined = coordinator_answer(c, "JoinGroup", 3, join)
            assert joined["ErrorCode"] == 0
            scrape = scraped_when(broker, serving=5, loading=0, unavailable=0)
            assert groups_in(scrape) == {"Empty": 10, "CompletingRebalance": 1}
            assert scrape.value("fulmar_group_members") == 1
            assert scrape.value("fulmar_group_rebalances_total") == 1
            offsets = sum(1 + n % 3 for n in range(10)) + 1
            assert scrape.value("fulmar_committed_offsets") == offsets
            sync = {
                "GroupId": "busy", "GenerationId": joined["GenerationId"], "MemberId": joined["MemberId"],
                "Assignments": [{"MemberId": joined["MemberId"], "Assignment": b"all"}],
            }  # fmt: skip
            assert c.call("SyncGroup", 3, sync)["ErrorCode"] == 0
            assert groups_in(broker.scrape()) == {"Empty": 10, "Stable": 1}
        broker.kill9()
        broker.start()
        # What the log tells of is there again.
        scrape = scraped_when(broker, serving=5, loading=0, unavailable=0)
        assert groups_in(scrape) == {"Empty": 10, "Stable": 1}
        assert scrape.value("fulmar_group_members") == 1
        assert scrape.value("fulmar_committed_offsets") == offsets
        assert scrape.value("fulmar_group_rebalances_total") == 0
        with broker.connect() as c:
            assert c.call("LeaveGroup", 1, {"GroupId": "busy", "MemberId": joined["MemberId"]})["ErrorCode"] == 0
            told = c.call("DeleteGroups", 1, {"GroupsNames": ["idle-0", "idle-1"]})
            assert [r["ErrorCode"] for r in told["Results"]] == [0, 0]
        scrape = broker.scrape()
        assert groups_in(scrape) == {"Empty": 9}
        assert scrape.value("fulmar_group_members") == 0
        assert scrape.value("fulmar_committed_offsets") == offsets - 4


def test_a_group_coordinator_that_cannot_be_read_is_told():
    with Watched("cores=2", "offsets.topic.num.partitions=5") as broker:
        with broker.connect() as c:
            c.create_topic("t", 3)
            commit(c, "group", 1)
            for n in range(20):
                commit(c, f"other-{n}", 1)
            assert broker.get("/readyz")[:2] == (200, "ok\n")
        broker.stop()
        bad = sum(ord(letter) * 31 ** (4 - n) for n, letter in enumerate("group")) % 5  # Java's hash of it
        (log,) = broker.data.glob(f"__consumer_offsets-{bad}.*/*.log")
        data = bytearray(log.read_bytes())
        data[70] ^= 1
        log.write_bytes(data)
        broker.start()
        scrape = scraped_when(broker, serving=4, loading=0, unavailable=1)
        assert 0 < groups_in(scrape)["Empty"] < 21
        status, body, _ = broker.get("/readyz")
        assert status == 200
        assert re.fullmatch(rf"ok\ngroup coordinator __consumer_offsets-{bad}: .+\n", body), body
        with broker.connect() as c:
            (told,) = c.call("DescribeGroups", 5, {"Groups": ["group"]})["Groups"]
            assert told["ErrorCode"] == 15


def test_the_page_lists_what_a_broker_prints(watched):
    with watched.connect() as c:
        c.create_topic("listed", 1)
    # So that a checkpoint has been written, whose age is told.
    until = time.monotonic() + 10 * SANITIZER_FACTOR
    while "fulmar_checkpoint_age_seconds" not in (scrape := watched.scrape()).families:
        assert time.monotonic() < until
    printed = {name: (each["type"], each["help"]) for name, each in scrape.families.items()}
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", (ROOT / "docs/metrics.md").read_text(), re.M)
    assert len({name for name, *_ in rows}) == len(rows)
    assert {name: (kind, text) for name, kind, text in rows} == printed


def test_health_of_one_that_serves(watched):
    for path in ("/healthz", "/readyz"):
        status, body, headers = watched.get(path)
        assert (status, body) == (200, "ok\n")
        assert headers["Content-Length"] == "3"
        status, body, headers = watched.get(path, "HEAD")
        assert (status, body, headers["Content-Length"]) == (200, "", "3")
    assert watched.get("/readyz?verbose")[0] == 200
    for path in ("/", "/metrics/", "/healthz/x", "/%6detrics"):
        status, body, _ = watched.get(path)
        assert (status, body) == (404, "There are /metrics, /healthz and /readyz.\n")
    for method in ("POST", "DELETE", "OPTIONS"):
        status, _, headers = watched.get("/metrics", method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")


def read_answer(stream):
    """Status, body, and whether the connection goes on."""
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    return status, stream.read(int(headers["content-length"])), headers["connection"] == "keep-alive"


def test_requests_may_come_byte_by_byte_and_many_at_once(watched):
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with watched.raw() as s, s.makefile("rb") as answers:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            s.sendall(bytes([byte]))
        assert read_answer(answers) == (200, b"ok\n", True)
        s.sendall(request * 500)
        for _ in range(500):
            assert read_answer(answers) == (200, b"ok\n", True)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_answer(answers) == (200, b"ok\n", False)
        begun = time.monotonic()
        assert answers.read() == b""
        assert time.monotonic() - begun < 0.5 * SANITIZER_FACTOR


HOSTILE = {
    "a head without end": (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
    "a head of many fields": (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5_000 + b"\r\n", 431),
    "a target without end": (b"GET /" + b"a" * 100_000, 431),
    "nothing of HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "no host": (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a newer version": (b"GET /metrics HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    "a body": (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"b" * 100_000, 405),
    "a body of GET": (b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 400),
    "a Kafka client": (b"\0\0\0\x0a\0\x12\0\0\0\0\0\1\xff\xff\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_heads_get_an_answer_and_no_more(watched, name):
    data, expected = HOSTILE[name]
    with watched.raw() as s, s.makefile("rb") as answers:
        s.sendall(data)
        status, _, goes_on = read_answer(answers)
        assert (status, goes_on) == (expected, False)
        s.shutdown(socket.SHUT_WR)
        assert answers.read() == b""
    assert watched.get("/healthz")[0] == 200


def test_whoever_is_silent_goes_and_does_not_keep_others_out(watched):
    silent = [watched.raw() for _ in range(100)]
    try:
        begun = time.monotonic()
        assert watched.get("/healthz")[0] == 200
        assert time.monotonic() - begun < 2 * SANITIZER_FACTOR
        silent[-1].sendall(b"GET /hea")  # It is slow, and not silent: its time is up, too.
        silent[-1].settimeout(15 * SANITIZER_FACTOR)
        assert silent[-1].recv(1) == b""
        assert time.monotonic() - begun > 8
    finally:
        for s in silent:
            s.close()


def test_a_scraper_that_does_not_read_costs_nobody_else(watched):
    with watched.raw() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        for _ in range(5):
            assert watched.scrape().value("fulmar_ready") == 1


def test_readiness_ends_when_a_stop_begins():
    with Watched() as broker:
        with broker.connect() as c:
            c.create_topic("t", 1)
            c.send("Fetch", 12, c.fetch_body("t", 0, 0, wait_ms=60_000))
            assert broker.get("/readyz")[0] == 200
            with broker.raw() as s, s.makefile("rb") as answers:
                request = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
                told = []
                os.kill(broker.pid, signal.SIGTERM)
                try:
                    while True:
                        s.sendall(request)
                        told.append(read_answer(answers)[:2])
                except (OSError, IndexError):
                    pass  # It has ended.
        assert broker.process.wait(10 * SANITIZER_FACTOR) == 0
        ready = told.count((200, b"ok\n"))
        assert told == [(200, b"ok\n")] * ready + [(503, b"stopping\n")] * (len(told) - ready)
        broker.start()


def test_where_it_listens(tmp_path):
    def refused(*words):
        command = [str(BINARY), "serve", "--listen", f"127.0.0.1:{free_port()}", "--data", str(tmp_path / "d")]
        for word in words:
            command += ["--set", word]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=ENVIRONMENT, check=False)
        assert done.returncode != 0
        return done.stderr

    assert "0.0.0.0:9644 can be reached from other machines" in refused("metrics.listen=:9644")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        taken = f"127.0.0.1:{s.getsockname()[1]}"
        assert f"cannot serve metrics on {taken}: another process holds it" in refused(f"metrics.listen={taken}")
    with Broker() as unwatched:
        until = time.monotonic() + 10
        while "Ctrl-C" not in unwatched.output() and time.monotonic() < until:
            time.sleep(0.01)
        assert "Metrics are not served\n" in unwatched.output()


def test_a_free_port_is_told():
    with Broker(metrics="127.0.0.1:0") as broker:
        until = time.monotonic() + 10
        while not (found := re.search(r"Metrics at (http://\S+)\n", broker.output())):
            assert time.monotonic() < until, broker.output()
            time.sleep(0.01)
        with urllib.request.urlopen(found[1], timeout=10) as answer:
            assert Metrics(answer.read().decode()).value("fulmar_ready") == 1
