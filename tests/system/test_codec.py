"""The codec against recorded bytes: what it decodes, it encodes to the same bytes again."""

import json

import codec
import pytest
import recorded

SCENARIOS = recorded.scenarios()
APIS = sorted({step.api for steps in SCENARIOS.values() for step in steps})


def steps_of(api):
    # The requests of frames-x are malformed on purpose.
    return [s for name, steps in SCENARIOS.items() if name != "frames-x" for s in steps if s.api == api]


def plain(value):
    """As the recording writes it: bytes as hex, and without tags that the shape does not know."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k != "_tags"}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.hex() if isinstance(value, bytes) else value


@pytest.mark.parametrize("api", APIS)
def test_requests_encode_to_the_recorded_bytes(api):
    for step in steps_of(api):
        name, version, header, body, rest = codec.decode_request(step.request)
        assert (name, version) == (api, step.version), step
        again = codec.encode_request(api, version, header["CorrelationId"], body, header["ClientId"])
        assert again + rest == step.request, step


@pytest.mark.parametrize("api", APIS)
def test_answers_encode_to_the_recorded_bytes_and_mean_what_was_recorded(api):
    for step in steps_of(api):
        if not step.answered:
            continue
        header, body, rest = codec.decode_response(api, step.version, step.response)
        assert not rest, step
        assert header["CorrelationId"] == step.correlation, step
        assert codec.encode_response(api, step.version, header, body) == step.response, step
        assert plain(body) == step.decoded, step


def test_messages_of_groups_encode_to_the_bytes_that_kafka_makes():
    messages = json.loads((codec.SHAPES.parent / "kafka-bytes.json").read_text())["messages"]
    for message in messages:
        name, version, data = message["message"], message["version"], bytes.fromhex(message["bytes"])
        prefix = b"" if name.endswith("Response") else data[:2]
        number = codec.shape(name)["apiKey"] if name.endswith("Key") else version
        assert not prefix or prefix == number.to_bytes(2, "big"), message
        b = codec.Bytes(data[len(prefix) :])
        body = codec.structure(name, version).read(b)
        assert not b.rest() and plain(body) == message["values"], message
        assert prefix + codec.structure(name, version).write(body) == data, message


def test_truncated_messages_are_malformed():
    step = next(s for s in steps_of("Produce") if s.version == 9)
    for length in range(8, len(step.request)):
        with pytest.raises(codec.Malformed):
            codec.decode_request(step.request[:length])
