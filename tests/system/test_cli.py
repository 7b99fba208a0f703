"""The command line against a running broker: what people type in their first minutes, and what they mistype."""

import json
import shutil
import signal
import subprocess
import time

import pytest
from broker import BINARY, ENVIRONMENT, ROOT, SANITIZER_FACTOR, Broker, free_port
from cli import DONE, FAILED, WRONG_USE, expect_failure, fulmar, lines_of_json


@pytest.fixture(scope="module")
def broker():
    with Broker() as running:
        yield running


@pytest.fixture
def run(broker):
    def run(*words, stdin=None):
        return fulmar(*words, server=broker.address, stdin=stdin)

    return run


def test_first_message_needs_no_topic(run):
    made = "created topic first with 1 partition\n"
    assert run("produce", "first", "hello").stderr == made + "1 message to first: partition 0, offset 0\n"
    assert run("produce", "first", "again").stderr == "1 message to first: partition 0, offset 1\n"
    assert run("consume", "first", "--until-end").stdout == "hello\nagain\n"
    assert run("consume", "first", "--from", "1", "--count", "1").stdout == "again\n"


def test_stream_of_lines_arrives_in_order(run):
    numbers = "".join(f"{n}\n" for n in range(50_000))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = f"lines-{codec}"
        assert run("produce", topic, "--codec", codec, stdin=numbers).returncode == DONE
        assert run("consume", topic, "--until-end").stdout == numbers


def test_message_is_shown_whole(run):
    run("produce", "whole", "value", "--key", "k", "--header", "a=1")
    (message,) = lines_of_json(run("consume", "whole", "--until-end", "--json"))
    assert message.pop("timestamp_ms") > 1_600_000_000_000
    assert message == {
        "topic": "whole",
        "partition": 0,
        "offset": 0,
        "key": "k",
        "value": "value",
        "headers": [{"name": "a", "value": "1"}],
    }
    shown = run("consume", "whole", "--at", "0").stdout
    assert "offset 0 of 0 to 0" in shown
    assert "header   a=1" in shown
    expect_failure(run("consume", "whole", "--at", "7"), "is not written yet: the next will be 1")


def test_topics_are_made_listed_and_described(run):
    assert run("topic", "create", "wide", "--partitions", "3").stdout == "made topic wide with 3 partitions\n"
    expect_failure(run("topic", "create", "wide"), "topic wide exists already")
    assert lines_of_json(run("topic", "create", "wide", "--if-not-exists", "--json")) == [
        {"name": "wide", "created": False}
    ]
    listed = {topic["name"]: topic for topic in lines_of_json(run("topic", "list", "--json"))}
    assert listed["wide"]["partitions"] == 3
    (described,) = lines_of_json(run("topic", "describe", "wide", "--json"))
    assert described["id"] == listed["wide"]["id"]
    assert [p["partition"] for p in described["partitions"]] == [0, 1, 2]
    assert all(p["isr"] == p["replicas"] == [p["leader"]] for p in described["partitions"])
    expect_failure(run("produce", "wide", "x", "--partition", "3"), "it has 3, from 0 to 2")
    expect_failure(run("consume", "wide", "--at", "0"), "--partition")


def test_topic_grows_and_goes(run):
    run("topic", "create", "grows", "goes")
    run("produce", "grows", "kept")
    assert run("topic", "grow", "grows", "--partitions", "3").stdout == "topic grows has 3 partitions now\n"
    (grown,) = lines_of_json(run("topic", "grow", "grows", "--partitions", "5", "--json"))
    assert grown == {"name": "grows", "partitions": 5}
    (described,) = lines_of_json(run("topic", "describe", "grows", "--json"))
    assert [p["partition"] for p in described["partitions"]] == [0, 1, 2, 3, 4]
    run("produce", "grows", "late", "--partition", "4")
    assert sorted(m["value"] for m in lines_of_json(run("consume", "grows", "--until-end", "--json"))) == [
        "kept",
        "late",
    ]
    expect_failure(run("topic", "grow", "grows", "--partitions", "4"), "topic grows was not grown: ")
    expect_failure(run("topic", "grow", "gorws", "--partitions", "4"), "did you mean grows?")

    assert run("topic", "delete", "grows", "goes").stdout == "deleted topic grows\ndeleted topic goes\n"
    listed = {topic["name"] for topic in lines_of_json(run("topic", "list", "--json"))}
    assert not listed & {"grows", "goes"}
    expect_failure(run("topic", "delete", "goes"), "there is no topic goes")
    assert lines_of_json(run("topic", "delete", "goes", "--if-exists", "--json")) == [
        {"name": "goes", "deleted": False}
    ]
    # Under the same name it is another one, and empty.
    run("topic", "create", "grows")
    assert run("consume", "grows", "--until-end").stdout == ""
    assert run("produce", "grows", "new").stderr == "1 message to grows: partition 0, offset 0\n"


