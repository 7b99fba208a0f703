"""Consumer groups on the command line: `fulmar group`, and `fulmar consume --group` as a member."""

import contextlib
import signal
import socket
import subprocess
import threading
import time

import codec
import pytest
from broker import BINARY, ENVIRONMENT, SANITIZER_FACTOR, Broker
from cli import DONE, FAILED, expect_failure, fulmar, lines_of_json
from connection import Closed, Connection
from groups import coordinator_answer
from members import Member
from records import values_batch

PARTITIONS = 2
FIRST = 1_700_000_000_000
LOADING, NOT_AVAILABLE = 14, 15


@pytest.fixture(scope="module")
def broker():
    with Broker(settings={"group.initial.rebalance.delay.ms": "0"}) as running:
        with running.connect() as c:
            # Five messages in each of two partitions, a minute apart.
            c.create_topic("orders", PARTITIONS, retention_ms="-1")
            for n in range(10):
                c.produce("orders", n % 2, values_batch(f"value {n}".encode(), timestamp=FIRST + n // 2 * 60_000))
        yield running


@pytest.fixture(scope="module")
def run(broker):
    def run(*words, stdin=None):
        return fulmar(*words, server=broker.address, stdin=stdin)

    return run


def until(what, condition, seconds=20):
    end = time.monotonic() + seconds * SANITIZER_FACTOR
    while not (found := condition()):
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.05)
    return found


def described(run, group):
    (told,) = lines_of_json(run("group", "describe", group, "--json"))
    return told


def committed(run, group):
    return {(p["topic"], p["partition"]): p["committed"] for p in described(run, group)["partitions"]}


def commit(broker, group, *offsets, topic="orders"):
    """Offsets of the partitions from 0 on, by a client that is no member; None: not this one."""
    parts = [{"PartitionIndex": n, "CommittedOffset": at} for n, at in enumerate(offsets) if at is not None]
    body = {
        "GroupId": group, "GenerationIdOrMemberEpoch": -1, "MemberId": "",
        "Topics": [{"Name": topic, "Partitions": parts}],
    }  # fmt: skip
    with broker.connect() as c:
        (told,) = coordinator_answer(c, "OffsetCommit", 6, body)["Topics"]
    assert all(p["ErrorCode"] == 0 for p in told["Partitions"]), told


class Consumer:
    """`fulmar consume --group`, running."""

    def __init__(self, server, folder, name, topic, group, *words):
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [str(BINARY), "consume", topic, "--group", group, "--server", server, *words],
                stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=ENVIRONMENT,
            )  # fmt: skip

    def lines(self):
        return self.out.read_text().splitlines()

    def end(self, number=signal.SIGTERM, seconds=10):
        self.process.send_signal(number)
        assert self.process.wait(seconds * SANITIZER_FACTOR) == -number, self.err.read_text()


@pytest.fixture
def consume(broker, tmp_path):
    """Starts consumers, which are gone in the end."""
    all_of_them = []

    def start(topic, group, *words, server=broker.address):
        all_of_them.append(Consumer(server, tmp_path, f"c{len(all_of_them)}", topic, group, *words))
        return all_of_them[-1]

    yield start
    for consumer in all_of_them:
        if consumer.process.poll() is None:
            consumer.process.kill()
            consumer.process.wait()


# --- fulmar consume --group


def test_a_group_goes_on_where_it_was(run):
    values = [f"value {n}" for n in range(10)]
    first = run("consume", "orders", "--group", "goes-on", "--count", "3")
    assert first.returncode == DONE and first.stderr == ""
    begun = first.stdout.splitlines()
    assert len(begun) == 3
    done = described(run, "goes-on")
    assert (done["state"], done["members"]) == ("Empty", [])
    assert sum(p["committed"] or 0 for p in done["partitions"]) == 3
    rest = lines_of_json(run("consume", "orders", "--group", "goes-on", "--until-end", "--json"))
    assert sorted(begun + [m["value"] for m in rest]) == values
    assert committed(run, "goes-on") == {("orders", 0): 5, ("orders", 1): 5}
    assert run("consume", "orders", "--group", "goes-on", "--until-end").stdout == ""
    # Another group sees all of it; one that begins at the end, nothing.
    assert sorted(run("consume", "orders", "--group", "other", "--until-end").stdout.splitlines()) == values
    assert run("consume", "orders", "--group", "late", "--from", "end", "--until-end").stdout == ""
    assert committed(run, "late") == {("orders", 0): 5, ("orders", 1): 5}


