"""Replays recorded scenarios against a live Fulmar: the same questions, and the answers of a real Kafka.

Requests are rebuilt: ids that Fulmar gave earlier in the scenario take the place of the recorded ones. The
answers are compared whole; comparison.py says what is free, differences.toml what differs on purpose and why.
"""

import fnmatch
import time
import tomllib
from pathlib import Path

import codec
import comparison
import pytest
import recorded
import records
from broker import Broker
from connection import Closed
from groups import coordinator_answer

APIS = {
    "ApiVersions", "Metadata", "CreateTopics", "DescribeCluster", "Produce", "InitProducerId", "Fetch",
    "ListOffsets", "FindCoordinator", "DeleteTopics", "CreatePartitions", "DescribeTopicPartitions",
    "ListPartitionReassignments", "DescribeConfigs", "AlterConfigs", "IncrementalAlterConfigs",
    "ListConfigResources", "DeleteRecords", "OffsetForLeaderEpoch", "DescribeLogDirs",
    "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "OffsetCommit", "OffsetFetch", "OffsetDelete",
    "ListGroups", "DescribeGroups", "DeleteGroups", "ConsumerGroupHeartbeat", "ConsumerGroupDescribe",
}  # fmt: skip
# KIP-848's, whose epochs are told as "same" and "newer".
MODERN_GROUP_APIS = {"ConsumerGroupHeartbeat", "ConsumerGroupDescribe"}
# They change nothing, so a scenario goes on behind them.
PURE_READS = {"DescribeProducers"}
DIFFERENCES = Path(__file__).parent / "differences.toml"
REPEAT_SECONDS = 5
# Asked again in the recording until something was so, which shows in the correlation ids.
REPEATED = {
    "Metadata", "ListOffsets", "Fetch", "Heartbeat", "DescribeGroups", "ListGroups", "ConsumerGroupHeartbeat",
    "ConsumerGroupDescribe",
}  # fmt: skip
# The scenario whose group has no name.
EMPTY = "empty-group-id-x"
# Of these scenarios a line may stand behind others that were sent after it, as its answer came after theirs.
WAITING = ("fetch-wait-", "two-members-")


def replayable(steps):
    """The steps up to the first that an API outside APIS could have influenced."""
    kept = []
    for step in steps:
        if step.api in APIS:
            kept.append(step)
        elif step.api not in PURE_READS:
            break
    return kept if any(not s.preparation for s in kept) else []


SCENARIOS = {name: replayable(steps) for name, steps in recorded.scenarios().items()}
LEFT_OUT = [name for name, steps in SCENARIOS.items() if not steps]
REPLAYED = {name: steps for name, steps in SCENARIOS.items() if steps}


class Purposely:
    """The entries of differences.toml, and how often each was met."""

    def __init__(self):
        self.entries = tomllib.loads(DIFFERENCES.read_text())["difference"]
        for entry in self.entries:
            assert entry["reason"] and entry["scenario"] and entry["step"] and entry["field"], entry
        self.met = [0] * len(self.entries)
        self.due = [False] * len(self.entries)

    @staticmethod
    def fits(patterns, text):
        patterns = [patterns] if isinstance(patterns, str) else patterns
        return any(fnmatch.fnmatchcase(text, p) for p in patterns)

    def covers(self, step, field, there, here):
        for n, entry in enumerate(self.entries):
            if not self.fits(entry["scenario"], step.scenario) or not self.fits(entry["step"], step.name):
                continue
            if not self.fits(entry["field"], field):
                continue
            if (
                "recorded" in entry
                and entry["recorded"] != there
                or "ours" in entry
                and entry["ours"] != here
            ):
                continue
            self.met[n] += 1
            return True
        return False

    def expect(self, scenario):
        for n, entry in enumerate(self.entries):
            self.due[n] |= self.fits(entry["scenario"], scenario)

    def stale(self):
        known = zip(self.entries, self.due, self.met, strict=True)
        return [entry for entry, due, met in known if due and not met]


