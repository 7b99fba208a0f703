"""`fulmar log` on what a real broker has left: a damaged log is dumped, verified and repaired, and then every client
reads around the hole.
"""

import json
import subprocess

import clients
import confluent_kafka
import pytest
from broker import CLIENT_BINARY, ENVIRONMENT, SANITIZER_FACTOR, Broker
from records import values_batch

DONE, FAILED, DAMAGED = 0, 1, 3
STORAGE_ERROR = 56
VALUES = [b"value %03d " % n + b"x" * 60_000 for n in range(60)]


def fulmar(*words, stdin="", code=DONE):
    ran = subprocess.run(
        [str(CLIENT_BINARY), *words], input=stdin, capture_output=True, text=True, timeout=30 * SANITIZER_FACTOR,
        env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran


def lines(ran):
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.fixture
def stopped(tmp_path):
    """The data directory of a broker that has ended: `kept` has a batch a value, in segments of a few."""
    with Broker(tmp_path / "data") as broker:
        with broker.connect() as c:
            c.create_topic("kept", segment_bytes="1048576")
            c.create_topic("beside")
            for value in VALUES:
                c.produce("kept", 0, values_batch(value))
            c.produce("beside", 0, values_batch(b"beside"))
        yield broker
        if broker.process.poll() is not None:
            broker.start()


@pytest.fixture
def spoilt(stopped):
    stopped.stop()
    segment = segments(stopped)[1]
    (batch,) = [b for b in lines(fulmar("log", "dump", str(segment), "--json")) if b["first_offset"] == 20]
    data = bytearray(segment.read_bytes())
    data[batch["position"] + 100] ^= 1
    segment.write_bytes(data)
    return segment


def segments(broker):
    return sorted(broker.data.glob("kept-0.*/*.log"))


def verify(broker, *words, code):
    return fulmar("log", "verify", "--data", str(broker.data), *words, code=code)


def read_by_librdkafka(broker):
    """To the end that it sees itself."""
    settings = {"bootstrap.servers": broker.address, "group.id": "none", "enable.partition.eof": True}
    consumer = confluent_kafka.Consumer({**settings, "enable.auto.commit": False})  # Its close would wait.
    consumer.assign([confluent_kafka.TopicPartition("kept", 0, 0)])
    found = []
    while message := consumer.poll(30):
        if message.error():
            assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF
            break
        found.append((message.offset(), message.value()))
    consumer.close()
    return found


def test_what_is_in_use_is_refused_and_what_is_sound_is_said_to_be(stopped):
    ran = verify(stopped, code=FAILED)
    assert f"is in use by another Fulmar (process {stopped.pid})" in ran.stderr
    assert "in use" in fulmar("log", "repair", "--data", str(stopped.data), "--yes", code=FAILED).stderr
    stopped.stop()
    assert verify(stopped, code=DONE).stdout.endswith("All is sound.\n")
    (sums,) = lines(verify(stopped, "kept", "--json", code=DONE))
    assert (sums["partitions"], sums["records"], sums["damage"]) == (1, len(VALUES), 0)
    assert "did you mean kept?" in verify(stopped, "ketp", code=FAILED).stderr
    said = fulmar("log", "repair", "--data", str(stopped.data)).stdout
    assert said == "All is sound; there is nothing to repair.\n"


def test_dump_shows_batches_records_and_what_stands_beside(stopped):
    stopped.stop()
    (directory,) = stopped.data.glob("kept-0.*")
    batches = lines(fulmar("log", "dump", str(directory), "--json"))
    assert [b["first_offset"] for b in batches] == list(range(len(VALUES)))
    assert all(b["crc_ok"] and b["records"] == 1 and b["codec"] == "none" for b in batches)
    assert len(segments(stopped)) > 2
    shown = fulmar("log", "dump", str(segments(stopped)[-1]), "--records", "--json", "--from", "59")
    batch, record = lines(shown)
    assert (batch["first_offset"], record["offset"], record["value"]) == (59, 59, VALUES[59].decode())
    assert "it may still grow" in shown.stderr.replace("while a broker runs ", "")
    text = fulmar("log", "dump", str(directory)).stdout
    assert f"offsets 0-0  position 0  {batches[0]['bytes']} bytes  1 record" in text
    index = lines(fulmar("log", "dump", str(segments(stopped)[0].with_suffix(".index")), "--json"))
    assert index[-1]["position"] == segments(stopped)[0].stat().st_size
    (snapshot,) = sorted(directory.glob("*.producers"))[-1:]
    assert fulmar("log", "dump", str(snapshot)).stdout.startswith("stands at offset ")
    points = lines(fulmar("log", "dump", str(stopped.data / "checkpoint"), "--json"))
    assert sorted(p["recovery_point"] for p in points) == [1, len(VALUES)]
    assert "is no file of a log" in fulmar("log", "dump", str(stopped.data / "meta"), code=FAILED).stderr
    assert "there is no file" in fulmar("log", "dump", str(stopped.data / "nothing"), code=FAILED).stderr


def test_damage_is_found_repaired_and_read_around(stopped, spoilt):
    found, sums = lines(verify(stopped, "--json", code=DAMAGED))
    assert (found["topic"], found["partition"], found["file"]) == ("kept", 0, spoilt.name)
    assert (found["first_offset"], found["last_offset"]) == (20, 20)
    assert sums["damaged_partitions"] == 1
    assert f"kept-0, {spoilt.name}, bytes " in verify(stopped, code=DAMAGED).stdout

    stopped.start()  # Unrepaired it answers with an error for ever.
    with stopped.connect() as c:
        assert c.fetch("kept", 0, 20)["ErrorCode"] == STORAGE_ERROR
    stopped.stop()

    repair = "log", "repair", "--data", str(stopped.data)
    planned = fulmar(*repair, "--dry-run").stdout
    assert "leave a hole at offsets 20 to 20" in planned
    assert "nothing was changed" in fulmar(*repair, stdin="n\n", code=FAILED).stderr
    verify(stopped, code=DAMAGED)
    assert fulmar(*repair, stdin="y\n").stdout == planned + "1 partition repaired.\n"
    assert verify(stopped, code=DONE).stdout.endswith("All is sound.\n")
    (kept,) = (stopped.data / "quarantine").iterdir()
    assert kept.name.endswith(".20.damaged.0")
    (inside,) = lines(fulmar("log", "dump", str(kept), "--json"))
    assert inside["crc_ok"] is False

    stopped.start()
    expected = [(n, value) for n, value in enumerate(VALUES) if n != 20]
    for client in (clients.Kcat, clients.Java):
        read = client(stopped.address).consume(["kept"])["kept"]
        assert [(m.offset, m.value) for m in read] == expected, client
    assert read_by_librdkafka(stopped) == expected
    consumed = fulmar("consume", "kept", "--until-end", "--server", stopped.address).stdout
    assert consumed.encode().splitlines() == [value for _, value in expected]
    with stopped.connect() as c:
        assert c.produce("kept", 0, values_batch(b"more")) == len(VALUES)
    stopped.stop()
    verify(stopped, code=DONE)


def test_log_whose_end_is_lost_takes_appends_again(stopped):
    stopped.stop()
    last = segments(stopped)[-1]
    last.write_bytes(last.read_bytes()[: len(values_batch(VALUES[0])) + 500])
    verify(stopped, code=DAMAGED)
    fulmar("log", "repair", "--data", str(stopped.data), "--yes")
    verify(stopped, code=DONE)
    stopped.start()
    with stopped.connect() as c:
        assert c.produce("kept", 0, values_batch(b"more")) == len(VALUES)
    read = clients.Java(stopped.address).consume(["kept"])["kept"]
    first_lost = int(last.name[:20]) + 1
    expected = [(n, VALUES[n]) for n in range(first_lost)] + [(len(VALUES), b"more")]
    assert [(m.offset, m.value) for m in read] == expected
    stopped.stop()
