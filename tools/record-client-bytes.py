#!/usr/bin/env python3
"""Writes tests/reference/client-bytes.json: requests as an independent client encodes them.

The client is kafka-python 3.0.12: its encoder shares nothing with ours, only the protocol. Run once, with
    python3 -m venv VENV && VENV/bin/pip install kafka-python==3.0.12
    VENV/bin/python tools/record-client-bytes.py
Each entry holds an API, a version, the frame in hex (with its size in front, as sent) and the values
that went in, by the protocol's names, as far as that version has them.
"""
import json
import pathlib
import re
import sys
import uuid

import kafka
from kafka.protocol import admin, consumer, metadata, producer

CLIENT, CLIENT_ID = "3.0.12", "recorder"
OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/reference/client-bytes.json"

TOPIC_ID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
RECORDS = bytes(range(1, 90))

# (class, versions, values by name). Strings end in characters of several bytes, numbers use all of theirs.
REQUESTS = [
    (producer.ProduceRequest, range(3, 14), {
        "transactional_id": "t-\u00e4", "acks": -1, "timeout_ms": 30000,
        "topic_data": [
            {"name": "orders", "topic_id": TOPIC_ID, "partition_data": [
                {"index": 7, "records": RECORDS}, {"index": 0x01020304, "records": RECORDS[:61]}]},
            {"name": "empty", "topic_id": uuid.UUID(int=1), "partition_data": []}]}),
    (consumer.FetchRequest, range(4, 19), {
        "cluster_id": "cluster", "replica_id": -1, "replica_state": {"replica_id": 3, "replica_epoch": 1 << 40},
        "max_wait_ms": 500, "min_bytes": 1, "max_bytes": 52428800, "isolation_level": 1,
        "session_id": 0x11223344, "session_epoch": 5,
        "topics": [{"topic": "orders", "topic_id": TOPIC_ID, "partitions": [
            {"partition": 2, "current_leader_epoch": 9, "fetch_offset": 0x0102030405060708,
             "last_fetched_epoch": 8, "log_start_offset": -1, "partition_max_bytes": 1048576,
             "replica_directory_id": uuid.UUID(int=77), "high_watermark": 12345678901}]}],
        "forgotten_topics_data": [{"topic": "old", "topic_id": uuid.UUID(int=2), "partitions": [0, 1, 65536]}],
        "rack_id": "rack-\u20ac"}),
    (consumer.ListOffsetsRequest, range(1, 12), {
        "replica_id": -1, "isolation_level": 1,
        "topics": [{"name": "orders", "partitions": [
            {"partition_index": 3, "current_leader_epoch": 4, "timestamp": -2},
            {"partition_index": 4, "current_leader_epoch": -1, "timestamp": 1700000000123}]}],
        "timeout_ms": 1500}),
    (metadata.MetadataRequest, range(0, 14), {
        "topics": [{"topic_id": TOPIC_ID, "name": "orders"}, {"topic_id": uuid.UUID(int=3), "name": "\u00fcber"}],
        "allow_auto_topic_creation": False, "include_cluster_authorized_operations": True,
        "include_topic_authorized_operations": True}),
    (metadata.MetadataRequest, range(1, 14), {
        "topics": None, "allow_auto_topic_creation": True, "include_cluster_authorized_operations": False,
        "include_topic_authorized_operations": False}),
    (metadata.FindCoordinatorRequest, range(0, 7), {
        "key": "group-1", "key_type": 1, "coordinator_keys": ["group-1", "group-\u20ac"]}),
    (metadata.ApiVersionsRequest, range(0, 5), {
        "client_software_name": "kafka-python", "client_software_version": CLIENT}),
    (admin.CreateTopicsRequest, range(0, 8), {
        "topics": [
            {"name": "orders", "num_partitions": 12, "replication_factor": 3, "assignments": [],
             "configs": [{"name": "cleanup.policy", "value": "compact"}, {"name": "retention.ms", "value": None}]},
            {"name": "placed", "num_partitions": -1, "replication_factor": -1,
             "assignments": [{"partition_index": 0, "broker_ids": [1, 2]}, {"partition_index": 1, "broker_ids": [2, 3]}],
             "configs": []}],
        "timeout_ms": 45000, "validate_only": True}),
    (producer.InitProducerIdRequest, range(0, 6), {
        "transactional_id": "txn", "transaction_timeout_ms": 60000, "producer_id": 0x0102030405060708,
        "producer_epoch": 17}),
    (producer.InitProducerIdRequest, range(0, 6), {
        "transactional_id": None, "transaction_timeout_ms": 0x7FFFFFFF, "producer_id": -1, "producer_epoch": -1}),
    (admin.DescribeClusterRequest, range(0, 3), {
        "include_cluster_authorized_operations": True, "endpoint_type": 2, "include_fenced_brokers": True}),
    (admin.DeleteTopicsRequest, range(0, 7), {
        "topics": [{"name": "orders", "topic_id": uuid.UUID(int=0)}, {"name": None, "topic_id": TOPIC_ID}],
        "topic_names": ["orders", "\u00fcber"], "timeout_ms": 0x01020304}),
    (admin.CreatePartitionsRequest, range(0, 4), {
        "topics": [{"name": "orders", "count": 24, "assignments": None},
                   {"name": "placed", "count": 4, "assignments": [{"broker_ids": [1, 2]}, {"broker_ids": [65536]}]}],
        "timeout_ms": 45000, "validate_only": True}),
    (admin.DeleteRecordsRequest, range(0, 3), {
        "topics": [{"name": "orders", "partitions": [
            {"partition_index": 7, "offset": 0x0102030405060708}, {"partition_index": 8, "offset": -1}]}],
        "timeout_ms": 30000}),
    (consumer.OffsetForLeaderEpochRequest, range(2, 5), {
        "replica_id": -1, "topics": [{"topic": "orders", "partitions": [
            {"partition": 3, "current_leader_epoch": 9, "leader_epoch": 0x01020304}]}]}),
    (admin.DescribeLogDirsRequest, range(0, 5), {"topics": [{"topic": "orders", "partitions": [0, 1, 65536]}]}),
    (admin.DescribeLogDirsRequest, range(0, 5), {"topics": None}),
    (admin.DescribeConfigsRequest, range(0, 5), {
        "resources": [{"resource_type": 2, "resource_name": "\u00fcber", "configuration_keys": None},
                      {"resource_type": 4, "resource_name": "1", "configuration_keys": ["log.dirs", "retention.ms"]}],
        "include_synonyms": True, "include_documentation": True}),
    (admin.AlterConfigsRequest, range(0, 3), {
        "resources": [{"resource_type": 2, "resource_name": "orders", "configs": [
            {"name": "retention.ms", "value": "-1"}, {"name": "cleanup.policy", "value": None}]}],
        "validate_only": True}),
    (admin.IncrementalAlterConfigsRequest, range(0, 2), {
        "resources": [{"resource_type": 4, "resource_name": "", "configs": [
            {"name": "log.cleanup.policy", "config_operation": 2, "value": "compact"},
            {"name": "log.retention.ms", "config_operation": 1, "value": None}]}],
        "validate_only": True}),
    (admin.ListConfigResourcesRequest, range(0, 2), {"resource_types": [2, 16, 32]}),
    (admin.ListPartitionReassignmentsRequest, range(0, 1), {
        "timeout_ms": 1500, "topics": [{"name": "orders", "partition_indexes": [0, 65536]}]}),
    (admin.ListPartitionReassignmentsRequest, range(0, 1), {"timeout_ms": 60000, "topics": None}),
    (admin.DescribeTopicPartitionsRequest, range(0, 1), {
        "topics": [{"name": "orders"}, {"name": "\u00fcber"}], "response_partition_limit": 0x01020304,
        "cursor": {"topic_name": "orders", "partition_index": 65536}}),
    (admin.DescribeTopicPartitionsRequest, range(0, 1), {
        "topics": [], "response_partition_limit": 2000, "cursor": None}),
    (consumer.OffsetCommitRequest, range(2, 11), {
        "group_id": "gr\u00fcppe", "generation_id_or_member_epoch": 0x01020304, "member_id": "member-1",
        "group_instance_id": "instance-1", "retention_time_ms": 0x0102030405060708,
        "topics": [{"name": "orders", "topic_id": TOPIC_ID, "partitions": [
            {"partition_index": 3, "committed_offset": 0x0102030405060708, "committed_leader_epoch": 9,
             "committed_metadata": "\u20ac"},
            {"partition_index": 65536, "committed_offset": -1, "committed_leader_epoch": -1,
             "committed_metadata": None}]}]}),
    (consumer.OffsetCommitRequest, range(2, 11), {
        "group_id": "", "generation_id_or_member_epoch": -1, "member_id": "", "group_instance_id": None,
        "retention_time_ms": -1, "topics": []}),
    (consumer.OffsetFetchRequest, range(1, 11), {
        "group_id": "group", "topics": [{"name": "orders", "partition_indexes": [0, 65536]}],
        "groups": [
            {"group_id": "group", "member_id": "member-1", "member_epoch": 0x01020304,
             "topics": [{"name": "orders", "topic_id": TOPIC_ID, "partition_indexes": [0, 65536]}]},
            {"group_id": "gr\u00fcppe", "member_id": None, "member_epoch": -1, "topics": None}],
        "require_stable": True}),
    (consumer.OffsetFetchRequest, range(2, 8), {
        "group_id": "group", "topics": None, "groups": [], "require_stable": False}),
    (consumer.JoinGroupRequest, range(0, 10), {
        "group_id": "gr\u00fcppe", "session_timeout_ms": 45000, "rebalance_timeout_ms": 0x01020304,
        "member_id": "member-1", "group_instance_id": "instance-1", "protocol_type": "consumer",
        "protocols": [{"name": "range", "metadata": RECORDS}, {"name": "roundrobin", "metadata": b""}],
        "reason": "rebalance \u20ac"}),
    (consumer.JoinGroupRequest, range(0, 10), {
        "group_id": "group", "session_timeout_ms": 6000, "rebalance_timeout_ms": -1, "member_id": "",
        "group_instance_id": None, "protocol_type": "connect", "protocols": [], "reason": None}),
    (consumer.HeartbeatRequest, range(0, 5), {
        "group_id": "group", "generation_id": 0x01020304, "member_id": "member-1",
        "group_instance_id": "instance-1"}),
    (consumer.HeartbeatRequest, range(3, 5), {
        "group_id": "group", "generation_id": -1, "member_id": "", "group_instance_id": None}),
    (consumer.LeaveGroupRequest, range(0, 6), {
        "group_id": "group", "member_id": "member-1", "members": [
            {"member_id": "member-1", "group_instance_id": None, "reason": None},
            {"member_id": "", "group_instance_id": "instance-1", "reason": "removed \u20ac"}]}),
    (consumer.SyncGroupRequest, range(0, 6), {
        "group_id": "group", "generation_id": 0x01020304, "member_id": "member-1",
        "group_instance_id": "instance-1", "protocol_type": "consumer", "protocol_name": "range",
        "assignments": [{"member_id": "member-1", "assignment": RECORDS},
                        {"member_id": "member-2", "assignment": b""}]}),
    (consumer.SyncGroupRequest, range(0, 6), {
        "group_id": "group", "generation_id": 1, "member_id": "member-2", "group_instance_id": None,
        "protocol_type": None, "protocol_name": None, "assignments": []}),
    (admin.DescribeGroupsRequest, range(0, 7), {
        "groups": ["group", "gr\u00fcppe"], "include_authorized_operations": True}),
    (admin.ListGroupsRequest, range(0, 6), {
        "states_filter": ["Stable", "Empty"], "types_filter": ["classic", "consumer"]}),
    (admin.DeleteGroupsRequest, range(0, 3), {"groups_names": ["group", "gr\u00fcppe"]}),
    (consumer.OffsetDeleteRequest, range(0, 1), {
        "group_id": "group", "topics": [{"name": "orders", "partitions": [
            {"partition_index": 0}, {"partition_index": 65536}]}]}),
]


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def has(versions, version):
    first, _, last = versions.partition("-")
    return version >= int(versions[:-1]) if versions.endswith("+") else int(first) <= version <= int(last or first)