class Totals:
    def __init__(self):
        self.scenarios = self.steps = self.preparations = self.bytes_equal = 0


@pytest.fixture(scope="module")
def live():
    # As recorded.
    with Broker(settings={"group.initial.rebalance.delay.ms": "0"}) as broker:
        with broker.connect() as c:
            (node,) = c.call("Metadata", 1, {"Topics": []})["Brokers"]
            for name in SCENARIOS:
                coordinator_answer(c, "OffsetFetch", 5, {"GroupId": f"d-{name}-g", "Topics": None})
        assert (node["Host"], node["Port"]) == ("127.0.0.1", broker.port)
        broker.node = node["NodeId"]
        broker.totals, broker.purposely = Totals(), Purposely()
        yield broker


class Replay:
    """One scenario, step by step."""

    def __init__(self, broker, name, steps):
        self.broker, self.name, self.steps = broker, name, steps
        self.translation = comparison.Translation(
            broker.node, "127.0.0.1", broker.port, self.time_of(steps), any(s.api in MODERN_GROUP_APIS for s in steps)
        )
        self.connection = broker.connect()
        self.early = {}  # steps sent before their turn, on connections of their own
        self.found = []

    @staticmethod
    def time_of(steps):
        """When the scenario was recorded, if any of its batches is dated "now"."""
        for step in steps:
            if step.name == "now":
                body = codec.decode_request(step.request)[3]
                return records.split(body["TopicData"][0]["PartitionData"][0]["Records"])[0][0].base_timestamp
        return None

    def request_of(self, step):
        if step.scenario == "frames-x":
            return step.request
        api, version, header, body, rest = codec.decode_request(step.request)
        ours = self.translation.map_request(body)
        return codec.encode_request(api, version, header["CorrelationId"], ours, header["ClientId"]) + rest

    def run(self):
        last = 0
        for n, step in enumerate(self.steps):
            # A later line with a smaller correlation id was sent before this one, and waited.
            for later in self.steps[n + 1 :]:
                if last < later.correlation < step.correlation and self.name.startswith(WAITING):
                    connection = self.broker.connect()
                    connection.send_frame(self.request_of(later))
                    self.early[later.name] = connection
                    time.sleep(0.05)
            repeated = step.correlation > last + 1 and step.api in REPEATED
            last = max(last, step.correlation)
            self.take(step, REPEAT_SECONDS if repeated else 0)
        self.connection.close()
        return self.found

    def take(self, step, repeat_seconds):
        end = time.monotonic() + repeat_seconds
        epochs = self.translation.epochs
        known = dict(epochs.ours) if epochs else {}
        while True:
            answer = self.answer_to(step)
            if epochs:
                epochs.ours = dict(known)  # what an answer before the awaited one had was passing
            found = list(self.compare(step, answer))
            unexplained = [f for f in found if not self.broker.purposely.covers(step, *f)]
            if not unexplained or time.monotonic() >= end:
                break
            time.sleep(0.05)
        for field, there, here in unexplained:
            self.found.append(f"{step}: {field}: recorded {short(there)}, ours {short(here)}")
        if step.preparation:
            self.broker.totals.preparations += 1
        else:
            self.broker.totals.steps += 1

    def answer_to(self, step):
        connection = self.early.pop(step.name, None)
        if connection is None:
            connection = self.connection
            connection.send_frame(self.request_of(step))
        try:
            if step.response == "no answer":
                frame = self.no_answer(connection)
            else:
                frame = connection.receive_frame()
        except Closed:
            frame = "closed"
            self.connection.close()
            self.connection = self.broker.connect()
        if connection is not self.connection:
            connection.close()
        return frame

    @staticmethod
    def no_answer(connection):
        """Shown by the answer to a following request."""
        probe = codec.encode_request("ApiVersions", 0, 0x7FFFFFF0, {})
        connection.send_frame(probe)
        frame = connection.receive_frame()
        return "no answer" if frame[:4] == b"\x7f\xff\xff\xf0" else frame

    def compare(self, step, frame):
        t = self.translation
        if not isinstance(frame, bytes) or not (step.answered or step.preparation):
            if frame != step.response:
                yield "(connection)", short(step.response), short(frame)
            return
        header, ours, rest = codec.decode_response(step.api, step.version, frame)
        assert not rest, f"{step}: {len(rest)} bytes left over"
        assert header["CorrelationId"] == step.correlation, step
        if not step.answered:  # a preparation cut to names and ids
            t.learn(step.decoded, ours)
            for topic in ours["Topics"]:
                if topic["ErrorCode"]:
                    yield "Topics.ErrorCode", 0, topic["ErrorCode"]
            return
        there = codec.decode_response(step.api, step.version, step.response)[1]
        if step.api in ("Metadata", "DescribeTopicPartitions") and step.name == "all":
            there, ours = self.own_topics(there), self.own_topics(ours)
        elif step.api == "DescribeLogDirs" and step.name == "all":
            there, ours = self.own_topics_of_directories(there), self.own_topics_of_directories(ours)
        elif step.api == "ListGroups":
            there, ours = self.own_groups(there), self.own_groups(ours)
        elif step.api == "ListConfigResources":
            there, ours = self.own_resources(there), self.own_resources(ours)
        elif step.api == "ApiVersions":
            there, ours = self.served_apis(there, ours)
        elif there == ours and step.api != "Fetch":
            self.broker.totals.bytes_equal += 1
            if frame != step.response:
                yield "(bytes)", step.response.hex(), frame.hex()
        t.learn(there, ours)
        yield from comparison.differences(
            comparison.ordered(t.recorded_itself(there)), comparison.ordered(t.ours_as_recorded(ours)), t
        )

    def own_topics(self, body):
        """A list of the whole broker holds the topics of other scenarios too."""
        return {**body, "Topics": [t for t in body["Topics"] if t["Name"].startswith(f"d-{self.name}-")]}

    def own_topics_of_directories(self, body):
        return {**body, "Results": [self.own_topics(directory) for directory in body["Results"]]}

    def own_groups(self, body):
        names = f"d-{self.name}-"
        own = [g for g in body["Groups"] if g["GroupId"].startswith(names) or self.name == EMPTY and not g["GroupId"]]
        return {**body, "Groups": own}

    def own_resources(self, body):
        """As above; brokers and their loggers are not named for a scenario."""
        brokers = (4, 8)
        kept = [
            r for r in body["ConfigResources"]
            if r.get("ResourceType") in brokers or r["ResourceName"].startswith(f"d-{self.name}-")
        ]  # fmt: skip
        return {**body, "ConfigResources": kept}

    @staticmethod
    def served_apis(there, ours):
        """Which APIs are listed beyond APIS is free; of these the ranges must be the recorded ones."""
        wanted = {codec.api_key(api) for api in APIS}

        def kept(body):
            keys = sorted(body["ApiKeys"], key=lambda k: k["ApiKey"])
            return {**body, "ApiKeys": [k for k in keys if k["ApiKey"] in wanted]}

        return kept(there), kept(ours)


def short(value):
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) < 100 else f"{text[:60]}... ({len(text)})"


@pytest.mark.parametrize("name", REPLAYED)
def test_answers_are_those_of_kafka(live, name):
    live.purposely.expect(name)
    found = Replay(live, name, REPLAYED[name]).run()
    live.totals.scenarios += 1
    assert not found, "\n" + "\n".join(found)


def test_every_listed_difference_is_still_there(live, capsys):
    totals = live.totals
    with capsys.disabled():
        print(
            f"\nrecorded: {totals.scenarios} scenarios, {totals.steps} steps compared, {totals.bytes_equal}"
            f" of them byte for byte, {totals.preparations} preparations; {len(LEFT_OUT)} scenarios left out"
        )
    assert not live.purposely.stale(), f"no longer differs: {live.purposely.stale()}"
