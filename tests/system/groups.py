"""Consumer groups of real clients: what they went through, and what must be true of it afterwards.

A group that fails a wait keeps the reason and is waited for no longer, so that many groups go through the same
adventure at once and each is judged by itself.
"""

import threading
import time

import confluent_kafka
from members import OWNERSHIP, SETTLE_SECONDS_MAX, Member

PARTITIONS = 6
SESSION_MS = 10_000
# Of the member that is killed: the shortest that a broker takes unless told otherwise.
DOOMED_SESSION_MS = 6_000
HEARTBEAT_MS = 1_000
# Loading, not available, not here.
COORDINATOR_ABSENT = {14, 15, 16}
CHANGING = {"PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"}


class Stream:
    """Messages to all of the topics, round their partitions, until stopped. Each is acknowledged in the end."""

    def __init__(self, address, topics, per_second=40):
        self.topics, self.per_second = topics, per_second
        self.acknowledged = {topic: {} for topic in topics}  # by topic: value by (partition, offset)
        self.failed = []
        config = {"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 5}
        # Silent about a broker that is away.
        self.producer = confluent_kafka.Producer({**config, "reconnect.backoff.max.ms": 500, "log_level": 2})
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number = 0
        while not self.stopping.wait(1 / self.per_second):
            for topic in self.topics:
                self.producer.produce(
                    topic, b"%d" % number, b"k%d" % (number % 7), number % PARTITIONS, on_delivery=self.report
                )
            self.producer.poll(0)
            number += 1

    def report(self, error, message):
        if error:
            self.failed.append(error)
        else:
            where = message.partition(), message.offset()
            self.acknowledged[message.topic()][where] = message.value().decode()

    def stop(self):
        self.stopping.set()
        self.thread.join()
        left = self.producer.flush(SETTLE_SECONDS_MAX)
        assert left == 0 and not self.failed, (left, self.failed[:3])


class Group:
    """A group of one client, and its members past and present."""

    def __init__(self, client, broker, folder, topic, name, **words):
        self.client, self.broker, self.topic, self.name = client, broker, topic, name
        self.folder = folder
        self.words = {
            "bootstrap": broker.address, "group": name, "topics": topic, "protocol": "classic",
            "heartbeat_ms": HEARTBEAT_MS, "commit_every": 10, **words,
        }  # fmt: skip
        self.members = []
        self.failure = None
        self.lag = None
        self.type = None  # as the broker lists it
        self.commits = {}  # by partition: (microseconds, offset) of what the broker told a client of no group

    def __str__(self):
        return self.name

    def join(self, session_ms=SESSION_MS, **words):
        name = f"{self.name}-{len(self.members)}"
        member = Member(self.client, self.folder, name, session_ms=session_ms, **self.words, **words)
        self.members.append(member)
        return member

    @property
    def present(self):
        return [m for m in self.members if m.running]

    def shared_evenly(self):
        """Whether the members that are there own all partitions, about as many each, and none twice."""
        owned = [m.owned() for m in self.present]
        everything = {f"{self.topic}-{n}" for n in range(PARTITIONS)}
        sizes = [len(o) for o in owned]
        return (
            sum(sizes) == PARTITIONS
            and set().union(*owned) == everything
            and (max(sizes) - min(sizes) <= 1)
        )

    def seen(self):
        """Values by (partition, offset), over all members."""
        found = {}
        for member in self.members:
            for event in member.events():
                if event.kind == "message":
                    found[int(event.words[1]), int(event.words[2])] = event.words[4]
        return found

    def fail(self, text):
        if self.failure is None:
            self.failure = "\n  ".join([f"{self.name}: {text}", *(m.account() for m in self.members)])

    # What must be true when all is over.

    def doubly_owned(self):
        """Pairs of tenures of one partition that overlap, or that are of one generation."""
        tenures = [(*t, m) for m in self.members for t in m.tenures()]
        found = []
        for n, (partition, generation, since, to, lost, member) in enumerate(tenures):
            for other in tenures[n + 1 :]:
                if other[0] != partition or other[5] is member:
                    continue
                same = generation == other[1] != "-"
                overlap = (to is None or other[2] < to) and (other[3] is None or since < other[3])
                # Whoever was out of the group did not know; whoever came behind may own what it had.
                excused = lost and other[2] > since or other[4] and since > other[2]
                if same or overlap and not excused:
                    found.append(f"{partition}: {member.name} {generation} {since}..{to} and "
                                 f"{other[5].name} {other[1]} {other[2]}..{other[3]}")  # fmt: skip
        return found

    def moved_beyond_need(self):
        """What else happened to the first two when a third came and went than that it got one of each and gave it back.

        After grow_and_shrink.
        """
        if self.failure:
            return [self.failure]
        third = self.members[2].name
        lent = self.grown[third]
        found = []
        if sorted(map(len, self.before.values())) != [3, 3] or len(lent) != 2:
            found.append(f"shared unevenly: {self.before}, then {self.grown}")
        for member in self.members[:2]:
            changes = [e for e in member.events()[self.changes[member.name] :] if e.kind in OWNERSHIP and e.partitions]
            given = {p for e in changes if e.kind != "assigned" for p in e.partitions if e.at <= self.shrunk_at}
            taken = {p for e in changes if e.kind == "assigned" for p in e.partitions}
            if len(given) != 1 or not given <= lent:
                found.append(f"{member.name} gave {given}, and the third got {lent}")
            if len(taken) != 1 or not taken <= lent:
                found.append(f"{member.name} took {taken}, and the third had {lent}")
        return found

    def stirred_by_restart(self):
        """What happened to others, or otherwise, when a static member came back for what it had. After its restart."""
        if self.failure:
            return [self.failure]
        found = []
        for member in (self.members[0], self.members[2]):
            changes = [e for e in member.events()[self.changes[member.name] :] if e.kind in OWNERSHIP and e.partitions]
            found += [f"{member.name}: {e.kind} {e.partitions}" for e in changes]
        if self.members[3].owned() != self.before[self.members[1].name]:
            found.append(f"it had {self.before[self.members[1].name]}, and has {self.members[3].owned()}")
        return found

    def moved_back(self):
        """Where an owner began to read before an offset that had been committed when it became the owner."""
        commits, begins = {p: list(found) for p, found in self.commits.items()}, []
        for member in self.members:
            waiting = {}
            for event in member.events():
                if event.kind == "committed":
                    for word in event.words:
                        partition, _, offset = word.rpartition("=")
                        commits.setdefault(partition, []).append((event.at, int(offset)))
                elif event.kind == "assigned":
                    waiting.update(dict.fromkeys(event.partitions, event.at))
                elif event.kind == "message":
                    partition = f"{event.words[0]}-{event.words[1]}"
                    if partition in waiting:
                        begins.append((partition, waiting.pop(partition), int(event.words[2]), member))
        found = []
        for partition, since, offset, member in begins:
            before = max((o for at, o in commits.get(partition, []) if at < since), default=0)
            if offset < before:
                found.append(f"{partition}: {member.name} began at {offset}, committed was {before}")
        return found


class Hall:
    """Groups side by side on one broker, waited for together."""

    def __init__(self, broker, groups):
        self.broker, self.groups = broker, groups

    @property
    def well(self):
        return [g for g in self.groups if g.failure is None]

    def until(self, what, condition, seconds=SETTLE_SECONDS_MAX):
        """Waits until the condition holds for each group that is well; of the others it becomes the failure."""
        end = time.monotonic() + seconds
        while True:
            left = []
            for group in self.well:
                told = condition(group)
                if told is not True:
                    left.append((group, told))
            if not left:
                return
            if time.monotonic() > end:
                for group, told in left:
                    group.fail(f"not in {seconds} s: {what} ({told})")
                return
            time.sleep(0.1)

    def listed(self):
        with self.broker.connect() as c:
            answer = c.call("ListGroups", 5, {})
        assert answer["ErrorCode"] == 0, answer
        return answer["Groups"]

    def states(self):
        return {g["GroupId"]: g["GroupState"] for g in self.listed()}

    def note_types(self):
        types = {g["GroupId"]: g["GroupType"] for g in self.listed()}
        for group in self.groups:
            group.type = types.get(group.name)

    def until_state(self, *wanted):
        states = {}
        asked_at = 0

        def condition(group):
            nonlocal states, asked_at
            if time.monotonic() - asked_at > 0.1:
                states, asked_at = self.states(), time.monotonic()
            return states.get(group.name) in wanted or str(states.get(group.name))

        self.until(f"state {' or '.join(wanted)}", condition)

    def until_shared(self):
        def condition(group):
            if any(m.ended_by_itself for m in group.members):
                return "a member ended"
            return group.shared_evenly() or str([len(m.owned()) for m in group.present])

        self.until("all partitions shared evenly", condition)
        self.until_state("Stable")

    def until_reading(self):
        """Every member that is there has a message of each partition that it owns."""

        def condition(group):
            for member in group.present:
                read = {f"{e.words[0]}-{e.words[1]}" for e in member.events() if e.kind == "message"}
                if not member.owned() <= read:
                    return f"{member.name} reads nothing of {member.owned() - read}"
            return True

        self.until("every owner reads", condition)

    def until_all_changing(self, seconds=20):
        """Until all groups that are well are within a rebalance at one time."""
        end = time.monotonic() + seconds
        while True:
            states = self.states()
            still = [g for g in self.well if states.get(g.name) not in CHANGING]
            if not still:
                return
            if time.monotonic() > end:
                for group in still:
                    group.fail(f"not within a rebalance, but {states.get(group.name)}")
                return
            time.sleep(0.02)

    def note_commits(self):
        with self.broker.connect() as c:
            for group in self.well:
                for partition, offset in committed(c, group.name, group.topic).items():
                    found = group.commits.setdefault(f"{group.topic}-{partition}", [])
                    found.append((time.time_ns() // 1000, offset))

    def until_lag_is_zero(self):
        """As asked by a client of no group."""

        def condition(group):
            with self.broker.connect() as c:
                group.lag = lag(c, group.name, group.topic)
            return group.lag == {n: 0 for n in range(PARTITIONS)} or str(group.lag)

        self.until("lag zero", condition)

    def cleanup(self):
        for group in self.groups:
            for member in group.members:
                member.cleanup()


def coordinator_answer(connection, api, version, body, seconds=20):
    """Asked again while the coordinator is being looked for, or loads."""
    end = time.monotonic() + seconds
    while True:
        connection.call("FindCoordinator", 4, {"KeyType": 0, "CoordinatorKeys": [body["GroupId"]]})
        answer = connection.call(api, version, body)
        codes = {answer.get("ErrorCode", 0)}
        codes |= {p["ErrorCode"] for t in answer.get("Topics", []) for p in t["Partitions"]}
        if not codes & COORDINATOR_ABSENT or time.monotonic() > end:
            return answer
        time.sleep(0.05)


def committed(connection, group, topic):
    """Offset by partition, of those that have one."""
    asked = {"GroupId": group, "Topics": [{"Name": topic, "PartitionIndexes": list(range(PARTITIONS))}]}
    answer = coordinator_answer(connection, "OffsetFetch", 5, asked)
    assert answer["ErrorCode"] == 0, answer
    (found,) = answer["Topics"]
    partitions = {p["PartitionIndex"]: p for p in found["Partitions"]}
    assert all(p["ErrorCode"] == 0 for p in partitions.values()), partitions
    return {n: p["CommittedOffset"] for n, p in partitions.items() if p["CommittedOffset"] >= 0}


def lag(connection, group, topic):
    """Messages that are not committed, by partition; all of them where nothing is."""
    done = committed(connection, group, topic)
    return {n: connection.end_offset(topic, n) - done.get(n, 0) for n in range(PARTITIONS)}


def crash_amid_rebalance(broker, folder, kinds):
    """The adventure: groups of three, one killed and one joining, the broker killed amid the rebalance that this is.

    `kinds` is (client, name, words) of each group; groups of one client read one topic. Returns the groups and the
    stream, all ended, for the tests to judge.
    """
    topics = sorted({f"from-{client}" for client, _, _ in kinds})
    with broker.connect() as c:
        for topic in topics:
            c.create_topic(topic, PARTITIONS)
    groups = [Group(client, broker, folder, f"from-{client}", name, **words) for client, name, words in kinds]
    hall = Hall(broker, groups)
    stream = Stream(broker.address, topics)
    try:
        for group in groups:
            group.join(DOOMED_SESSION_MS)
            group.join()
            group.join()
        hall.until_shared()
        hall.until_reading()
        hall.note_types()

        # The dead is waited for until its session ends, and so long the rebalance lasts that the newcomer begins.
        for group in hall.well:
            group.members[0].kill9()
            group.join()
        hall.until_all_changing()
        hall.note_commits()
        broker.kill9()
        broker.start()

        hall.until_shared()
        hall.until_reading()
        stream.stop()
        hall.until("all messages seen", lambda g: set(stream.acknowledged[g.topic]) <= set(g.seen()))
        hall.until_lag_is_zero()
        for group in hall.well:
            for member in group.present:
                member.ask_to_end()
        hall.until("all members closed", lambda g: all(m.closed and not m.running for m in g.members[1:]))
        # Nobody's session ends before that: they have left.
        hall.until_state("Empty")
    finally:
        stream.stopping.set()
        hall.cleanup()
    return {group.name: group for group in groups}, stream


def grow_and_shrink(broker, folder, kinds):
    """Two members, then a third, then two again; each time all wait until the partitions are shared."""
    with broker.connect() as c:
        for _, name, _ in kinds:
            c.create_topic(name, PARTITIONS)
    groups = [Group(client, broker, folder, name, name, **words) for client, name, words in kinds]
    hall = Hall(broker, groups)
    try:
        for group in groups:
            group.join()
            group.join()
        hall.until_shared()
        for group in hall.well:
            group.before = {m.name: m.owned() for m in group.present}
            group.changes = {m.name: len(m.events()) for m in group.present}
            group.join()
        hall.until_shared()
        for group in hall.well:
            group.grown = {m.name: m.owned() for m in group.present}
            group.members[2].ask_to_end()
        hall.until("the third has left", lambda g: g.members[2].closed and not g.members[2].running)
        hall.until_shared()
        for group in hall.well:
            group.shrunk_at = time.time_ns() // 1000
            for member in group.present:
                member.ask_to_end()
        hall.until("all members closed", lambda g: all(m.closed and not m.running for m in g.members))
    finally:
        hall.cleanup()
    return {group.name: group for group in groups}


def restart_static_member(broker, folder, kinds, end=Member.kill9):
    """Three static members, of which one ends and comes back within its session."""
    with broker.connect() as c:
        for _, name, _ in kinds:
            c.create_topic(name, PARTITIONS)
    groups = [Group(client, broker, folder, name, name, **words) for client, name, words in kinds]
    hall = Hall(broker, groups)
    try:
        for group in groups:
            for n in range(3):
                group.join(instance=f"{group.name}-{n}", session_ms=30_000)
        hall.until_shared()
        for group in hall.well:
            group.before = {m.name: m.owned() for m in group.present}
            group.changes = {m.name: len(m.events()) for m in group.present}
            end(group.members[1])
        hall.until("the second is gone", lambda g: not g.members[1].running)
        for group in hall.well:
            group.join(instance=f"{group.name}-1", session_ms=30_000)
        hall.until_shared()
    finally:
        hall.cleanup()
    return {group.name: group for group in groups}
