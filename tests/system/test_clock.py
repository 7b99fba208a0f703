"""A real broker whose wall clock jumps (libfaketime): nothing is deleted for its age, and it goes on."""

import time

import pytest
import records
from broker import SANITIZER_FACTOR
from test_faults import read_from
from test_greedy import SetBroker

DAY = 24 * 3600
LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
# It allocates memory when it is asked for the time, and jemalloc asks while it begins: these come before that.
ALLOCATORS = ["libstdc++.so.6", "libc.so.6"]


class ClockedBroker(SetBroker):
    """Looks four times a second for what is too old. Its clock is set by `jump`; monotonic time goes on."""

    def __init__(self, folder):
        super().__init__(log_retention_check_interval_ms=250)
        self.clock = folder / "clock"
        self.prefix = [
            "env", f"LD_PRELOAD={':'.join([LIBRARY, *ALLOCATORS])}", f"FAKETIME_TIMESTAMP_FILE={self.clock}", "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]  # fmt: skip
        self.jump(0)

    def jump(self, seconds):
        self.ahead = seconds
        # At once, so that no half of it is read.
        beside = self.clock.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.rename(self.clock)

    @property
    def pid(self):
        return self.process.pid


@pytest.fixture
def broker(tmp_path):
    with ClockedBroker(tmp_path) as broker:
        with broker.connect() as c:
            c.create_topic("young", retention_ms=str(DAY * 1000), segment_ms=str(DAY * 1000))
        yield broker


def produce(broker, count):
    """By clients who have the same clock: the broker refuses what comes from the future."""
    produced = {}
    with broker.connect() as c:
        for n in range(count):
            batch = records.values_batch(b"%d" % n, timestamp=int((time.time() + broker.ahead) * 1000))
            produced[c.produce("young", 0, batch)] = b"%d" % n
    return produced


def expect_all(broker, produced):
    time.sleep(1.5 * min(SANITIZER_FACTOR, 3))  # It has looked for what is too old, several times.
    with broker.connect() as c:
        assert read_from(c, "young", 0) == (produced, 0)


def test_retention_deletes_nothing_after_a_jump(broker):
    produced = produce(broker, 5)
    expect_all(broker, produced)
    for days in (3, -3, 400, 0, 1):
        broker.jump(days * DAY)
        expect_all(broker, produced)
        produced |= produce(broker, 1)
    assert "jumped" in broker.log.read_text()


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("days", [3, -3])
def test_nor_after_a_start_under_another_clock(broker, days, killed):
    produced = produce(broker, 5)
    time.sleep(1.2)  # A checkpoint notes what the clock shows.
    broker.kill9() if killed else broker.stop()
    broker.jump(days * DAY)
    broker.start()
    expect_all(broker, produced)
    broker.jump(0)
    broker.restart()
    expect_all(broker, produced)
    assert produce(broker, 1) == {5: b"0"}
