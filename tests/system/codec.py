"""Encodes and decodes any Kafka message by the JSON shapes of tests/reference/shapes.

It shares no code with the broker, so the two can be held against each other. A structure is a dict by field
name, an array a list, bytes and records are `bytes`, a uuid is 32 hex digits. A tagged field is in the dict
exactly when it is on the wire; tags that the shape does not know stand under "_tags" as {tag: bytes}. So what
was decoded encodes to the same bytes again, and a request is built by naming only what is not the default.
A null where the shape forbids it is an error in an answer, but may be sent in a request, to see what happens.
"""

import json
import struct
from functools import cache
from pathlib import Path

SHAPES = Path(__file__).parents[1] / "reference" / "shapes"
NO_UUID = "0" * 32
FIXED = {
    "int8": ">b", "int16": ">h", "int32": ">i", "int64": ">q",
    "uint16": ">H", "uint32": ">I", "float64": ">d",
}  # fmt: skip


class Malformed(Exception):
    """The bytes end too early or break a rule of the encoding."""


class Bytes:
    """A cursor over received bytes."""

    def __init__(self, data):
        self.data, self.at = memoryview(data), 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise Malformed(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size : self.at]

    def fixed(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 28:
                raise Malformed("uvarint longer than 5 bytes")

    def rest(self):
        return bytes(self.take(len(self.data) - self.at))


def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def versions(text):
    """The range of a shape ("3", "3-7", "3+", "none") as a pair, both ends included."""
    if text in (None, "none"):
        return 1, 0
    if text.endswith("+"):
        return int(text[:-1]), 32767
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def within(text, version):
    first, last = versions(text)
    return first <= version <= last


class Kind:
    """How one type is read and written: a pair of functions, and the value of an absent field."""

    def __init__(self, read, write, default):
        self.read, self.write, self.default = read, write, default


def fixed_kind(layout):
    return Kind(lambda b: b.fixed(layout), lambda v: struct.pack(layout, v), 0)


def blob_kind(flexible, nullable, text, wide):
    """Strings (text) and bytes; `wide` has an int32 length in the plain encoding."""
    layout = ">i" if wide else ">h"

    def read(b):
        size = b.uvarint() - 1 if flexible else b.fixed(layout)
        if size < 0:
            if not nullable:
                raise Malformed("null where the shape forbids it")
            return None
        data = bytes(b.take(size))
        return data.decode() if text else data

    def write(value):
        if value is None:
            return b"\0" if flexible else struct.pack(layout, -1)
        data = value.encode() if text else bytes(value)
        return (uvarint(len(data) + 1) if flexible else struct.pack(layout, len(data))) + data

    return Kind(read, write, "" if text else b"")


def array_kind(element, flexible, nullable):
    def read(b):
        count = b.uvarint() - 1 if flexible else b.fixed(">i")
        if count < 0:
            if not nullable:
                raise Malformed("null array where the shape forbids it")
            return None
        if count > len(b.data) - b.at:
            raise Malformed(f"array of {count} elements")
        return [element.read(b) for _ in range(count)]

    def write(value):
        if value is None:
            return b"\0" if flexible else struct.pack(">i", -1)
        count = uvarint(len(value) + 1) if flexible else struct.pack(">i", len(value))
        return count + b"".join(element.write(v) for v in value)

    return Kind(read, write, [])


def nullable_struct_kind(inner):
    def read(b):
        return None if b.fixed(">b") < 0 else inner.read(b)

    def write(value):
        return b"\xff" if value is None else b"\x01" + inner.write(value)

    return Kind(read, write, inner.default)


def default_of(field, kind):
    if "default" not in field:
        return kind.default
    text = field["default"]
    if text == "null":
        return None
    if field["type"] == "bool":
        return text == "true"
    if field["type"] in FIXED:
        return float(text) if field["type"] == "float64" else int(text, 0)
    return text


class Structure:
    """The fields of one structure in one version: a Kind itself."""

    def __init__(self, fields, version, flexible, common, strict):
        self.version, self.flexible, self.strict = version, flexible, strict
        self.fields, self.tagged = [], {}
        self.names = set()
        for field in fields:
            if not within(field["versions"], version):
                continue
            self.names.add(field["name"])
            tagged = within(field.get("taggedVersions"), version)
            kind = self.kind_of(field, field["type"], common)
            kind = Kind(kind.read, kind.write, default_of(field, kind))
            if tagged:
                self.tagged[field["tag"]] = (field["name"], kind)
            else:
                self.fields.append((field["name"], kind))
        self.default = {}

    def kind_of(self, field, type_name, common):
        nullable = within(field.get("nullableVersions"), self.version)
        flexible = self.flexible
        if "flexibleVersions" in field:
            flexible = within(field["flexibleVersions"], self.version)
        if type_name.startswith("[]"):
            item = {k: v for k, v in field.items() if k != "nullableVersions"}
            element = self.kind_of(item, type_name[2:], common)
            return array_kind(element, flexible, nullable or not self.strict)
        if type_name in FIXED:
            return fixed_kind(FIXED[type_name])
        if type_name == "bool":
            return Kind(lambda b: b.fixed(">b") != 0, lambda v: b"\x01" if v else b"\0", False)
        if type_name == "uuid":
            return Kind(lambda b: b.take(16).hex(), bytes.fromhex, NO_UUID)
        if type_name in ("string", "bytes", "records"):
            is_text = type_name == "string"
            return blob_kind(flexible, nullable or not self.strict, is_text, not is_text)
        fields = field.get("fields") or common[type_name]
        inner = Structure(fields, self.version, self.flexible, common, self.strict)
        return nullable_struct_kind(inner) if nullable else inner

    def read(self, b):
        value = {name: kind.read(b) for name, kind in self.fields}
        if self.flexible:
            last = -1
            for _ in range(b.uvarint()):
                tag, size = b.uvarint(), b.uvarint()
                if tag <= last:
                    raise Malformed(f"tag {tag} after {last}")
                last = tag
                data = b.take(size)
                if tag not in self.tagged:
                    value.setdefault("_tags", {})[tag] = bytes(data)
                    continue
                name, kind = self.tagged[tag]
                inner = Bytes(data)
                value[name] = kind.read(inner)
                if inner.at != size:
                    raise Malformed(f"tag {tag} has bytes left over")
        return value

    def write(self, value):
        unknown = set(value) - self.names - {"_tags"}
        if unknown:
            raise KeyError(f"no such field in version {self.version}: {', '.join(sorted(unknown))}")
        out = [kind.write(value.get(name, kind.default)) for name, kind in self.fields]
        if self.flexible:
            tags = dict(value.get("_tags", {}))
            for tag, (name, kind) in self.tagged.items():
                if name in value:
                    tags[tag] = kind.write(value[name])
            out.append(uvarint(len(tags)))
            for tag in sorted(tags):
                out.append(uvarint(tag) + uvarint(len(tags[tag])) + tags[tag])
        return b"".join(out)


@cache
def shape(message):
    return json.loads((SHAPES / f"{message}.json").read_text())


@cache
def structure(message, version):
    s = shape(message)
    if not within(s["validVersions"], version):
        raise Malformed(f"{message} has no version {version}")
    common = {c["name"]: c["fields"] for c in s.get("commonStructs", [])}
    flexible = within(s["flexibleVersions"], version)
    return Structure(s["fields"], version, flexible, common, s["type"] != "request")


@cache
def api_names():
    """Name by API key, for all APIs of the shapes."""
    found = (json.loads(p.read_text()) for p in SHAPES.glob("*Request.json"))
    return {s["apiKey"]: s["name"].removesuffix("Request") for s in found if "apiKey" in s}


def api_key(api):
    return shape(f"{api}Request")["apiKey"]


def request_header(api, version):
    if api == "ControlledShutdown" and version == 0:
        return structure("RequestHeader", 0)
    return structure("RequestHeader", 2 if within(shape(f"{api}Request")["flexibleVersions"], version) else 1)


def response_header(api, version):
    flexible = api != "ApiVersions" and within(shape(f"{api}Request")["flexibleVersions"], version)
    return structure("ResponseHeader", 1 if flexible else 0)


def encode_request(api, version, correlation, body, client="diff", header=None):
    """Header and body, without the size in front."""
    head = {
        "RequestApiKey": api_key(api), "RequestApiVersion": version,
        "CorrelationId": correlation, "ClientId": client, **(header or {}),
    }  # fmt: skip
    return request_header(api, version).write(head) + structure(f"{api}Request", version).write(body)


def decode_request(data):
    """(api, version, header, body, bytes left over)."""
    key, version = struct.unpack(">hh", data[:4])
    api = api_names()[key]
    b = Bytes(data)
    header = request_header(api, version).read(b)
    body = structure(f"{api}Request", version).read(b)
    return api, version, header, body, b.rest()


def encode_response(api, version, header, body):
    return response_header(api, version).write(header) + structure(f"{api}Response", version).write(body)


def decode_response(api, version, data):
    """(header, body, bytes left over)."""
    b = Bytes(data)
    header = response_header(api, version).read(b)
    body = structure(f"{api}Response", version).read(b)
    return header, body, b.rest()
