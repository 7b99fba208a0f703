"""Several data directories in real processes: one fails, is not there or an older copy, a disk is full."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import records
from broker import BINARY, CLIENT_BINARY, ENVIRONMENT, SANITIZER_FACTOR, Broker, free_port
from connection import Closed

STORAGE_ERROR, LEADER_NOT_AVAILABLE = 56, 5
PARTITIONS = 4


class SpreadBroker(Broker):
    """With a home and one more directory; `named` are those that the command line names."""

    def __init__(self, *arguments):
        super().__init__(metrics=f"127.0.0.1:{free_port()}")
        self.arguments = list(arguments)
        self.other = self.data.with_name("other")
        self.named = [self.data, self.other]

    def command(self):
        command = super().command()
        at = command.index("--data")
        named = [word for path in self.named for word in ("--data", str(path))]
        return command[:at] + named + command[at + 2 :] + self.arguments

    def get(self, path):
        try:
            return urllib.request.urlopen(f"http://{self.metrics}{path}").read().decode()
        except urllib.error.HTTPError as answer:  # Not ready yet.
            return answer.read().decode()


def partitions_in(directory):
    return {int(re.match(r"spread-(\d+)\.", path.name)[1]) for path in directory.glob("spread-*")}


def produce(c, partition, value):
    """The error, and the offset."""
    body = c.produce_body("spread", partition, records.values_batch(value))
    (part,) = c.call("Produce", 9, body)["Responses"][0]["PartitionResponses"]
    return part["ErrorCode"], part["BaseOffset"]


def filled(broker):
    with broker.connect() as c:
        c.create_topic("spread", PARTITIONS)
        for partition in range(PARTITIONS):
            assert produce(c, partition, b"first") == (0, 0)
    home, other = partitions_in(broker.data), partitions_in(broker.other)
    assert len(home) == len(other) == PARTITIONS / 2 and not home & other
    return home, other


def check(broker, there, away, ends=1):
    with broker.connect() as c:
        for partition in there:
            assert c.end_offset("spread", partition) == ends
            part = c.fetch("spread", partition, 0)
            assert part["ErrorCode"] == 0 and part["Records"]
        asked = {"Topics": [{"Name": "spread"}], "AllowAutoTopicCreation": False}
        (topic,) = c.call("Metadata", 9, asked)["Topics"]
        told = {part["PartitionIndex"]: part for part in topic["Partitions"]}
        for partition in there:
            assert (told[partition]["ErrorCode"], told[partition]["OfflineReplicas"]) == (0, [])
        for partition in away:
            assert c.fetch("spread", partition, 0)["ErrorCode"] == STORAGE_ERROR
            assert produce(c, partition, b"no")[0] == STORAGE_ERROR
            asked = {"PartitionIndex": partition, "Timestamp": -1}
            body = {"ReplicaId": -1, "Topics": [{"Name": "spread", "Partitions": [asked]}]}
            (part,) = c.call("ListOffsets", 4, body)["Topics"][0]["Partitions"]
            assert part["ErrorCode"] == STORAGE_ERROR
            part = told[partition]
            assert (part["ErrorCode"], part["LeaderId"]) == (LEADER_NOT_AVAILABLE, -1), part
            assert part["OfflineReplicas"] == [1]
        told = {d["LogDir"]: d for d in c.call("DescribeLogDirs", 4, {"Topics": None})["Results"]}
        assert told[str(broker.data)]["ErrorCode"] == 0
        assert told[str(broker.other)]["ErrorCode"] == (STORAGE_ERROR if away else 0)
    bad = int(bool(away))
    metrics = broker.get("/metrics")
    assert f'fulmar_data_directory_failed{{directory="{broker.other}"}} {bad}\n' in metrics
    assert f'fulmar_data_directory_failed{{directory="{broker.data}"}} 0\n' in metrics
    assert f"fulmar_offline_partitions {len(away)}\n" in metrics
    assert f'fulmar_unsynced_bytes{{directory="{broker.data}"}} 0\n' in metrics
    limits = re.findall(r'fulmar_unsynced_limit_bytes\{directory="(.+)"\} (\d+)\n', metrics)
    assert dict(limits)[str(broker.data)] == str(64 << 20)
    ready = broker.get("/readyz").splitlines()
    assert ready[0] == "ok" and len(ready) == 1 + bad, ready


def check_all_back(broker, home, other, ends):
    """What failed is served again, from its first record on, and takes more."""
    check(broker, home, set(), ends)
    with broker.connect() as c:
        for partition in other:
            assert c.fetch("spread", partition, 0)["Records"]
            assert produce(c, partition, b"again")[0] == 0


def test_partitions_are_spread_and_found_again():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        check(broker, home | other, set())
        broker.named.reverse()
        broker.restart()
        check(broker, home | other, set())
        broker.kill9()
        broker.start()
        check(broker, home | other, set())


def test_a_sync_that_fails_costs_its_directory_alone():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        broker.stop()
        hit = min(other)
        (log,) = broker.other.glob(f"spread-{hit}.*/*.log")
        injected = ["-e", "inject=fdatasync:error=EIO:when=1+"]
        broker.prefix = ["strace", "-f", "-o", "/dev/null", "-P", str(log), *injected]
        broker.start()
        with broker.connect() as c:
            assert produce(c, hit, b"lost")[0] == STORAGE_ERROR
            for partition in home:
                assert produce(c, partition, b"second") == (0, 1)
        check(broker, home, other, ends=2)
        broker.stop()
        broker.prefix = []
        broker.start()
        check_all_back(broker, home, other, ends=2)


class Unanswered:
    """A file or directory; calls on it are not answered, but for the first few of each thread, until this ends."""

    def __init__(self, broker, path, call="fdatasync", answered=0):
        self.broker = broker
        injected = ["-e", f"inject={call}:delay_enter=1000s:when={answered + 1}+"]
        broker.prefix = ["strace", "-f", "-o", "/dev/null", "-P", str(path), *injected]

    def __enter__(self):
        self.broker.start()
        self.pid = self.broker.pid
        return self

    def __exit__(self, *_):
        self.broker.process.kill()  # strace: it cannot end while a call is delayed.
        self.broker.process.wait()
        self.broker.prefix = []

    def ended(self):
        return not os.path.exists(f"/proc/{self.pid}")


def drop_from_cache(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def eventually(condition, seconds=10):
    end = time.monotonic() + seconds * SANITIZER_FACTOR
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


@pytest.mark.parametrize("call", ["fdatasync", "pwritev"])
def test_a_disk_that_does_not_answer_costs_its_directory_alone(call):
    with SpreadBroker("--set", "disk.timeout.ms=4000", "--set", "disk.threads=1") as broker:
        home, other = filled(broker)
        broker.stop()
        hit = min(other)
        (log,) = broker.other.glob(f"spread-{hit}.*/*.log")
        with Unanswered(broker, log, call) as stuck:
            begun = time.monotonic()
            with broker.connect(timeout=60) as waits, broker.connect(timeout=60) as c:
                waits.send("Produce", 9, waits.produce_body("spread", hit, records.values_batch(b"not answered")))
                for n in range(1, 40):  # The others are served, whoever waits.
                    for partition in home:
                        sent = time.monotonic()
                        assert produce(c, partition, b"second") == (0, n)
                        assert time.monotonic() - sent < 3 * SANITIZER_FACTOR
                body = waits.receive("Produce", 9)
                (part,) = body["Responses"][0]["PartitionResponses"]
                assert part["ErrorCode"] == STORAGE_ERROR
                assert 3.5 < time.monotonic() - begun < 8 * SANITIZER_FACTOR
            said = broker.output()
            assert f"the data directory {broker.other} does not answer: something has waited for" in said
            assert f"the data directory {broker.other} is given up: it has not answered for 4000 ms" in said
            check(broker, home, other, ends=40)
            metric = "fulmar_data_directory_unanswered_seconds"
            told = dict(re.findall(metric + r'\{directory="(.+)"\} (\S+)\n', broker.get("/metrics")))
            assert float(told[str(broker.data)]) < 1 and float(told[str(broker.other)]) > 3.5
        check(broker, home, other, ends=40)  # When it answers after all, nothing comes of it.
        os.kill(stuck.pid, signal.SIGTERM)
        eventually(stuck.ended)
        broker.start()
        check_all_back(broker, home, other, ends=40)


@pytest.mark.parametrize(("name", "call"), [(".", "openat"), ("meta", "pread64"), (".", "fsync")])
def test_a_disk_that_does_not_answer_at_the_start_is_away(name, call):
    with SpreadBroker("--set", "disk.timeout.ms=2000") as broker:
        home, other = filled(broker)
        broker.stop()
        drop_from_cache(broker.other / "meta")
        with Unanswered(broker, (broker.other / name).resolve(), call) as stuck:
            check(broker, home, other)
            assert f"the data directory {broker.other} is given up: it has not answered for 2000 ms" in broker.output()
            assert f"the data directory {broker.other} is away" in broker.output()
            produce_all(broker, home, b"second", 1)
        os.kill(stuck.pid, signal.SIGTERM)
        eventually(stuck.ended)
        broker.start()
        check_all_back(broker, home, other, ends=2)


@contextlib.contextmanager
def unanswered_from_now(broker, path, call):
    """As Unanswered, while the broker runs."""
    injected = ["-e", f"inject={call}:delay_enter=1000s"]
    with subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-p", str(broker.pid), "-P", str(path), *injected]) as strace:
        try:
            threads = Path(f"/proc/{broker.pid}/task")
            eventually(lambda: all("TracerPid:\t0\n" not in p.read_text() for p in threads.glob("*/status")))
            yield
        finally:
            strace.kill()


def test_while_one_does_not_answer_others_are_told_of():
    with SpreadBroker() as broker:
        filled(broker)
        eventually(lambda: (broker.other / "reserve").exists())  # It has been looked at.
        with unanswered_from_now(broker, broker.other, "fstatfs"), broker.connect(timeout=30) as c:
            begun = time.monotonic()
            told = c.call("DescribeLogDirs", 4, {"Topics": None})["Results"]
            assert time.monotonic() - begun < 2 * SANITIZER_FACTOR
            assert {d["LogDir"] for d in told} == {str(broker.data), str(broker.other)}
            assert all(d["ErrorCode"] == 0 and d["TotalBytes"] > d["UsableBytes"] > 0 for d in told), told


@pytest.mark.parametrize("what", ["a log", "the store"])
def test_a_home_that_does_not_answer_ends_the_process(what):
    with SpreadBroker("--set", "disk.timeout.ms=2000") as broker:
        home, other = filled(broker)
        broker.stop()
        hit = min(home)
        (log,) = broker.data.glob(f"spread-{hit}.*/*.log")
        store = broker.data / "coord" / "store.sqlite"
        path, answered = (log, 0) if what == "a log" else (f"{store}-wal", 3)
        with Unanswered(broker, path, answered=answered) as stuck:
            # Held by strace, the dead process may have its sockets open yet.
            with broker.connect(timeout=5) as c, pytest.raises((Closed, AssertionError, TimeoutError)):
                for n in range(10):
                    if what == "a log":
                        assert produce(c, hit, b"not answered")[0] == 0
                    else:
                        c.create_topic(f"made-{n}")
            eventually(lambda: "does not answer" in broker.output())
        eventually(stuck.ended)
        assert "given up: it has not answered for 2000 ms" in broker.output()
        broker.start()
        check(broker, home - {hit}, set())
        with broker.connect() as c:
            assert c.fetch("spread", hit, 0)["Records"]


def test_a_directory_that_is_missing_is_not_begun_anew():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        broker.stop()
        elsewhere = broker.other.rename(broker.other.with_name("elsewhere"))
        broker.start()
        check(broker, home, other)
        assert not partitions_in(broker.other)
        with broker.connect() as c:  # What is made meanwhile has a place.
            c.create_topic("later")
            assert c.produce("later", 0, records.values_batch(b"v")) == 0
        broker.restart()
        check(broker, home, other)
        with broker.connect() as c:
            assert c.end_offset("later", 0) == 1
        broker.stop()
        assert not broker.other.exists()  # It would be in the way.
        elsewhere.rename(broker.other)
        broker.start()
        check(broker, home | other, set())


def test_a_directory_that_is_gone_for_good_is_given_up():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        broker.stop()
        (gone,) = re.findall(r"directory.id=(\S+)", (broker.other / "meta").read_text())
        broker.other.rename(broker.other.with_name("elsewhere"))
        broker.start()
        assert f"log.dirs.gone={gone}" in broker.output()
        broker.stop()
        broker.arguments = ["--set", f"log.dirs.gone={gone}"]
        broker.start()
        with broker.connect() as c:
            for partition in other:
                assert c.end_offset("spread", partition) == 0
                assert produce(c, partition, b"anew") == (0, 0)
        check(broker, home | other, set())


def copied(path, name):
    return shutil.copytree(path, path.with_name(name))


def put_back(copy, path, aside):
    """What was there is kept aside, and given."""
    replaced = path.rename(path.with_name(aside))
    shutil.copytree(copy, path)
    return replaced


def produce_all(broker, partitions, value, offset):
    with broker.connect() as c:
        for partition in partitions:
            assert produce(c, partition, value) == (0, offset)


def accept(path, *words):
    command = [str(BINARY), "log", "accept", "--data", str(path), *words]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=ENVIRONMENT, check=False
    )


def expect_no_start(broker, text):
    try:
        broker.start()
    except AssertionError:
        assert broker.process.wait(5) == 1
    assert broker.process.poll() == 1 and text in broker.output(), broker.output()


def test_an_older_copy_of_a_directory_is_not_taken_for_it():
    for end in (Broker.stop, Broker.kill9):
        with SpreadBroker() as broker:
            home, other = filled(broker)
            broker.stop()
            older = copied(broker.other, "older")
            broker.start()
            produce_all(broker, home | other, b"second", 1)
            end(broker)
            newest = put_back(older, broker.other, "newest")
            for _ in range(2):
                broker.start()
                check(broker, home, other, ends=2)
                assert f"the data directory {broker.other} is away: it is an older copy of itself" in broker.output()
                assert f"`fulmar log accept --data {broker.other}`" in broker.output()
                end(broker)
            assert sorted(p.name for p in broker.other.iterdir()) == sorted(p.name for p in older.iterdir())
            shutil.rmtree(broker.other)
            newest.rename(broker.other)
            broker.start()
            check(broker, home | other, set(), ends=2)


def test_so_is_one_that_was_made_while_it_ran():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        older = copied(broker.other, "older")
        produce_all(broker, home | other, b"second", 1)
        broker.stop()
        put_back(older, broker.other, "newest")
        broker.start()
        check(broker, home, other, ends=2)


def test_an_older_copy_that_is_accepted_is_served_as_it_was_then():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        broker.stop()
        older = copied(broker.other, "older")
        broker.start()
        produce_all(broker, home | other, b"second", 1)
        broker.kill9()
        newest = put_back(older, broker.other, "newest")
        broker.start()
        check(broker, home, other, ends=2)
        broker.stop()
        asked = accept(broker.other)
        assert asked.returncode == 1 and "nothing was changed; --yes goes on" in asked.stderr, asked.stderr
        broker.start()
        check(broker, home, other, ends=2)
        broker.stop()
        done = accept(broker.other, "--yes")
        assert done.returncode == 0 and done.stdout.endswith("Accepted.\n"), done.stdout + done.stderr
        broker.start()
        assert f"the data directory {broker.other} is an older copy of itself, and accepted" in broker.output()
        check(broker, home, set(), ends=2)
        check(broker, other, set(), ends=1)
        produce_all(broker, other, b"another second", 1)
        broker.restart()
        check(broker, home | other, set(), ends=2)
        in_use = accept(broker.other, "--yes")
        assert in_use.returncode == 1 and "is in use by another Fulmar" in in_use.stderr
        broker.stop()
        for copy in (newest, older):  # Neither that which was given up, nor that one once more.
            accepted = put_back(copy, broker.other, "accepted")
            broker.start()
            check(broker, home, other, ends=2)
            broker.stop()
            shutil.rmtree(broker.other)
            accepted.rename(broker.other)
        broker.start()
        check(broker, home | other, set(), ends=2)


def test_with_a_home_that_is_an_older_copy_a_broker_does_not_start():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        broker.stop()
        older = copied(broker.data, "older")
        broker.start()
        with broker.connect() as c:
            c.create_topic("later")
        produce_all(broker, home | other, b"second", 1)
        broker.kill9()
        newest = put_back(older, broker.data, "newest")
        for _ in range(2):
            expect_no_start(broker, f"the data directory {broker.data} is an older copy of itself")
        assert f"`fulmar log accept --data {broker.data}`" in broker.output()
        copy = put_back(newest, broker.data, "copy")
        broker.start()
        check(broker, home | other, set(), ends=2)
        broker.stop()
        shutil.rmtree(broker.data)
        copy.rename(broker.data)
        assert accept(broker.data, "--yes").returncode == 0
        broker.start()
        check(broker, home, set(), ends=1)
        check(broker, other, set(), ends=2)
        produce_all(broker, home, b"another second", 1)
        broker.restart()
        check(broker, home | other, set(), ends=2)


def test_without_its_home_a_broker_does_not_start():
    with SpreadBroker() as broker:
        filled(broker)
        broker.stop()
        broker.named = [broker.other]
        try:
            broker.start()
        except AssertionError:
            assert broker.process.wait(5) == 1
        assert "whose metadata is in another directory" in broker.output()
        broker.named = [broker.data, broker.other]
        broker.start()


def test_a_home_that_is_away_is_asked_for_and_its_place_is_left_free():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        broker.stop()
        elsewhere = broker.data.rename(broker.data.with_name("elsewhere"))
        for mounted in (False, True):  # An empty directory in its place is a disk that is not mounted.
            if mounted:
                broker.data.mkdir()
            try:
                broker.start()
            except AssertionError:
                assert broker.process.wait(5) == 1
            assert f"or it is {broker.data}, where nothing is now: mount its disk" in broker.output()
            assert broker.data.exists() == mounted
        broker.data.rmdir()
        elsewhere.rename(broker.data)
        broker.start()
        check(broker, home | other, set())


def test_the_command_line_tells_of_what_is_offline():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        broker.stop()
        broker.other.rename(broker.other.with_name("elsewhere"))
        broker.start()
        well, away = min(home), min(other)
        told = f"partition {away} of spread is offline (LEADER_NOT_AVAILABLE)"

        def started(*words, seconds=10 * SANITIZER_FACTOR):
            """Of one that waits for ever, code 124."""
            command = ["timeout", str(seconds), str(CLIENT_BINARY), *words, "--server", broker.address]
            pipe = subprocess.PIPE
            return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT)

        begun = time.monotonic()
        producer = started("produce", "spread", "x", "--partition", str(away), "--timeout", "4", seconds=50)
        for words in (("--until-end",), ("--count", "4"), ("--at", "0", "--partition", str(away))):
            with started("consume", "spread", *words) as consumer:
                out, err = consumer.communicate()
                assert consumer.returncode == 1 and told in err
                assert out == ("" if "--at" in words else "first\n" * len(home))
        with started("consume", "spread", "--partition", str(well), "--until-end") as consumer:
            assert consumer.communicate() == ("first\n", "")
        with started("consume", "spread", seconds=3 * SANITIZER_FACTOR) as follower:  # Waits, and says for what.
            _, err = follower.communicate()
            assert follower.returncode == 124 and err.count(told) == 1
        assert told in producer.stderr.readline()
        err = producer.stderr.read()
        assert producer.wait() == 1 and time.monotonic() - begun > 4
        assert told in err and "1 of 1 message not written" in err


def test_a_disk_that_is_full_takes_nothing_and_gives_all():
    with SpreadBroker() as broker:
        home, other = filled(broker)
        assert (broker.data / "reserve").stat().st_blocks > 0
        broker.stop()
        # One percent is in use on every disk.
        broker.arguments = ["--set", "disk.full.percent=1", "--set", "disk.read.only.percent=1"]
        broker.start()
        deadline = [broker.get("/metrics") for _ in range(100)]
        assert f'fulmar_data_directory_full{{directory="{broker.data}"}} 2\n' in deadline[-1]
        assert not (broker.data / "reserve").exists()
        with broker.connect() as c:
            for partition in home | other:
                assert produce(c, partition, b"no")[0] == STORAGE_ERROR
                assert c.fetch("spread", partition, 0)["Records"]
            body = {"Topics": [{"Name": "more", "NumPartitions": 1, "ReplicationFactor": 1}], "timeoutMs": 9000}
            (made,) = c.call("CreateTopics", 7, body)["Topics"]
            assert made["ErrorCode"] == STORAGE_ERROR, made
            body = {"Topics": [{"Name": "spread"}], "TimeoutMs": 9000}
            (removed,) = c.call("DeleteTopics", 6, body)["Responses"]
            assert removed["ErrorCode"] == 0
        assert broker.get("/readyz").count("the disk is full and read only: no records are taken, ") == 2
        broker.process.send_signal(signal.SIGTERM)
        assert broker.process.wait(5) == 0
        broker.arguments = ["--set", "disk.full.percent=1"]
        broker.start()
        for _ in range(100):
            ready = broker.get("/readyz")
        assert ready.count("the disk is full, no records are taken\n") == 2
        with broker.connect() as c:
            c.create_topic("refused")
        command = [str(CLIENT_BINARY), "produce", "refused", "x", "--server", broker.address]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=25, env=ENVIRONMENT, check=False)
        assert ran.returncode == 1
        assert "1 of 1 message not written: KAFKA_STORAGE_ERROR: its disk is full" in ran.stderr
        broker.stop()
        broker.arguments = []
        broker.start()
        with broker.connect() as c:
            c.create_topic("spread")
            assert produce(c, 0, b"anew") == (0, 0)