def test_members_share_what_there_is_and_hand_it_on(broker, run, consume):
    with broker.connect() as c:
        c.create_topic("shared", PARTITIONS)
    one, two = consume("shared", "team", "--json"), consume("shared", "team", "--json")

    def owners():
        if run("group", "describe", "team").returncode != DONE:
            return None  # Nobody has joined.
        told = described(run, "team")
        owned = sorted(len(m["partitions"]) for m in told["members"])
        return told if told["state"] == "Stable" and owned == [1, 1] else None

    told = until("a partition each", owners)
    until("the ends of empty partitions are committed", lambda: described(run, "team")["lag"] == 0)
    assert {(p["topic"], p["partition"]) for m in told["members"] for p in m["partitions"]} == {
        ("shared", 0), ("shared", 1),
    }  # fmt: skip
    assert all(m["host"] == "/127.0.0.1" and m["client_id"] == "fulmar-cli" for m in told["members"])
    by_owner = {(p["partition"], p["owner"]) for p in told["partitions"]}
    assert by_owner == {(m["partitions"][0]["partition"], m["id"]) for m in told["members"]}
    assert {"name": "team", "state": "Stable", "type": "classic", "protocol_type": "consumer", "members": 2} in (
        lines_of_json(run("group", "list", "--json"))
    )
    for n in range(20):
        run("produce", "shared", str(n), "--partition", str(n % 2))
    until("all is printed", lambda: len(one.lines()) + len(two.lines()) == 20)
    assert len(one.lines()) == len(two.lines()) == 10
    until("all is committed", lambda: described(run, "team")["lag"] == 0)

    # Nothing of it can be changed meanwhile.
    has = "group team has 2 members, and that can only be done while it has none: stop its consumers first"
    expect_failure(run("group", "reset", "team", "--topic", "shared", "--to", "earliest", "--yes"), has)
    expect_failure(run("group", "delete", "team"), has)
    expect_failure(run("group", "delete", "team", "--topic", "shared"), "since its members consume that")
    assert committed(run, "team") == {("shared", 0): 10, ("shared", 1): 10}

    one.end(signal.SIGINT)
    left = until("one has both", lambda: [m for m in described(run, "team")["members"] if len(m["partitions"]) == 2])
    assert len(left) == 1
    for n in range(20, 24):
        run("produce", "shared", str(n), "--partition", str(n % 2))
    until("the other prints all", lambda: len(two.lines()) == 14)
    two.end(signal.SIGTERM)
    ended = described(run, "team")
    assert (ended["state"], ended["members"], ended["lag"]) == ("Empty", [], 0)


@pytest.mark.parametrize("assignor", ["eager", "cooperative"])
def test_it_shares_with_members_of_other_clients(broker, run, consume, tmp_path, assignor):
    with broker.connect() as c:
        c.create_topic(f"mixed-{assignor}", PARTITIONS)
    other = Member(
        "librdkafka", tmp_path, "other", bootstrap=broker.address, group=f"mixed-{assignor}",
        topics=f"mixed-{assignor}", protocol="classic", assignor=assignor, session_ms=10_000, heartbeat_ms=500,
        commit_every=1,
    )  # fmt: skip

    def shared():
        members = described(run, f"mixed-{assignor}")["members"]
        return len(other.owned()) == 1 and [len(m["partitions"]) for m in members] == [1, 1]

    try:
        until("it owns both", lambda: len(other.owned()) == 2 and described(run, f"mixed-{assignor}")["protocol"])
        ours = consume(f"mixed-{assignor}", f"mixed-{assignor}")
        until("a partition each", shared)
        for n in range(PARTITIONS):
            run("produce", f"mixed-{assignor}", str(n), "--partition", str(n))
        until("it reads its own", lambda: len(ours.lines()) == 1)
        ours.end()
        until("the other owns both", lambda: len(other.owned()) == 2)
        until("all is committed", lambda: described(run, f"mixed-{assignor}")["lag"] == 0)
    finally:
        other.cleanup()


