"""Holds a live answer against a recorded one.

What recorded/README.md names as free is masked here, and only that. Ids are not dropped but translated: a
topic id, producer id, session id, member id, epoch, node id or time of ours stands for the recorded one it was
learned beside.
"""

import dataclasses
import re
import time

import codec
import records

RECORDED_NODE = 1
NODE_FIELDS = {"NodeId", "ControllerId", "BrokerId", "LeaderId", "PreferredReadReplica"}
NODE_LISTS = {"ReplicaNodes", "IsrNodes", "OfflineReplicas", "BrokerIds"}
TEXTS = {"ErrorMessage", "BatchIndexErrorMessage", "Documentation"}
ALWAYS_FREE = {
    "ThrottleTimeMs",
    "LeaderEpoch",
    "LogDir",
    "FinalizedFeaturesEpoch",
    "SupportedFeatures",
    "FinalizedFeatures",
}
TIMES = {"LogAppendTimeMs", "Timestamp"}
# What may come in any order, and what tells its elements apart.
UNORDERED = {
    "Topics": ("Name", "Topic", "TopicId"),
    "Responses": ("Name", "Topic", "TopicId"),
    "Results": ("Name", "GroupId"),
    "Groups": ("GroupId",),
    "Members": ("MemberId",),
    "Partitions": ("PartitionIndex",),
    "PartitionResponses": ("Index",),
    "Brokers": ("NodeId", "BrokerId"),
    "Configs": ("Name",),
    "ConfigResources": ("ResourceType", "ResourceName"),
    "TopicPartitions": ("TopicId",),
    "ReplicaNodes": (), "IsrNodes": (), "OfflineReplicas": (),
}  # fmt: skip
# Lists whose elements show in the path of a difference.
LABELLED = {"Configs": "Name", "ApiKeys": "ApiKey"}
NEAR_MS = 300_000
MEMBER_FIELDS = {"MemberId", "Leader"}
# Of KIP-848's groups alone: the generations of a classic group are numbers to be met.
EPOCH_FIELDS = {"MemberEpoch", "GroupEpoch", "AssignmentEpoch", "TargetMemberEpoch", "GenerationIdOrMemberEpoch"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^[\w-]{22}$", re.ASCII)


def shape_of_member(member_id):
    """What of it is not chance: the client id or instance id in front, and that a uuid follows."""
    return UUID.sub("(uuid)", member_id)


class Epochs:
    """Epochs of ours beside the recorded ones: equal where those are equal, newer where those are newer."""

    def __init__(self):
        self.ours = {}  # by recorded epoch

    def learn(self, recorded, ours):
        if recorded <= 0 or ours <= 0 or recorded in self.ours or ours in self.ours.values():
            return
        if all((recorded > there) == (ours > here) for there, here in self.ours.items()):
            self.ours[recorded] = ours

    def of_ours(self, recorded):
        """To be sent; what was never answered is as far from what was as in the recording."""
        if recorded <= 0 or not self.ours or recorded in self.ours:
            return self.ours.get(recorded, recorded)
        nearest = min(self.ours, key=lambda known: abs(known - recorded))
        return max(0, self.ours[nearest] + recorded - nearest)

    def of_recorded(self, ours):
        return {here: there for there, here in self.ours.items()}.get(ours, ours)


class Translation:
    """What of ours stands for what was recorded, within one scenario."""

    def __init__(self, node, host, port, recorded_now, with_epochs=False):
        self.node, self.host, self.port = node, host, port
        self.topic_ids, self.producer_ids, self.session_ids = {}, {}, {}
        self.member_ids, self.sent_member_ids = {}, set()
        self.epochs = Epochs() if with_epochs else None
        self.recorded_now = recorded_now
        # A little ago, so that no time of an answer is taken for one that we sent, however fast the answer came.
        self.now = int(time.time() * 1000) - 250

    # Recorded to ours, for requests.

    def request(self, api, body):
        return self.map_request(body)

    def map_request(self, value, field=None):
        if isinstance(value, dict):
            return {k: self.map_request(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.map_request(v, field) for v in value]
        if field == "TopicId":
            return self.topic_ids.get(value, value)
        if field == "ProducerId":
            return self.producer_ids.get(value, value)
        if field == "SessionId":
            return self.session_ids.get(value, value)
        if field == "MemberId":
            self.sent_member_ids.add(value)
            return self.member_ids.get(value, value)
        if field in EPOCH_FIELDS and self.epochs:
            return self.epochs.of_ours(value)
        if field == "BrokerIds" and value == RECORDED_NODE:
            return self.node
        if field == "Records" and value:
            return self.request_records(value)
        return value

    def is_recorded_now(self, timestamp):
        return self.recorded_now is not None and abs(timestamp - self.recorded_now) < 24 * 3600_000

    def request_records(self, data):
        batches, rest = records.split(data)
        out = []
        for batch in batches:
            known = batch.producer_id in self.producer_ids
            dated = self.is_recorded_now(batch.base_timestamp) or self.is_recorded_now(batch.max_timestamp)
            if not known and not dated:
                out.append(batch.pack())
                continue
            batch.producer_id = self.producer_ids.get(batch.producer_id, batch.producer_id)
            if dated:
                shift = self.now - self.recorded_now
                batch.base_timestamp += shift
                batch.max_timestamp += shift
            out.append(batch.sealed())
        return b"".join(out) + rest

    # Ours to recorded, for answers.

    def learn(self, recorded, ours):
        """Takes in which ids of ours stand beside which recorded ones."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for kind, known, none in (
                ("TopicId", self.topic_ids, codec.NO_UUID),
                ("ProducerId", self.producer_ids, -1),
                ("SessionId", self.session_ids, 0),
            ):
                there, here = recorded.get(kind), ours.get(kind)
                if there not in (None, none) and here not in (None, none) and here not in known.values():
                    known.setdefault(there, here)
            self.learn_member(recorded.get("MemberId"), ours.get("MemberId"))
            for field in EPOCH_FIELDS & recorded.keys() & ours.keys() if self.epochs else ():
                self.epochs.learn(recorded[field], ours[field])
            for name in recorded.keys() & ours.keys():
                self.learn(recorded[name], ours[name])
        elif isinstance(recorded, list) and isinstance(ours, list):
            by_name = {self.name_of(v): v for v in ours}
            names = [self.name_of(v, self.member_ids) for v in recorded]
            # Members that are seen for the first time have no common name, and are taken in their order.
            new = [v for name, v in by_name.items() if name not in names and "MemberId" in v] if all(by_name) else []
            for n, (value, name) in enumerate(zip(recorded, names, strict=True)):
                if name and name not in by_name and "MemberId" in value and new:
                    self.learn(value, new.pop(0))
                else:
                    self.learn(value, by_name.get(name) if name else ours[n] if n < len(ours) else None)

    def learn_member(self, recorded, ours):
        """Only an id that the broker made up: one that we had sent must come back as it is."""
        if not recorded or not ours or recorded in self.sent_member_ids or ours in self.member_ids.values():
            return
        if shape_of_member(recorded) == shape_of_member(ours):
            self.member_ids.setdefault(recorded, ours)

    @staticmethod
    def name_of(value, member_ids=None):
        """What tells it from the others of its list. A recorded member goes by the id of ours, where that is known."""
        if not isinstance(value, dict):
            return None
        member = value.get("MemberId")
        return value.get("Name") or value.get("Topic") or value.get("GroupId") or (member_ids or {}).get(member, member)

    def ours_as_recorded(self, value, field=None):
        if isinstance(value, dict):
            return {k: self.ours_as_recorded(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.ours_as_recorded(v, field) for v in value]
        for kind, known in (
            ("TopicId", self.topic_ids), ("ProducerId", self.producer_ids), ("SessionId", self.session_ids),
        ):  # fmt: skip
            if field == kind:
                return {v: k for k, v in known.items()}.get(value, value)
        if field in MEMBER_FIELDS:
            return {v: k for k, v in self.member_ids.items()}.get(value, value)
        if field in EPOCH_FIELDS and self.epochs:
            return self.epochs.of_recorded(value)
        if field in NODE_FIELDS | NODE_LISTS:
            return RECORDED_NODE if value == self.node else value
        if field == "Host":
            return "127.0.0.1" if value == self.host else value
        if field == "Port":
            return 19510 if value == self.port else value
        if field == "ClusterId":
            return value and "A" * 22
        if field in TIMES:
            return self.time_as_recorded(value)
        if field == "Records" and value:
            return [self.batch_as_recorded(b) for b in records.verified(value)]
        return value

    def time_as_recorded(self, timestamp):
        """A time near this run's beginning is either one that we sent, or the time of the answer ("now")."""
        if self.recorded_now is None:
            return timestamp
        for shift in (0, -7_200_000, 7_200_000):
            if 0 <= timestamp - self.now - shift < 8:
                return timestamp - self.now + self.recorded_now
        if abs(timestamp - time.time() * 1000) < NEAR_MS:
            return "now"
        return timestamp

    def batch_as_recorded(self, batch):
        batch = dataclasses.replace(batch)
        known = {v: k for k, v in self.producer_ids.items()}
        batch.producer_id = known.get(batch.producer_id, batch.producer_id)
        batch.base_timestamp = self.time_as_recorded(batch.base_timestamp)
        batch.max_timestamp = self.time_as_recorded(batch.max_timestamp)
        return batch

    def recorded_itself(self, value, field=None):
        """The recorded answer, with records taken apart and "now" marked."""
        if isinstance(value, dict):
            return {k: self.recorded_itself(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.recorded_itself(v, field) for v in value]
        if field == "Records" and value:
            return [dataclasses.replace(b) for b in records.verified(value)]
        return value

    def same_time(self, recorded, ours):
        return recorded == ours or ours == "now" and abs(recorded - self.recorded_now) < NEAR_MS


def ordered(value):
    """Elements whose order is free, in the order of what tells them apart."""
    if isinstance(value, list):
        return [ordered(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for name, inner in value.items():
        inner = ordered(inner)
        if name in UNORDERED and isinstance(inner, list):
            keys = UNORDERED[name]
            inner = sorted(inner, key=lambda v: str([v.get(k) for k in keys] if isinstance(v, dict) else v))
        out[name] = inner
    return out


def batch_differences(path, recorded, ours, translation):
    """Base offsets, sizes, attributes and contents. The leader epoch is free; each CRC was checked."""
    for field in dataclasses.fields(records.Batch):
        name = field.name
        there, here = getattr(recorded, name), getattr(ours, name)
        if name in ("leader_epoch", "crc"):
            continue
        if name in ("base_timestamp", "max_timestamp") and translation.same_time(there, here):
            continue
        if name in ("payload", "length") and recorded.codec and recorded.codec == ours.codec:
            # Two compressors may differ in bytes, not in what is inside.
            if name == "length" or records.opened(recorded) == records.opened(ours):
                continue
        if there != here:
            yield f"{path}.{name}", there, here


def differences(recorded, ours, translation, path=""):
    """(path, recorded, ours) of everything that differs and is not free."""
    field = path.rpartition(".")[2]
    if field in ALWAYS_FREE | TEXTS:
        return
    if isinstance(recorded, records.Batch) and isinstance(ours, records.Batch):
        yield from batch_differences(path, recorded, ours, translation)
    elif isinstance(recorded, dict) and isinstance(ours, dict):
        for name in recorded.keys() | ours.keys():
            inner = f"{path}.{name}" if path else name
            if name not in ours or name not in recorded:
                if name not in ALWAYS_FREE | TEXTS:
                    yield inner, recorded.get(name, "absent"), ours.get(name, "absent")
            else:
                yield from differences(recorded[name], ours[name], translation, inner)
    elif isinstance(recorded, list) and isinstance(ours, list):
        if len(recorded) != len(ours):
            yield f"{path}.count", len(recorded), len(ours)
        for there, here in zip(recorded, ours, strict=False):
            label = f"{path}.{there[LABELLED[field]]}" if field in LABELLED else path
            yield from differences(there, here, translation, label)
    elif field in TIMES and isinstance(recorded, int) and translation.same_time(recorded, ours):
        return
    elif recorded != ours:
        yield path, recorded, ours