def test_deleted_topic_leaves_nothing_on_disk(broker, run):
    run("produce", "heavy", stdin="".join(f"{n}\n" for n in range(50_000)))
    run("topic", "grow", "heavy", "--partitions", "4")
    run("produce", "heavy", "x", "--partition", "3")
    assert len(list(broker.data.glob("heavy-*"))) == 2
    run("topic", "delete", "heavy")
    end = time.monotonic() + 10 * SANITIZER_FACTOR
    while list(broker.data.glob("heavy-*")) and time.monotonic() < end:
        time.sleep(0.01)
    assert not list(broker.data.glob("heavy-*"))


def test_topic_is_trimmed(run):
    run("topic", "create", "trimmed", "--partitions", "2")
    run("produce", "trimmed", "--partition", "0", stdin="".join(f"{n}\n" for n in range(10)))
    run("produce", "trimmed", "other", "--partition", "1")

    def left():
        return sorted(m["value"] for m in lines_of_json(run("consume", "trimmed", "--until-end", "--json")))

    assert lines_of_json(run("topic", "trim", "trimmed:0", "--before-offset", "4", "--json")) == [
        {"topic": "trimmed", "partition": 0, "log_start_offset": 4}
    ]
    assert left() == ["4", "5", "6", "7", "8", "9", "other"]
    for earlier in (("--before-offset", "2"), ("--before-time", "2020-01-01T12:00:00Z")):
        ran = run("topic", "trim", "trimmed:0", *earlier)
        assert [line.split() for line in ran.stdout.splitlines()] == [["PARTITION", "BEGINS", "AT"], ["0", "4"]]
    partly = run("topic", "trim", "trimmed", "--before-offset", "5")  # Partition 1 is not so long.
    assert partly.returncode == FAILED
    assert partly.stdout.splitlines()[1].split() == ["0", "5"]
    assert "partition 1 has no offset 5 yet: it ends at 1" in partly.stderr
    assert run("topic", "trim", "trimmed:0", "--before-time", "2100-01-01").returncode == DONE
    assert left() == ["other"]
    assert run("topic", "trim", "trimmed", "--all").returncode == DONE
    assert left() == []
    assert run("produce", "trimmed", "new", "--partition", "0").stderr.endswith("partition 0, offset 10\n")
    expect_failure(run("topic", "trim", "trimed", "--all"), "there is no topic trimed; did you mean trimmed?")
    expect_failure(run("topic", "trim", "trimmed:2", "--all"), "has no partition 2: it has 2, from 0 to 1")


def test_settings_of_a_topic_are_shown_and_changed(run):
    run("topic", "create", "settings", "--config", "flush.ms=5")

    def shown(*words):
        ran = run("topic", "config", "settings", "--json", *words)
        return {s["name"]: (s["value"], s["from"]) for s in lines_of_json(ran)}

    settings = shown()
    assert settings["flush.ms"] == ("5", "topic")
    assert settings["retention.ms"] == ("2592000000", "default")
    settings = shown("--set", "retention.ms=60000", "--set", "cleanup.policy=", "--delete", "flush.ms")
    assert settings["retention.ms"] == ("60000", "topic")
    assert settings["cleanup.policy"] == ("", "topic")
    assert settings["flush.ms"] == ("9223372036854775807", "default")
    table = run("topic", "config", "settings").stdout.splitlines()
    assert table[0].split() == ["SETTING", "VALUE", "FROM"]
    assert ["retention.ms", "60000", "topic"] in [line.split() for line in table]

    refused = run("topic", "config", "settings", "--set", "retention.ms=1", "--set", "segment.bytes=x")
    expect_failure(refused, "topic settings was not changed: Invalid value x for configuration segment.bytes")
    expect_failure(run("topic", "config", "settings", "--delete", "retention.mss"), "did you mean retention.ms?")
    expect_failure(run("topic", "config", "setings"), "there is no topic setings; did you mean settings?")
    assert shown()["retention.ms"] == ("60000", "topic")


def test_refusals_come_from_the_broker(run):
    expect_failure(run("topic", "create", "not/a/name"), "topic not/a/name was not made: ")
    expect_failure(run("topic", "create", "t", "--config", "nonsense=1"), "nonsense")
    expect_failure(run("produce", "large", stdin="x" * 2_000_000), "larger than")
    for words in (("produce", "not a name", "x"), ("consume", "not a name")):
        expect_failure(run(*words), '"not a name" cannot be a topic\'s name: ')
    run("topic", "create", "void")
    expect_failure(run("consume", "void", "--from", "5", "--until-end"), "it is empty, and the next will be 0")


def test_value_is_one_message_whatever_it_looks_like(run):
    values = ["[1,2,3]", "[]", "{}", "-5", "", "Grüße 😀", "a\nb"]
    assert run("produce", "looks", *values).returncode == DONE
    assert [m["value"] for m in lines_of_json(run("consume", "looks", "--until-end", "--json"))] == values


def test_output_that_cannot_be_written_is_a_failure(broker, run):
    run("produce", "unwritten", "x")
    for words in (
        ("topic", "list"),
        ("produce", "unwritten", "y", "--json"),
        ("consume", "unwritten", "--until-end"),
    ):
        with open("/dev/full", "w") as full:
            command = [str(BINARY), *words, "--server", broker.address]
            ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (FAILED, "fulmar: standard output cannot be written\n")