def test_a_group_of_the_newer_protocol_is_shown(broker, run, consume, tmp_path):
    with broker.connect() as c:
        c.create_topic("newer", PARTITIONS)
    words = {
        "bootstrap": broker.address, "group": "newer", "topics": "newer", "protocol": "consumer", "assignor": "range",
        "commit_every": 1,
    }  # fmt: skip
    member = Member("librdkafka", tmp_path, "newer", **words)
    try:
        until("it owns both", lambda: len(member.owned()) == PARTITIONS)
        told = described(run, "newer")
        assert (told["type"], told["state"], told["protocol"]) == ("consumer", "Stable", "range")
        (only,) = told["members"]
        assert [(p["topic"], p["partition"]) for p in only["partitions"]] == [("newer", n) for n in range(PARTITIONS)]
        assert {"name": "newer", "state": "Stable", "type": "consumer", "protocol_type": "consumer", "members": 1} in (
            lines_of_json(run("group", "list", "--json"))
        )
        assert run("group", "describe", "newer").stdout.startswith(
            "group newer, consumer, Stable, 1 member, shared out by range\n"
        )
        expect_failure(run("group", "delete", "newer"), "group newer has 1 member")
        # Ours speaks the classic protocol, and shares with it.
        ours = consume("newer", "newer")
        until("a partition each", lambda: len(member.owned()) == 1)
        for n in range(PARTITIONS):
            run("produce", "newer", str(n), "--partition", str(n))
        until("ours reads its own", lambda: len(ours.lines()) == 1)
        ours.end()
        until("it owns both again", lambda: len(member.owned()) == PARTITIONS)
        until("all is committed", lambda: described(run, "newer")["lag"] == 0)
    finally:
        member.cleanup()


def test_one_member_too_many_says_so(broker, run, consume):
    with broker.connect() as c:
        c.create_topic("narrow", 1)
    run("produce", "narrow", "x")
    owner = consume("narrow", "crowd")
    until("it owns it", lambda: owner.lines())
    ran = run("consume", "narrow", "--group", "crowd", "--until-end")
    assert ran.returncode == DONE
    assert (ran.stdout, ran.stderr) in (
        ("", "the other members of group crowd have all partitions of narrow\n"),
        ("", ""),  # It was given the partition, and at its end.
    )
    owner.end()


@pytest.mark.parametrize("assignor", ["eager", "cooperative"])
def test_a_member_that_gets_nothing_says_so_once_and_goes_on_waiting(broker, run, consume, tmp_path, assignor):
    topic = group = f"idle-{assignor}"
    with broker.connect() as c:
        c.create_topic(topic, 1)
    owner = Member(
        "librdkafka", tmp_path, "owner", bootstrap=broker.address, group=group, topics=topic, protocol="classic",
        assignor=assignor, session_ms=10_000, heartbeat_ms=500, commit_every=1,
    )  # fmt: skip
    try:
        until("it owns it", lambda: len(owner.owned()) == 1)
        # Of two that follow one at least owns nothing, however the group shares.
        both = consume(topic, group), consume(topic, group)

        def told():
            return [c for c in both if c.err.read_text()]

        until("one says so", told)
        said = f"the other members of group {group} have all partitions of {topic}\n"
        owner.cleanup()
        run("produce", topic, "x")
        until("one of them goes on", lambda: sum(len(c.lines()) for c in both) == 1)
        time.sleep(1)
        assert all(c.err.read_text() in ("", said, 2 * said) for c in both), [c.err.read_text() for c in both]
        assert [c for c in both if said in c.err.read_text()]
    finally:
        owner.cleanup()


def test_until_the_end_it_waits_for_what_others_give_it_step_by_step(broker, run, tmp_path):
    """A group that shares cooperatively gives a new member nothing at first."""
    with broker.connect() as c:
        c.create_topic("steps", PARTITIONS)
    owner = Member(
        "librdkafka", tmp_path, "owner", bootstrap=broker.address, group="steps", topics="steps", protocol="classic",
        assignor="cooperative", session_ms=10_000, heartbeat_ms=500, commit_every=1_000,
    )  # fmt: skip
    try:
        until("it owns both", lambda: len(owner.owned()) == PARTITIONS)
        ran = run("consume", "steps", "--group", "steps", "--until-end")
        assert ran.stderr == ""
        until("it owns both again", lambda: len(owner.owned()) == PARTITIONS)
    finally:
        owner.cleanup()


