"""Data directories that earlier builds have left are read, told sound and written to; one of a newer format is refused.
Each folder of tests/golden was made by the build that first wrote its formats, and stays (tests/golden/README.md).
"""

import json
import shutil

import golden
import pytest
from broker import Broker
from records import crc32c
from test_faults import refuses_to_start
from test_log import DONE, verify

DIRECTORIES = sorted(p for p in golden.GOLDEN.glob("*/*") if p.is_dir())


def copied(directory, tmp_path):
    shutil.copytree(directory, tmp_path / "data")
    return Broker(tmp_path / "data")


def test_there_are_some():
    assert {p.name for p in DIRECTORIES} >= {"clean", "killed"}


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_what_an_earlier_build_has_left_is_served_and_goes_on(directory, tmp_path):
    expected = json.loads(directory.with_suffix(".json").read_text())
    broker = copied(directory, tmp_path)
    assert verify(broker, code=DONE).stdout.endswith("All is sound.\n")
    with broker:
        assert golden.served(broker) == expected
        with broker.connect() as c:
            for topic in golden.TOPICS:
                if topic != "compacted":
                    assert c.produce(topic, 0, golden.batch(topic, 9)) == 9  # Sent again: its producer is known.
                golden.produce(c, topic, range(10, 14))
        after = golden.served(broker)
        broker.restart()
        again = golden.served(broker)
        for topic, was in expected.items():
            now = after[topic]
            assert now["start"] == was["start"] and now["end"] == 14
            if topic == "compacted":  # That goes on meanwhile.
                last = {key: offset for offset, _, key, _ in now["records"]}
                assert last == {key: offset for offset, _, key, _ in again[topic]["records"]}
                assert last == {f"key {n % 3}": n for n in range(11, 14)}
            else:
                assert again[topic] == now
                assert now["records"][: len(was["records"])] == was["records"]
                assert len(now["records"]) == len(was["records"]) + 4
    assert verify(broker, code=DONE).stdout.endswith("All is sound.\n")


def newer_meta(data):
    text = (data / "meta").read_bytes()
    body = text[: text.rindex(b"crc32c=")]
    number = int(body.split(b"\n")[0].removeprefix(b"format="))
    body = body.replace(b"format=%d" % number, b"format=%d" % (number + 1))
    (data / "meta").write_bytes(body + b"crc32c=%08x\n" % crc32c(body))


def newer_store(data):
    with (data / "coord" / "store.sqlite").open("r+b") as f:
        f.seek(60)  # SQLite's user_version.
        number = int.from_bytes(f.read(4), "big")
        f.seek(60)
        f.write((number + 1).to_bytes(4, "big"))


@pytest.mark.parametrize("newer, says", [(newer_meta, "format 2"), (newer_store, "newer Fulmar")])
def test_a_newer_format_is_refused_and_nothing_is_touched(newer, says, tmp_path):
    directory = max(p for p in DIRECTORIES if p.name == "clean")
    broker = copied(directory, tmp_path)
    newer(broker.data)

    def files():  # That the last stop was clean is forgotten at once by whoever starts; it is only slower then.
        here = [p for p in broker.data.rglob("*") if p.is_file() and p.name not in ("LOCK", "CLEAN")]
        return {p: p.read_bytes() for p in here}

    before = files()
    said = refuses_to_start(broker)
    assert says in said and str(broker.data) in said, said
    assert files() == before
