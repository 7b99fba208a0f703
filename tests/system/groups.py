"""Consumer groups of real clients: what they went through, and what must be true of it afterwards.

A group that fails a wait keeps the reason and is waited for no longer, so that many go through the same at once and
each is judged by itself.
"""

import time

from members import OWNERSHIP, SETTLE_SECONDS_MAX, Member

PARTITIONS = 6
SESSION_MS = 10_000
# Of the member that is killed, so long a rebalance lasts that another one begins.
DOOMED_SESSION_MS = 8_000
HEARTBEAT_MS = 1_000
# Loading, not available, not here.
COORDINATOR_ABSENT = {14, 15, 16}
CHANGING = {"PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"}


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
        self.before = self.events_before = None  # by member: what it owned at a moment, and how many events that made
        self.grown = None  # what each owned when a third was there
        self.oldest = None  # the member that is to be replaced
        self.shrunk_at = None  # microseconds; when the third had gone and all was shared again
        self.commits = {}  # by partition: (microseconds, offset) of what the broker told a client of no group

    def __str__(self):
        return self.name

    def join(self, session_ms=SESSION_MS, **words):
        name = f"{self.name}-{len(self.members)}"
        member = Member(self.client, self.folder, name, **{**self.words, "session_ms": session_ms, **words})
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

    def changes_of(self, member):
        """Of what it owned, since `before` was noted."""
        later = member.events()[self.events_before[member.name] :]
        return [e for e in later if e.kind in OWNERSHIP and e.partitions]

    def note_owners(self):
        self.before = {m.name: m.owned() for m in self.present}
        self.events_before = {m.name: len(m.events()) for m in self.present}

    def moved_beyond_need(self):
        """After a third came and went: whatever else befell the first two than to give it one each and to get one."""
        if self.failure:
            return [self.failure]
        lent = self.grown[self.members[2].name]
        found = []
        if sorted(map(len, self.before.values())) != [3, 3] or len(lent) != 2:
            found.append(f"shared unevenly: {self.before}, then {self.grown}")
        for member in self.members[:2]:
            changes = [e for e in self.changes_of(member) if e.at <= self.shrunk_at]
            given = {p for e in changes if e.kind != "assigned" for p in e.partitions}
            taken = {p for e in changes if e.kind == "assigned" for p in e.partitions}
            if len(given) != 1 or not given <= lent:
                found.append(f"{member.name} gave {given}, and the third got {lent}")
            if len(taken) != 1 or not taken <= lent:
                found.append(f"{member.name} took {taken}, and the third had {lent}")
        return found

    def stirred_by_restart(self):
        """After the second, a static member, came back as the fourth: what befell others, and what it lacks."""
        if self.failure:
            return [self.failure]
        others = self.members[0], self.members[2]
        found = [f"{m.name}: {e.kind} {e.partitions}" for m in others for e in self.changes_of(m)]
        had, has = self.before[self.members[1].name], self.members[3].owned()
        if had != has:
            found.append(f"it had {had}, and has {has}")
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


class Groups:
    """Groups side by side on one broker, waited for together."""

    def __init__(self, broker, groups):
        self.broker, self.all = broker, groups

    @property
    def well(self):
        return [g for g in self.all if g.failure is None]

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
        for group in self.all:
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
        for group in self.all:
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
