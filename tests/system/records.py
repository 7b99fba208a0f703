"""Record batches (magic 2): taken apart, changed and put together again, byte for byte."""

import dataclasses
import gzip
import struct

HEADER = struct.Struct(">qiibIhiqqqhii")  # up to and with the count of records: 61 bytes
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return tuple(table)


TABLE = crc32c_table()


def crc32c(data):
    crc, table = 0xFFFFFFFF, TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


@dataclasses.dataclass
class Record:
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list = dataclasses.field(default_factory=list)


def blob(data):
    return varint(-1) if data is None else varint(len(data)) + data


def encode_records(records, base_timestamp):
    out = []
    for n, record in enumerate(records):
        body = b"\0" + varint(record.timestamp - base_timestamp) + varint(n)
        body += blob(record.key) + blob(record.value)
        body += varint(len(record.headers)) + b"".join(blob(k.encode()) + blob(v) for k, v in record.headers)
        out.append(varint(len(body)) + body)
    return b"".join(out)


def decode_records(payload, base_timestamp, count):
    records, at = [], 0
    for _ in range(count):
        _, at = read_varint(payload, at)
        at += 1
        delta, at = read_varint(payload, at)
        _, at = read_varint(payload, at)
        fields = []
        for _ in range(2):
            size, at = read_varint(payload, at)
            fields.append(None if size < 0 else bytes(payload[at : at + size]))
            at += max(size, 0)
        headers = []
        header_count, at = read_varint(payload, at)
        for _ in range(header_count):
            size, at = read_varint(payload, at)
            key = bytes(payload[at : at + size]).decode()
            at += size
            size, at = read_varint(payload, at)
            headers.append((key, None if size < 0 else bytes(payload[at : at + size])))
            at += max(size, 0)
        records.append(Record(base_timestamp + delta, *fields, headers))
    return records


@dataclasses.dataclass
class Batch:
    base_offset: int = 0
    length: int = 0
    leader_epoch: int = -1
    magic: int = 2
    crc: int = 0
    attributes: int = 0
    last_offset_delta: int = 0
    base_timestamp: int = 0
    max_timestamp: int = 0
    producer_id: int = -1
    producer_epoch: int = -1
    base_sequence: int = -1
    count: int = 0
    payload: bytes = b""

    @property
    def codec(self):
        return self.attributes & 7

    def pack(self):
        """The bytes as the fields say, length and CRC too, right or wrong."""
        fields = [getattr(self, f.name) for f in dataclasses.fields(self)]
        return HEADER.pack(*fields[:-1]) + self.payload

    def sealed(self):
        """The bytes with the length and CRC that the other fields call for."""
        self.length = HEADER.size - 12 + len(self.payload)
        self.crc = crc32c(self.pack()[21:])
        return self.pack()


def batch_of(records, **fields):
    """A plain batch of these records."""
    base = records[0].timestamp
    last = max(r.timestamp for r in records)
    count = len(records)
    made = Batch(base_timestamp=base, max_timestamp=last, count=count, last_offset_delta=count - 1)
    made.payload = encode_records(records, base)
    made = dataclasses.replace(made, **fields)
    if made.codec == 1 and "payload" not in fields:
        made.payload = gzip.compress(made.payload)
    return made


def values_batch(*values, timestamp=1_700_000_000_000, **fields):
    """The bytes of a batch whose records have these values and no keys."""
    return batch_of([Record(timestamp, None, v) for v in values], **fields).sealed()


def opened(batch):
    """The record bytes of a gzip batch; those of other codecs as they are."""
    return gzip.decompress(batch.payload) if batch.codec == 1 else batch.payload


def split(data):
    """The whole batches of a sequence, and the bytes left over behind them."""
    batches, at = [], 0
    while at + HEADER.size <= len(data):
        size = 12 + struct.unpack_from(">i", data, at + 8)[0]
        if size < HEADER.size or at + size > len(data):
            break
        batch = Batch(*HEADER.unpack_from(data, at), bytes(data[at + HEADER.size : at + size]))
        batches.append(batch)
        at += size
    return batches, bytes(data[at:])


def verified(data):
    """The whole batches of an answer, whose CRCs must be right. A last one, cut by a limit, is dropped."""
    batches, rest = split(data)
    assert not rest or not batches or rest[8 + 8 :][:1] in (b"", b"\2"), "no batch behind the last whole one"
    for batch in batches:
        assert crc32c(batch.pack()[21:]) == batch.crc, f"CRC of the batch at offset {batch.base_offset}"
    return batches