def plain(value):
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, bytes):
        return value.hex()
    return value


def build(container, fields, values, version):
    """The client's own object, made of its own objects."""
    made = {}
    for field in fields:
        name = snake(field["name"])
        if name not in values:
            continue
        value = values[name]
        if "fields" in field and value is not None:
            item = getattr(container, field["type"].removeprefix("[]"))
            value = ([build(item, field["fields"], one, version) for one in value] if isinstance(value, list)
                     else build(item, field["fields"], value, version))
        made[name] = value
    return container(version=version, **made)


def in_version(values, fields, version, named):
    """What of `values` exists in `version`, under the protocol's names or under the client's."""
    if values is None:
        return None
    kept = {}
    for field in fields:
        if not has(field["versions"], version):
            continue
        value = values[snake(field["name"])]
        if "fields" in field and isinstance(value, list):
            value = [in_version(item, field["fields"], version, named) for item in value]
        elif "fields" in field:
            value = in_version(value, field["fields"], version, named)
        kept[field["name"] if named else snake(field["name"])] = plain(value) if named else value
    return kept


def main():
    if kafka.__version__ != CLIENT:
        sys.exit(f"this needs kafka-python {CLIENT}, not {kafka.__version__}")
    entries = []
    for request_class, versions, values in REQUESTS:
        fields = request_class.json["fields"]
        for version in versions:
            if version > request_class.max_version:
                continue
            request = build(request_class, fields, in_version(values, fields, version, False), version)
            correlation_id = 1000 + len(entries)
            request.with_header(correlation_id=correlation_id, client_id=CLIENT_ID)
            entries.append({
                "api": request_class.name.removesuffix("Request"), "version": version,
                "correlation_id": correlation_id, "frame": request.encode(framed=True, header=True).hex(),
                "values": in_version(values, fields, version, True)})
    with OUT.open("w") as file:
        file.write('{"client": "kafka-python %s", "client_id": "%s", "requests": [\n' % (CLIENT, CLIENT_ID))
        file.write(",\n".join(json.dumps(entry) for entry in entries))
        file.write("\n]}\n")
    print(f"{len(entries)} requests")


if __name__ == "__main__":
    main()
