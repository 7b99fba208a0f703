"""Acknowledged means durable, seen from the kernel: strace tells when each write, sync and send happened."""

import re
import threading
import time
from pathlib import Path

import pytest
import records
from broker import Broker

TRACED = "fdatasync,fsync,pwrite64,pwritev,pwritev2,write,sendmsg,sendto,writev,sendfile"
LINE = re.compile(r"^(\d+)\s+(\d+\.\d+) (.*)$")
CALL = re.compile(r"^(\w+)\((\d+)(?:<([^>]*)>)?(.*)$", re.S)
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.S)


class Call:
    """A system call: its beginning and end are places in the trace, which is in order of time."""

    def __init__(self, begin, name, fd, target, text):
        self.begin, self.end = begin, None
        self.name, self.fd, self.text = name, fd, text
        self.target = bytes.fromhex((target or "").replace("\\x", "")).decode()

    def __repr__(self):
        return f"{self.begin}..{self.end} {self.name}({self.fd}<{self.target}>)"


def parse(path):
    calls, pending = [], {}
    for number, line in enumerate(Path(path).read_text(errors="replace").splitlines()):
        found = LINE.match(line)
        if not found:
            continue
        thread, _, text = found.groups()
        resumed = RESUMED.match(text)
        if resumed:
            call = pending.pop(thread, None)
            if call:
                call.end, call.text = number, call.text + resumed.group(2)
            continue
        started = CALL.match(text)
        if not started:
            continue
        name, fd, target, rest = started.groups()
        call = Call(number, name, int(fd), target, rest)
        calls.append(call)
        if rest.endswith("<unfinished ...>"):
            pending[thread] = call
        else:
            call.end = number
    return calls


@pytest.fixture
def traced(tmp_path):
    """A broker under strace; `calls()` after it was stopped."""
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-ttt", "-y", "-xx", "-s", "4096", "-e", f"trace={TRACED}", "-o", str(trace)]
    broker = Broker(prefix=strace)
    broker.calls = lambda: parse(trace)
    with broker:
        yield broker


def hex_text(data):
    """As strace -xx writes it."""
    return "".join(f"\\x{byte:02x}" for byte in data)


def writes_of(calls, marker):
    text = hex_text(marker)
    return [c for c in calls if c.name.startswith("pwrite") and text in c.text]


def answers_with(calls, marker):
    text = hex_text(marker)
    sends = ("sendmsg", "sendto", "writev", "write")
    return [
        c for c in calls if c.name in sends and c.target.startswith(("socket:", "TCP:")) and text in c.text
    ]


def correlation(number):
    return (0x7E000000 + number).to_bytes(4, "big")


def assert_synced_before_answered(calls, marker, number):
    """A sync of the file with the batch began when its write had ended, and ended before the answer left."""
    written = writes_of(calls, marker)
    assert written, f"no write with {marker}"
    answered = answers_with(calls, correlation(number))
    assert len(answered) == 1, f"{len(answered)} answers to request {number}"
    (answer,) = answered
    # A journal may hold a second copy: one of the files written to must have been synced.
    for write in written:
        for sync in calls:
            if sync.name not in ("fdatasync", "fsync") or sync.target != write.target or sync.end is None:
                continue
            if write.end is not None and write.end < sync.begin and sync.end < answer.begin:
                return
    raise AssertionError(f"{marker}: no sync between {written} and {answer}")


def produce(c, number, marker, acks=-1):
    c.correlation = int.from_bytes(correlation(number), "big") - 1
    batch = records.values_batch(marker)
    answer = c.call("Produce", 9, c.produce_body("synced", number % 2, batch, acks))
    assert answer["Responses"][0]["PartitionResponses"][0]["ErrorCode"] == 0


@pytest.mark.parametrize("acks", [-1, 1])
def test_each_answer_waits_for_the_sync_of_its_batch(traced, acks):
    with traced.connect() as c:
        c.create_topic("synced", 2)
        for n in range(20):
            produce(c, n, f"marker-{n:03}-end".encode(), acks)
    traced.stop()
    calls = traced.calls()
    traced.start()
    for n in range(20):
        assert_synced_before_answered(calls, f"marker-{n:03}-end".encode(), n)


def test_concurrent_produces_wait_each_for_a_sync_behind_their_write(traced):
    clients, each = 8, 25
    with traced.connect() as c:
        c.create_topic("synced", 2)
    failed = []

    def work(client):
        try:
            with traced.connect(timeout=30) as c:
                for n in range(client * each, (client + 1) * each):
                    produce(c, n, f"marker-{n:03}-end".encode())
        except BaseException as e:
            failed.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed, failed
    time.sleep(0.05)
    traced.stop()
    calls = traced.calls()
    traced.start()
    for n in range(clients * each):
        assert_synced_before_answered(calls, f"marker-{n:03}-end".encode(), n)
    syncs = [c for c in calls if c.name in ("fdatasync", "fsync")]
    print(f"{clients * each} batches, {len(syncs)} syncs")