def test_interrupted_consume_ends_with_a_whole_message(broker, run, tmp_path):
    run("produce", "interrupted", stdin="".join(f"{n}\n" for n in range(50_000)))
    command = [str(BINARY), "consume", "interrupted", "--json", "--server", broker.address]
    out = tmp_path / "out"
    with out.open("w") as file, subprocess.Popen(command, stdout=file) as consumer:
        end = time.monotonic() + 20 * SANITIZER_FACTOR
        while out.stat().st_size == 0 and time.monotonic() < end:
            time.sleep(0.001)
        consumer.send_signal(signal.SIGINT)
        assert consumer.wait(5 * SANITIZER_FACTOR) == -signal.SIGINT
    text = out.read_text()
    assert text.endswith("\n")
    assert [json.loads(line)["offset"] for line in text.splitlines()] == list(range(text.count("\n")))


def test_mistyped_words_get_the_nearest(run):
    run("topic", "create", "orders")
    for verb in (("consume",), ("topic", "describe")):
        expect_failure(run(*verb, "oders"), "there is no topic oders; did you mean orders?")
    for words, text in (
        (("consmue", "orders"), 'no command "consmue"; did you mean consume?'),
        (("consume", "orders", "--form", "end"), 'does not take "--form"; did you mean --from?'),
        (("serve", "--set", "num.partitons=1"), "did you mean num.partitions?"),
    ):
        ran = run(*words)
        assert ran.returncode == WRONG_USE
        assert text in ran.stderr


def test_nobody_listening_says_how_to_start():
    server = f"127.0.0.1:{free_port()}"
    for words in (("topic", "list"), ("produce", "t", "x"), ("consume", "t")):
        expect_failure(fulmar(*words, server=server), f"nobody listens on {server}: start a broker there")


def test_a_broker_that_stops_in_the_middle_is_said_to():
    with Broker() as broker:
        words = [str(BINARY), "produce", "cut", "--timeout", "3", "--server", broker.address]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stderr=pipe, text=True, env=ENVIRONMENT) as producer:
            assert producer.stderr.readline() == "created topic cut with 1 partition\n"
            time.sleep(1)
            broker.kill9()
            _, err = producer.communicate("late\n", timeout=30 * SANITIZER_FACTOR)
        assert producer.returncode == FAILED
        assert err.endswith(f"1 of 1 message not written: {broker.address} no longer answers\n")
        broker.start()


def test_an_address_that_is_not_reached_is_named():
    nowhere = f"127.0.0.1:{free_port()}"
    with Broker(settings={"advertised.listeners": nowhere}) as broker:
        told = f"{broker.address} answers, but not at {nowhere}, which is the address that it tells clients"
        ran = fulmar("produce", "far", "x", "--timeout", "3", server=broker.address)
        assert ran.returncode == FAILED and told in ran.stderr
        expect_failure(fulmar("consume", "far", "--until-end", server=broker.address), told)


def test_data_directory_that_cannot_be_is_explained(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    words = ("serve", "--listen", f"127.0.0.1:{free_port()}", "--data")
    expect_failure(fulmar(*words, str(file), server=""), f"{file} is a file; name a directory with --data")
    expect_failure(fulmar(*words, str(file / "below"), server=""), f"{file} is a file; name a directory")


def test_welcome_can_be_typed_as_it_stands():
    with Broker() as running:
        end = time.monotonic() + 10 * SANITIZER_FACTOR
        while "Ctrl-C" not in running.output() and time.monotonic() < end:
            time.sleep(0.01)
        shown = running.output()
        assert f"{BINARY} produce orders hello --server {running.address}\n" in shown
        (first,) = [line for line in shown.splitlines() if "a first message" in line]
        typed = first.split("first message")[1].strip()
        assert subprocess.run(typed, shell=True, capture_output=True, env=ENVIRONMENT).returncode == DONE


def test_taken_port_names_who_has_it(broker, tmp_path):
    words = ("serve", "--listen", broker.address, "--data", str(tmp_path / "other"))
    expect_failure(fulmar(*words, server=broker.address), f"is taken by process {broker.pid} (")


def test_consume_follows_what_is_written_later(broker, run):
    run("topic", "create", "followed")
    command = [str(BINARY), "consume", "followed", "--server", broker.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        try:
            for word in ("one", "two"):
                run("produce", "followed", word)
                assert follower.stdout.readline() == word + "\n"
            assert follower.poll() is None
        finally:
            follower.kill()


def test_run_shows_its_usage_without_building(tmp_path):
    shutil.copy(ROOT / "run", tmp_path)
    ran = subprocess.run([tmp_path / "run", "--help"], capture_output=True, text=True, timeout=10, check=False)
    assert ran.returncode == DONE, ran.stderr
    assert ran.stdout.startswith("Usage: ./run ")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_build_of_what_is_built_is_silent():
    build = [ROOT / "tools/build", BINARY.parent.name, "fulmar"]
    assert subprocess.run(build, capture_output=True, check=False).returncode == DONE
    again = subprocess.run(build, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout, again.stderr) == (DONE, "", "")
