#!/usr/bin/env python3
"""Fills tests/fuzz/corpus with the first inputs of the fuzzers of requests, responses, headers, batches, stored
groups and the consumer protocol.

They come from tests/reference/recorded: for each API and version the request and the response of middle
length among those of at most LIMIT bytes; the last two from tests/reference/kafka-bytes.json. Files are named for
what they hold.
"""
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests/fuzz/corpus"
KEYS = {"Produce": 0, "Fetch": 1, "ListOffsets": 2, "Metadata": 3, "OffsetCommit": 8, "OffsetFetch": 9,
        "FindCoordinator": 10, "JoinGroup": 11, "Heartbeat": 12, "LeaveGroup": 13, "SyncGroup": 14,
        "DescribeGroups": 15, "ListGroups": 16, "ApiVersions": 18, "CreateTopics": 19, "DeleteTopics": 20,
        "DeleteRecords": 21, "InitProducerId": 22, "OffsetForLeaderEpoch": 23, "DescribeConfigs": 32,
        "AlterConfigs": 33, "DescribeLogDirs": 35, "CreatePartitions": 37, "DeleteGroups": 42,
        "IncrementalAlterConfigs": 44, "ListPartitionReassignments": 46, "OffsetDelete": 47, "DescribeCluster": 60,
        "ConsumerGroupHeartbeat": 68, "ConsumerGroupDescribe": 69, "ListConfigResources": 74,
        "DescribeTopicPartitions": 75}
PROTOCOL = {"ConsumerProtocolSubscription": b"\0", "ConsumerProtocolAssignment": b"\1"}
NO_VALUE = b"\xff"
LIMIT = 700
HEADERS = 6


def middle(samples):
    ordered = sorted(samples, key=lambda s: (len(s), s))
    return ordered[len(ordered) // 2] if ordered else None


def write(folder, name, data):
    (CORPUS / folder).mkdir(parents=True, exist_ok=True)
    (CORPUS / folder / name).write_bytes(data)


def with_prefixes():
    """Behind a byte that says what it is: of a value the type of its key, of a key NO_VALUE. Legacy values are values
    of version 0."""
    entries = json.loads((ROOT / "tests/reference/kafka-bytes.json").read_text())["messages"]
    types = {}
    for number, entry in enumerate(entries):
        name, data = entry["message"], bytes.fromhex(entry["bytes"])
        file = f"{name}-v{entry['version']}-{number}"
        if name in PROTOCOL:
            write("consumer_protocol", file, PROTOCOL[name] + data)
        elif name.endswith("Key"):
            types[name.removesuffix("Key")] = data[1:2]
            write("stored_groups", file, NO_VALUE + data)
        elif name.endswith("Value") and not name.startswith("Legacy"):
            write("stored_groups", file, types[name.removesuffix("Value")] + data)


def main():
    requests, responses, odd = {}, {}, {}
    for line in (ROOT / "tests/reference/recorded/recorded.jsonl").open():
        line = json.loads(line)
        if line["api"] not in KEYS:
            continue
        request = bytes.fromhex(line["request"])
        if line["name"].startswith("frames-x"):
            odd[line["name"].removeprefix("frames-x: ").replace(" ", "-")] = request
            continue
        kind = f"{line['api']}-v{line['version']}"
        if len(request) <= LIMIT:
            requests.setdefault(kind, set()).add(request)
        if line["response"] not in ("", "closed", "no answer") and len(line["response"]) <= 2 * LIMIT:
            front = bytes([KEYS[line["api"]], line["version"]])
            responses.setdefault(kind, set()).add(front + bytes.fromhex(line["response"]))
    for kind, samples in requests.items():
        write("requests", kind, middle(samples))
    for kind, samples in responses.items():
        write("responses", kind, middle(samples))
    for name, data in odd.items():
        write("header", name, data)
    for kind in sorted(requests)[::len(requests) // HEADERS]:
        write("header", kind, middle(requests[kind]))
    # Batches: behind a byte that asks for length and checksum to be made right. The magic marks where one begins.
    batches = {}
    for name, data in ((n, d) for n, ds in requests.items() if n.startswith("Produce") for d in ds):
        for at in range(len(data) - 61):
            length = int.from_bytes(data[at + 8:at + 12], "big")
            if data[at + 16] == 2 and data[at:at + 8] == bytes(8) and 49 <= length <= len(data) - at - 12:
                batches.setdefault((data[at + 22] & 7, length % 5), b"\x01" + data[at:at + 12 + length])
    for (codec, number), data in batches.items():
        write("batches", f"codec-{codec}-{number}", data)
    with_prefixes()


if __name__ == "__main__":
    main()
