"""What lies on the disk is damaged, or the disk says no: nothing wrong is served, nothing acknowledged is lost."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest
import records
from broker import BINARY, ENVIRONMENT, SANITIZER_FACTOR, Broker

STORAGE_ERROR = 56
BATCHES = 40


def produce_some(broker, topic="kept", count=BATCHES, start=0):
    """Batches of one record; returns what was acknowledged: offset and value."""
    acknowledged = {}
    with broker.connect() as c:
        for n in range(start, start + count):
            value = b"%06d" % n + b"x" * 400
            acknowledged[c.produce(topic, 0, records.values_batch(value))] = value
    return acknowledged


def read_from(c, topic, offset):
    """Offset and value of all there is from `offset` on, and the error that ended it."""
    found = {}
    while True:
        part = c.fetch(topic, 0, offset, max_bytes=3000)
        if part["ErrorCode"] != 0 or not part["Records"]:
            return found, part["ErrorCode"]
        for batch in records.verified(part["Records"]):
            inside = records.decode_records(records.opened(batch), batch.base_timestamp, batch.count)
            assert batch.base_offset == offset and batch.leader_epoch == 0
            for record in inside:
                found[offset] = record.value
                offset += 1


def list_offsets(c, topic, timestamp):
    asked = {"PartitionIndex": 0, "Timestamp": timestamp}
    body = {"ReplicaId": -1, "Topics": [{"Name": topic, "Partitions": [asked]}]}
    (part,) = c.call("ListOffsets", 7, body)["Topics"][0]["Partitions"]
    return part["ErrorCode"], part["Offset"]


def try_produce(c, topic):
    body = c.produce_body(topic, 0, records.values_batch(b"more"))
    (part,) = c.call("Produce", 9, body)["Responses"][0]["PartitionResponses"]
    return part["ErrorCode"]


def filled(broker):
    """The broker, with a topic whose messages are below the recovery point; and these."""
    with broker.connect() as c:
        c.create_topic("kept")
        c.create_topic("beside")
    produce_some(broker, "beside", 3)
    return produce_some(broker)


def directory_of(broker, topic="kept"):
    (found,) = broker.data.glob(f"{topic}-0.*")
    return found


def log_of(broker, topic="kept"):
    return directory_of(broker, topic) / f"{0:020}.log"


def flip(path, position):
    with path.open("r+b") as f:
        f.seek(position)
        (byte,) = f.read(1)
        f.seek(position)
        f.write(bytes([byte ^ 0x10]))


def expect_only_damaged(broker, acknowledged, bad):
    """One batch is an error for whoever asks for it; all others are served, and appends go on."""
    with broker.connect() as c:
        error, end = list_offsets(c, "kept", -1)
        assert error == 0 and end >= BATCHES
        found, error = read_from(c, "kept", 0)
        assert found == {o: v for o, v in acknowledged.items() if o < bad}
        assert error == STORAGE_ERROR
        assert c.fetch("kept", 0, bad)["ErrorCode"] == STORAGE_ERROR
        found, error = read_from(c, "kept", bad + 1)
        assert error == 0
        assert {o: v for o, v in found.items() if o < BATCHES} == {
            o: v for o, v in acknowledged.items() if o > bad
        }
        assert list_offsets(c, "kept", -2) == (0, 0)
        assert try_produce(c, "kept") == 0
        assert list_offsets(c, "kept", -1) == (0, end + 1)
        found, error = read_from(c, "kept", end)
        assert error == 0 and found == {end: b"more"}


def expect_end_lost(broker, acknowledged, first_bad):
    """What lies in front is served; the rest is an error, for whoever asks for it in whatever way."""
    with broker.connect() as c:
        found, error = read_from(c, "kept", 0)
        assert found == {o: v for o, v in acknowledged.items() if o < first_bad}
        assert error == STORAGE_ERROR
        for offset in (first_bad, first_bad + 1, BATCHES - 1, BATCHES, BATCHES + 7):
            assert c.fetch("kept", 0, offset)["ErrorCode"] == STORAGE_ERROR, offset
        assert list_offsets(c, "kept", -1)[0] == STORAGE_ERROR
        assert list_offsets(c, "kept", -3)[0] == STORAGE_ERROR
        assert list_offsets(c, "kept", 1_800_000_000_000)[0] == STORAGE_ERROR
        assert list_offsets(c, "kept", -2) == (0, 0)
        assert try_produce(c, "kept") == STORAGE_ERROR
        assert len(read_from(c, "beside", 0)[0]) >= 3
        assert try_produce(c, "beside") == 0


def batch_position(broker, number):
    batches, rest = records.split(log_of(broker).read_bytes())
    assert not rest
    return sum(len(b.pack()) for b in batches[:number])


# Where in a batch: its offset, length, leader epoch, magic, checksum, attributes, and a message.
@pytest.mark.parametrize("where", [7, 10, 15, 16, 18, 22, 120])
def test_a_flipped_bit_is_never_served(where):
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.stop()
        flip(log_of(broker), batch_position(broker, 20) + where)
        broker.start()
        expect_only_damaged(broker, acknowledged, 20)
        # It stays damage, whatever comes after.
        broker.kill9()
        broker.start()
        expect_only_damaged(broker, acknowledged, 20)


def test_a_consumer_in_front_of_damage_says_so():
    with Broker() as broker:
        filled(broker)
        broker.stop()
        flip(log_of(broker), batch_position(broker, 20) + 120)
        broker.start()
        command = [str(BINARY), "consume", "kept", "--until-end", "--server", broker.address]
        limits = {"timeout": 20 * SANITIZER_FACTOR, "env": ENVIRONMENT, "check": False}
        ran = subprocess.run(command, capture_output=True, text=True, **limits)
        assert ran.returncode == 1 and ran.stdout.count("\n") == 20
        assert "partition 0 of kept cannot be read at offset 20: KAFKA_STORAGE_ERROR: " in ran.stderr


def hurt_truncated(broker):
    os.truncate(log_of(broker), batch_position(broker, 20))
    return 20


def hurt_empty(broker):
    os.truncate(log_of(broker), 0)
    return 0


def hurt_no_log(broker):
    log_of(broker).unlink()
    return 0


def hurt_no_directory(broker):
    shutil.rmtree(directory_of(broker))
    return 0


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize(
    "hurt", [hurt_truncated, hurt_empty, hurt_no_log, hurt_no_directory]
)
def test_what_is_gone_is_told(hurt, clean):
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.restart()  # So that there is a recovery point even after a kill.
        broker.stop() if clean else broker.kill9()
        first_bad = hurt(broker)
        broker.start()
        expect_end_lost(broker, acknowledged, first_bad)


def take_away(broker, _):
    shutil.rmtree(directory_of(broker))


def take_elsewhere(broker, _):
    directory_of(broker).rename(broker.data.with_name("elsewhere"))


def put_old_one_back(broker, older):
    shutil.rmtree(directory_of(broker))
    shutil.copytree(older, broker.data / older.name)


def put_old_log_back(broker, older):
    copy = log_of(broker).with_suffix(".copy")
    shutil.copy(older / log_of(broker).name, copy)
    copy.rename(log_of(broker))


@pytest.mark.parametrize("how", [take_away, take_elsewhere, put_old_one_back, put_old_log_back])
@pytest.mark.parametrize("opened", [True, False])
def test_what_is_taken_away_while_it_runs_takes_no_more(how, opened):
    with Broker() as broker:
        filled(broker)
        older = broker.data.with_name("older") / directory_of(broker).name
        shutil.copytree(directory_of(broker), older)
        acknowledged = produce_some(broker, count=5, start=BATCHES)
        if not opened:
            broker.restart()
        time.sleep(1.5)  # A checkpoint knows of them.
        how(broker, older)
        with broker.connect() as c:
            for _ in range(3):
                assert try_produce(c, "kept") == STORAGE_ERROR
            assert try_produce(c, "beside") == 0
            found, error = read_from(c, "kept", BATCHES)
            assert found == acknowledged or (not found and error == STORAGE_ERROR)
        broker.restart()
        with broker.connect() as c:  # Not even where the end is does anybody know.
            assert try_produce(c, "kept") == STORAGE_ERROR
            assert list_offsets(c, "kept", -1)[0] == STORAGE_ERROR
            assert len(read_from(c, "beside", 0)[0]) == 4
        elsewhere = broker.data.with_name("elsewhere")
        if elsewhere.exists():
            broker.stop()
            elsewhere.rename(broker.data / older.name)
            broker.start()
            with broker.connect() as c:
                found, error = read_from(c, "kept", BATCHES)
                assert error == 0 and found.items() >= acknowledged.items()
                assert try_produce(c, "kept") == 0


@pytest.mark.parametrize("clean", [True, False])
def test_a_zeroed_batch_costs_itself_alone(clean):
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.restart()
        broker.stop() if clean else broker.kill9()
        position = batch_position(broker, 10)
        with log_of(broker).open("r+b") as f:
            f.seek(position)
            f.write(bytes(batch_position(broker, 11) - position))
        broker.start()
        expect_only_damaged(broker, acknowledged, 10)


def refuses_to_start(broker):
    """What it says."""
    done = subprocess.run(broker.command(), capture_output=True, text=True, timeout=20, env=ENVIRONMENT)
    assert done.returncode == 1, f"{done.returncode}: {done.stderr}"
    return done.stderr


def spoil_missing(store):
    shutil.rmtree(store)


def spoil_empty(store):
    os.truncate(store / "store.sqlite", 0)


def spoil_zeroed(store):
    size = (store / "store.sqlite").stat().st_size
    (store / "store.sqlite").write_bytes(bytes(size))


def spoil_cut(store):
    os.truncate(store / "store.sqlite", 5000)


@pytest.mark.parametrize("spoil", [spoil_missing, spoil_empty, spoil_zeroed, spoil_cut])
def test_without_its_metadata_it_does_not_begin_anew(spoil):
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.stop()
        shutil.copytree(broker.data / "coord", broker.data.parent / "backup")
        spoil(broker.data / "coord")
        said = refuses_to_start(broker)
        assert "store" in said, said
        shutil.rmtree(broker.data / "coord", ignore_errors=True)
        shutil.copytree(broker.data.parent / "backup", broker.data / "coord")
        broker.start()
        with broker.connect() as c:
            assert read_from(c, "kept", 0) == (acknowledged, 0)


@pytest.mark.parametrize("name", ["checkpoint", "CLEAN"])
@pytest.mark.parametrize("how", ["flipped", "empty", "missing"])
def test_a_lost_side_file_loses_nothing(name, how):
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.stop()
        path = broker.data / name
        if how == "flipped":
            flip(path, path.stat().st_size // 2)
        elif how == "empty":
            os.truncate(path, 0)
        else:
            path.unlink()
        broker.start()
        with broker.connect() as c:
            assert read_from(c, "kept", 0) == (acknowledged, 0)
            assert try_produce(c, "kept") == 0


@pytest.mark.parametrize("how", ["flipped", "empty", "missing"])
def test_without_meta_it_touches_nothing(how):
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.stop()
        path = broker.data / "meta"
        right = path.read_bytes()
        if how == "flipped":
            flip(path, 30)
        elif how == "empty":
            os.truncate(path, 0)
        else:
            path.unlink()
        assert "meta" in refuses_to_start(broker)
        path.write_bytes(right)
        broker.start()
        with broker.connect() as c:
            assert read_from(c, "kept", 0) == (acknowledged, 0)


def test_a_file_systems_own_directory_is_left_alone():
    with Broker() as broker:
        broker.stop()
        for made_before in (True, False):
            if not made_before:
                shutil.rmtree(broker.data)
                broker.data.mkdir()
            (broker.data / "lost+found").mkdir()
            broker.start()
            acknowledged = filled(broker)
            broker.restart()
            with broker.connect() as c:
                assert read_from(c, "kept", 0) == (acknowledged, 0)
            assert (broker.data / "lost+found").is_dir()
            broker.stop()
        broker.start()


def test_directories_may_lie_elsewhere():
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.stop()
        for path in (directory_of(broker), broker.data / "coord"):
            elsewhere = broker.data.parent / path.name
            path.rename(elsewhere)
            path.symlink_to(elsewhere, target_is_directory=True)
        broker.start()
        with broker.connect() as c:
            assert read_from(c, "kept", 0) == (acknowledged, 0)


def test_a_copy_of_a_partition_is_not_taken_for_it():
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.stop()
        original = directory_of(broker)
        copy = original.with_name("a-copy-of-" + original.name)
        shutil.copytree(original, copy)
        os.truncate(copy / log_of(broker).name, batch_position(broker, 5))
        said = refuses_to_start(broker)
        assert copy.name in said and original.name in said, said
        shutil.rmtree(copy)
        broker.start()
        with broker.connect() as c:
            assert read_from(c, "kept", 0) == (acknowledged, 0)


def test_an_older_copy_of_all_is_served_as_it_was_then():
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.stop()
        older = broker.data.with_name("older")
        shutil.copytree(broker.data, older)
        broker.start()
        with broker.connect() as c:
            c.create_topic("later")
        produce_some(broker, count=5, start=BATCHES)
        broker.stop()
        shutil.rmtree(broker.data)
        shutil.copytree(older, broker.data)
        verify = [str(BINARY), "log", "verify", "--data", str(broker.data)]
        ran = subprocess.run(verify, capture_output=True, text=True, env=ENVIRONMENT, check=False)
        assert ran.returncode == 0 and ran.stdout.endswith("All is sound.\n"), ran.stdout + ran.stderr
        broker.start()
        with broker.connect() as c:
            assert read_from(c, "kept", 0) == (acknowledged, 0)
            assert list_offsets(c, "kept", -1) == (0, BATCHES)
            assert try_produce(c, "kept") == 0
        broker.kill9()
        broker.start()
        with broker.connect() as c:
            assert read_from(c, "kept", 0) == ({**acknowledged, BATCHES: b"more"}, 0)


def test_an_allocation_that_fails_ends_it_and_loses_nothing():
    with Broker() as broker:
        acknowledged = filled(broker)
        most = broker.memory_bytes("VmSize") + (24 << 20)
        resource.prlimit(broker.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        greedy = []
        try:
            while broker.process.poll() is None:
                acknowledged.update(produce_some(broker, count=3, start=len(acknowledged)))
                greedy.append(socket.create_connection(("127.0.0.1", broker.port), timeout=5))
                greedy[-1].sendall((90 << 20).to_bytes(4) + bytes([0, 0, 0, 9]))
                for _ in range(8):  # Of a request that never ends.
                    greedy[-1].sendall(bytes(1 << 20))
        except OSError:
            pass
        assert broker.process.wait(5 * SANITIZER_FACTOR) != 0
        for one in greedy:
            one.close()
        broker.start()
        with broker.connect() as c:
            found, error = read_from(c, "kept", 0)
            assert error == 0 and found.items() >= acknowledged.items()
            assert try_produce(c, "kept") == 0


def run_into(broker, acknowledged):
    """Produces until the broker ends or has taken enough."""
    try:
        with broker.connect(timeout=5) as c:
            for n in range(30):
                body = c.produce_body("kept", 0, records.values_batch(b"n%04d" % n))
                (part,) = c.call("Produce", 9, body)["Responses"][0]["PartitionResponses"]
                if part["ErrorCode"] == 0:
                    acknowledged[part["BaseOffset"]] = b"n%04d" % n
                else:
                    assert part["ErrorCode"] == STORAGE_ERROR, part
    except OSError:
        return


# A call of the kernel, what it answers, and at which call: that one alone, or with a "+" all from there on.
INJECTED = [
    ("fdatasync", "EIO", "1"), ("fdatasync", "EIO", "4"), ("fdatasync", "EIO", "9"), ("fdatasync", "EIO", "11+"),
    ("fdatasync", "ENOSPC", "10"), ("fsync", "EIO", "1"), ("fsync", "EIO", "3"), ("fsync", "ENOSPC", "6"),
    ("pwritev", "EIO", "1+"), ("pwritev", "EIO", "5"), ("pwritev", "ENOSPC", "3"), ("pwritev", "ENOSPC", "6+"),
    ("pwrite64", "EIO", "2"), ("pread64", "EIO", "20"), ("pread64", "EIO", "25+"), ("openat", "EMFILE", "40+"),
    ("openat", "EIO", "25"), ("renameat", "EIO", "1"), ("renameat", "ENOSPC", "2"), ("ftruncate", "EIO", "1"),
    ("getdents64", "EIO", "2"),
]  # fmt: skip


@pytest.mark.parametrize("call, error, at", INJECTED)
def test_a_failing_disk_never_lies(call, error, at):
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.kill9()
        broker.prefix = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:error={error}:when={at}"]
        try:
            broker.start()
        except AssertionError:
            assert broker.process.poll() == 1, f"{broker.process.poll()}\n{broker.output()}"
        else:
            run_into(broker, acknowledged)
            if broker.process.poll() is None:
                os.kill(broker.pid, signal.SIGTERM)
            assert broker.process.wait(5 * SANITIZER_FACTOR) in (0, 1), broker.output()
        broker.prefix = []
        broker.start()
        with broker.connect() as c:
            found, error = read_from(c, "kept", 0)
            assert error == 0
            assert {o: found.get(o) for o in acknowledged} == acknowledged


def test_kills_while_it_starts_and_stops():
    with Broker() as broker:
        acknowledged = filled(broker)
        broker.stop()
        for n in range(12):
            starting = subprocess.Popen(
                broker.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
            )
            time.sleep(0.002 * SANITIZER_FACTOR * n)
            starting.kill()
            starting.wait()
            broker.start()
            acknowledged |= produce_some(broker, count=2, start=1000 + 2 * n)
            broker.process.send_signal(signal.SIGTERM)
            time.sleep(0.001 * SANITIZER_FACTOR * n)
            broker.kill9()
        broker.start()
        with broker.connect() as c:
            assert read_from(c, "kept", 0) == (acknowledged, 0)
