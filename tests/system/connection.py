"""A bare connection to a broker: frames in, frames out, with the codec on top."""

import socket
import struct

import codec


class Closed(OSError):
    """The broker closed the connection."""


class Connection:
    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed("closed while sending") from e

    def send_frame(self, frame):
        self.send_bytes(struct.pack(">i", len(frame)) + frame)

    def receive_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                part = self.socket.recv(min(size - len(data), 1 << 20))
            except ConnectionResetError as e:
                raise Closed("reset") from e
            if not part:
                raise Closed(f"closed after {len(data)} of {size} bytes")
            data += part
        return bytes(data)

    def receive_frame(self):
        (size,) = struct.unpack(">i", self.receive_exactly(4))
        return self.receive_exactly(size)

    def send(self, api, version, body=None, **header):
        """Sends a request; returns its correlation id."""
        self.correlation += 1
        self.send_frame(codec.encode_request(api, version, self.correlation, body or {}, **header))
        return self.correlation

    def receive(self, api, version, correlation=None):
        header, body, rest = codec.decode_response(api, version, self.receive_frame())
        assert not rest, f"{len(rest)} bytes left over behind the answer to {api}"
        assert header["CorrelationId"] == (self.correlation if correlation is None else correlation)
        return body

    def call(self, api, version, body=None):
        self.send(api, version, body)
        return self.receive(api, version)

    def is_closed(self, seconds=5):
        """Whether the broker closes within that time without a further byte."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # The few calls that most tests need.

    def create_topic(self, name, partitions=1, **configs):
        body = {
            "Topics": [{
                "Name": name, "NumPartitions": partitions, "ReplicationFactor": 1,
                "Configs": [{"Name": k.replace("_", "."), "Value": v} for k, v in configs.items()],
            }],
            "timeoutMs": 30000,
        }  # fmt: skip
        (topic,) = self.call("CreateTopics", 7, body)["Topics"]
        assert topic["ErrorCode"] == 0, topic
        return topic["TopicId"]

    @staticmethod
    def produce_body(topic, partition, records, acks=-1):
        return {
            "Acks": acks, "TimeoutMs": 30000,
            "TopicData": [{"Name": topic, "PartitionData": [{"Index": partition, "Records": records}]}],
        }  # fmt: skip

    def produce(self, topic, partition, records):
        """The base offset that the batch got."""
        answer = self.call("Produce", 9, self.produce_body(topic, partition, records))
        (part,) = answer["Responses"][0]["PartitionResponses"]
        assert part["ErrorCode"] == 0, part
        return part["BaseOffset"]

    @staticmethod
    def fetch_body(topic, partition, offset, wait_ms=0, max_bytes=50 << 20):
        asked = {"Partition": partition, "FetchOffset": offset, "PartitionMaxBytes": max_bytes}
        return {
            "MaxWaitMs": wait_ms, "MinBytes": 1, "MaxBytes": max_bytes,
            "Topics": [{"Topic": topic, "Partitions": [asked]}],
        }  # fmt: skip

    def fetch(self, topic, partition, offset, **limits):
        """The answer for the partition."""
        answer = self.call("Fetch", 12, self.fetch_body(topic, partition, offset, **limits))
        assert answer["ErrorCode"] == 0, answer
        (part,) = answer["Responses"][0]["Partitions"]
        return part

    def end_offset(self, topic, partition):
        asked = {"PartitionIndex": partition, "Timestamp": -1}
        body = {"ReplicaId": -1, "Topics": [{"Name": topic, "Partitions": [asked]}]}
        (part,) = self.call("ListOffsets", 4, body)["Topics"][0]["Partitions"]
        assert part["ErrorCode"] == 0, part
        return part["Offset"]