def test_what_is_not_printed_is_not_committed(broker, run):
    command = [str(BINARY), "consume", "orders", "--group", "unprinted", "--until-end", "--server", broker.address]
    with open("/dev/full", "w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stderr) == (FAILED, "fulmar: standard output cannot be written\n")
    told = described(run, "unprinted") if "unprinted" in run("group", "list").stdout else None
    assert told is None or (told["members"] == [] and all(p["committed"] is None for p in told["partitions"]))
    # Whoever reads only a line of it leaves the group in good order.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as consumer:
        consumer.stdout.close()
        assert consumer.wait(20 * SANITIZER_FACTOR) == -signal.SIGPIPE
    assert "unprinted" not in run("group", "list").stdout or described(run, "unprinted")["members"] == []
    assert len(run("consume", "orders", "--group", "unprinted", "--until-end").stdout.splitlines()) == 10


def test_a_broker_that_is_gone_does_not_hold_a_member(tmp_path, consume):
    with Broker(settings={"group.initial.rebalance.delay.ms": "0"}) as broker:
        assert fulmar("produce", "t", "x", server=broker.address).returncode == DONE
        member = consume("t", "g", server=broker.address)
        until("it reads", member.lines)
        broker.kill9()
        member.end(seconds=15)
        broker.start()


def test_what_a_member_cannot_have_is_told(broker, run):
    expect_failure(run("consume", "oders", "--group", "g"), "there is no topic oders; did you mean orders?")
    protocol = {"Name": "sticky-of-its-own", "Metadata": b""}
    body = {
        "GroupId": "strange", "SessionTimeoutMs": 10_000, "RebalanceTimeoutMs": 10_000, "MemberId": "",
        "ProtocolType": "consumer", "Protocols": [protocol],
    }  # fmt: skip
    with broker.connect() as c:
        member = until("it joins", lambda: c.call("JoinGroup", 3, body)["MemberId"])
        expect_failure(
            run("consume", "orders", "--group", "strange"),
            "the members of group strange share partitions in a way that this tool does not know",
        )
        assert described(run, "strange")["lag"] is None
        assert "\nnothing is committed\n\nMEMBER" in run("group", "describe", "strange").stdout
        c.call("LeaveGroup", 1, {"GroupId": "strange", "MemberId": member})


# --- fulmar group list and describe


def test_a_group_is_described_for_people(broker, run):
    commit(broker, "readers", 3)
    told = [line.split() for line in run("group", "describe", "readers").stdout.splitlines()]
    assert told == [
        ["group", "readers,", "classic,", "Empty,", "0", "members"],
        ["lag", "2", "in", "1", "partition"],
        [],
        ["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "OWNER"],
        ["orders", "0", "3", "5", "2", "-"],
    ]
    table = [line.split() for line in run("group", "list").stdout.splitlines()]
    assert table[0] == ["NAME", "STATE", "MEMBERS", "TYPE"]
    assert ["readers", "Empty", "0", "classic"] in table
    expect_failure(run("group", "describe", "raeders"), "there is no group raeders; did you mean readers?")
    expect_failure(run("group", "describe", "xyzzy"), "there is no group xyzzy: `fulmar group list` shows")


def test_names_of_any_language_and_of_none(broker, run):
    names = ["Größe 注文", "", " a\nb", "группа-😀", '"', "[1,2]"]
    for name in names:
        commit(broker, name, 1)
    listed = {g["name"] for g in lines_of_json(run("group", "list", "--json"))}
    assert listed >= set(names)
    table = run("group", "list").stdout.splitlines()
    for shown in ("Größe 注文  ", '""  ', '" a\\nb"  ', "группа-😀  ", '"\\""  '):
        assert [line for line in table if line.startswith(shown)], shown
    for name in names:
        assert described(run, name)["name"] == name
        reset = run("group", "reset", name, "--topic", "orders:0", "--to", "4", "--yes")
        assert reset.returncode == DONE, reset.stderr
        assert committed(run, name) == {("orders", 0): 4}
    assert 'group "", classic, Empty' in run("group", "describe", "").stdout
    assert [g["deleted"] for g in lines_of_json(run("group", "delete", *names, "--json"))] == [True] * len(names)
    assert not {g["name"] for g in lines_of_json(run("group", "list", "--json"))} & set(names)


def test_a_broker_without_groups():
    with Broker() as broker:

        def run(*words):
            return fulmar(*words, server=broker.address)

        ran = run("group", "list")
        assert (ran.returncode, ran.stdout) == (DONE, "")
        assert ran.stderr.startswith("there are no groups: ")
        assert lines_of_json(run("group", "list", "--json")) == []
        for words in (("describe", "g"), ("delete", "g"), ("reset", "g", "--topic", "t", "--to", "0", "--yes")):
            expect_failure(run("group", *words), "there is no group g")
        assert run("group", "delete", "g", "--if-exists").stdout == "there is no group g\n"
        # To ask has made nothing.
        assert lines_of_json(run("topic", "list", "--json")) == []
        run("produce", "t", "x")
        made = run("group", "reset", "g", "--topic", "t", "--to", "latest", "--new", "--yes")
        assert made.returncode == DONE, made.stderr
        assert made.stdout.endswith("group g begins there in 1 partition.\n")
        assert run("consume", "t", "--group", "g", "--until-end").stdout == ""


# --- fulmar group reset and delete


def test_a_group_is_reset(broker, run):
    def reset(*words):
        """What it says it did, after looking that it did."""
        said = lines_of_json(run("group", "reset", "back", *words, "--yes", "--json"))
        now = committed(run, "back")
        assert {(s["topic"], s["partition"]): s["new"] for s in said}.items() <= now.items()
        return [now["orders", n] for n in range(PARTITIONS)]

    commit(broker, "back", 3, 3)
    whole, first = ("--topic", "orders"), ("--topic", "orders:0")
    asked = ("group", "reset", "back", *whole, "--to", "earliest")
    plan = [["TOPIC", "PARTITION", "COMMITTED", "NEW"], ["orders", "0", "3", "0"], ["orders", "1", "3", "0"]]
    dry = run(*asked, "--dry-run")
    assert [line.split() for line in dry.stdout.splitlines()] == plan
    for answer in ("n\n", "", "\n"):
        refused = run(*asked, stdin=answer)
        assert refused.returncode == FAILED
        assert [line.split() for line in refused.stdout.splitlines()] == plan
        assert refused.stderr == "Reset them? [y/N] fulmar: nothing was changed; --yes goes on without a question\n"
    assert committed(run, "back") == {("orders", 0): 3, ("orders", 1): 3}
    done = run(*asked, stdin="y\n")
    assert done.returncode == DONE
    assert done.stdout.endswith("group back begins there in 2 partitions.\n")
    assert committed(run, "back") == {("orders", 0): 0, ("orders", 1): 0}

    assert reset(*whole, "--to", "latest") == [5, 5]
    assert reset(*first, "--shift", "-3") == [2, 5]
    assert reset(*whole, "--shift", "1") == [3, 5]
    assert reset(*first, "--shift", "-9223372036854775808") == [0, 5]
    assert reset(*first, "--shift", "9223372036854775807") == [5, 5]
    assert reset("--topic", "orders:1,0", "--to", "4") == [4, 4]
    assert reset(*whole, "--to", "2023-11-14T22:15:20Z") == [2, 2]
    assert reset(*first, "--to", "2100-01-01") == [5, 2]
    assert reset(*whole, "--to", "2000-01-01") == [0, 0]
    far = run("group", "reset", "back", *first, "--to", "17", "--dry-run").stdout.splitlines()
    assert far[0].split()[-2:] == ["WHICH", "IS"]
    assert far[1].split() == ["orders", "0", "0", "5", "the", "end"]
    assert len(run("consume", "orders", "--group", "back", "--until-end").stdout.splitlines()) == 10


def test_a_reset_that_cannot_be_is_explained(broker, run):
    commit(broker, "stays", 3, None)

    def refused(text, *words):
        expect_failure(run("group", "reset", *words, "--yes"), text)

    refused("no group satys; did you mean stays? Else `--new` makes satys", "satys", "--topic", "orders", "--to", "0")
    refused("shows what there is, and `--new` makes xyzzy", "xyzzy", "--topic", "orders", "--to", "0")
    refused("there is no topic oders; did you mean orders?", "stays", "--topic", "oders", "--to", "0")
    refused("topic orders has no partition 2: it has 2, from 0 to 1", "stays", "--topic", "orders:2", "--to", "0")
    refused("has committed nothing of orders:1, so there is nothing", "stays", "--topic", "orders", "--shift", "1")
    assert committed(run, "stays") == {("orders", 0): 3}


def test_groups_and_offsets_are_deleted(broker, run):
    with broker.connect() as c:
        c.create_topic("bills", 3)
    commit(broker, "goes", 3, 3)
    commit(broker, "goes", 0, 0, 0, topic="bills")
    assert run("group", "delete", "goes", "--topic", "bills:1", "--topic", "bills:2").stdout == (
        "deleted what group goes had committed of bills:1: 1 partition\n"
        "deleted what group goes had committed of bills:2: 1 partition\n"
    )
    assert set(committed(run, "goes")) == {("orders", 0), ("orders", 1), ("bills", 0)}
    assert lines_of_json(run("group", "delete", "goes", "--topic", "orders", "--json")) == [
        {"name": "goes", "topic": "orders", "partitions": 2}
    ]
    assert set(committed(run, "goes")) == {("bills", 0)}
    expect_failure(run("group", "delete", "goes", "--topic", "orders"), "group goes has committed nothing of orders")
    gone = run("group", "delete", "goes", "--topic", "orders", "--if-exists")
    assert gone.stdout.endswith("of orders: 0 partitions\n")
    commit(broker, "too", 1)
    both = run("group", "delete", "goes", "neither", "too")
    assert both.returncode == FAILED
    assert both.stdout == "deleted group goes\ndeleted group too\n"
    assert both.stderr.startswith("fulmar: there is no group neither")
    assert lines_of_json(run("group", "delete", "goes", "--if-exists", "--json")) == [
        {"name": "goes", "deleted": False}
    ]
    expect_failure(run("group", "describe", "goes"), "there is no group goes")


def test_nobody_listening_is_said():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{s.getsockname()[1]}"
        for words in (("group", "list"), ("group", "describe", "g"), ("consume", "t", "--group", "g")):
            expect_failure(fulmar(*words, server=server), f"nobody listens on {server}: start a broker there")


# --- a coordinator that says nothing yet


class Reluctant:
    """Stands between a client and a broker, and answers the first questions to coordinators with an error."""

    def __init__(self, port, code, count):
        self.port, self.code, self.left = port, code, count
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, Connection(self.port) as broker, contextlib.suppress(Closed, OSError):
            inside = Connection.__new__(Connection)
            inside.socket = client
            while True:
                frame = inside.receive_frame()
                answer = self.refusal(frame)
                if answer is None:
                    broker.send_frame(frame)
                    answer = broker.receive_frame()
                inside.send_frame(answer)

    def refusal(self, frame):
        """None when the broker shall answer."""
        api, version, header, body, _ = codec.decode_request(frame)
        code = self.code
        told = {
            "ListGroups": lambda: {"ErrorCode": code},
            "OffsetFetch": lambda: {"ErrorCode": code},
            "OffsetDelete": lambda: {"ErrorCode": code},
            "DescribeGroups": lambda: {"Groups": [{"ErrorCode": code, "GroupId": g} for g in body["Groups"]]},
            "DeleteGroups": lambda: {"Results": [{"ErrorCode": code, "GroupId": g} for g in body["GroupsNames"]]},
            "OffsetCommit": lambda: {
                "Topics": [
                    {"Name": t["Name"], "Partitions": [{"PartitionIndex": p["PartitionIndex"], "ErrorCode": code} for p in t["Partitions"]]}
                    for t in body["Topics"]
                ]
            },
        }.get(api)  # fmt: skip
        if told is None or self.left == 0:
            return None
        self.left -= 1
        return codec.encode_response(api, version, {"CorrelationId": header["CorrelationId"]}, told())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


ALL_VERBS = (
    ("list",),
    ("describe", "slow"),
    ("reset", "slow", "--topic", "orders", "--to", "1", "--yes"),
    ("delete", "slow", "--topic", "orders:1"),
    ("delete", "slow"),
)


@pytest.mark.parametrize("code", [LOADING, NOT_AVAILABLE, 16])
def test_a_coordinator_that_loads_is_asked_again(broker, run, code):
    commit(broker, "slow", 3, 3)
    for words in ALL_VERBS:
        with Reluctant(broker.port, code, 4) as between:
            ran = fulmar("group", *words, server=between.address)
            assert ran.returncode == DONE, ran.stderr
            assert between.left == 0
    assert "slow" not in run("group", "list").stdout


@pytest.mark.parametrize(("code", "text"), [(LOADING, "is still being read"), (NOT_AVAILABLE, "/readyz say why")])
def test_a_coordinator_that_never_comes_is_given_up(broker, run, code, text):
    commit(broker, "stuck", 3, 3)
    with Reluctant(broker.port, code, 1_000_000) as between:
        begun = time.monotonic()
        asked = [
            subprocess.Popen(
                [str(BINARY), "group", *(w if w != "slow" else "stuck" for w in words), "--server", between.address],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
            )
            for words in ALL_VERBS
        ]  # fmt: skip
        for each in asked:
            _, err = each.communicate(timeout=40 * SANITIZER_FACTOR)
            assert each.returncode == FAILED
            assert text in err
        assert time.monotonic() - begun > 5
    assert committed(run, "stuck") == {("orders", 0): 3, ("orders", 1): 3}
