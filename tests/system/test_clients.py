"""What each client produces, with each codec, every client consumes: bytes, headers, order and timestamps."""

import random
import subprocess
import time

import pytest
import records
from broker import SANITIZER_FACTOR, Broker
from clients import CLIENTS, Message
from records import CODECS

FIRST = 1_700_000_000_000
NOW_TOLERANCE_MS = 120_000 * min(SANITIZER_FACTOR, 5)
PAIRS = [(producer, codec) for producer in CLIENTS for codec in CODECS]


def topic_of(producer, codec):
    return f"from-{producer}-{codec}"


def messages_for(client, seed):
    """One of each sort, spread over the partitions. kcat is told keys and headers as text."""
    rng = random.Random(seed)
    text = not client.sets_timestamps
    sorts = [
        (b"key", b"value", ()),
        (None, b"no key", ()),
        (b"key", b"binary \x00\n\t\xff value", ()),
        (b"key" if text else b"\x00\xff", b"a key of any bytes", ()),
        (b"gone", None, ()),
        (b"empty", b"", ()),
        (b"key", b"with headers", (("trace", b"abc"), ("none", None), ("trace", b"again"), ("blank", b""))),
        (None if text else b"", b"an empty key, where it can be told", ()),
        (b"large", rng.randbytes(500_000) + b"x" * 500_000, ()),
        (b"key", "Größe ✓".encode(), (("ключ", "значение".encode()),)),
        (b"last", b"after the large one", ()),
    ]
    made = []
    for n, (key, value, headers) in enumerate(sorts):
        stamp = FIRST + 10 * n if client.sets_timestamps else None
        made.append(Message(n % client.partitions, key, value, headers, stamp))
    return made


@pytest.fixture(scope="module")
def broker():
    with Broker() as running:
        yield running


@pytest.fixture(scope="module")
def produced(broker):
    """The messages of each topic, or what went wrong with it."""
    found = {}
    for name, codec in PAIRS:
        client, topic = CLIENTS[name](broker.address), topic_of(name, codec)
        messages = messages_for(client, topic)
        try:
            client.create(topic)
            client.produce(topic, codec, messages)
            found[topic] = messages
        except Exception as e:  # told by the tests of this topic
            found[topic] = e
    return found


@pytest.fixture(scope="module")
def consumed(broker, produced):
    """By client: all topics that could be produced, as that client reads them."""
    topics = [t for t, messages in produced.items() if isinstance(messages, list)]
    done = {}

    def by(name):
        if name not in done:
            try:
                done[name] = CLIENTS[name](broker.address).consume(topics)
            except Exception as e:
                done[name] = e
        return done[name]

    return by


@pytest.mark.parametrize("consumer", CLIENTS)
@pytest.mark.parametrize(("producer", "codec"), PAIRS)
def test_consumed_as_produced(produced, consumed, producer, codec, consumer):
    sent = produced[topic_of(producer, codec)]
    if isinstance(sent, Exception):
        raise sent
    seen = consumed(consumer)
    if isinstance(seen, Exception):
        raise seen
    seen = seen[topic_of(producer, codec)]
    for partition in range(CLIENTS[producer].partitions):
        wanted = [m for m in sent if m.partition == partition]
        got = [m for m in seen if m.partition == partition]
        assert [m.offset for m in got] == list(range(len(wanted)))
        for want, have in zip(wanted, got, strict=True):
            assert have.key == want.key
            assert have.value == want.value
            assert have.headers == want.headers
            if want.timestamp is None:
                assert abs(have.timestamp - time.time() * 1000) < NOW_TOLERANCE_MS
            else:
                assert have.timestamp == want.timestamp


@pytest.mark.parametrize(("producer", "codec"), PAIRS)
def test_the_clients_agree(produced, consumed, producer, codec):
    """Also on what they were not told, as the timestamps of kcat's messages."""
    if isinstance(produced[topic_of(producer, codec)], Exception):
        raise produced[topic_of(producer, codec)]
    seen = []
    for name in CLIENTS:
        if isinstance(consumed(name), Exception):
            raise consumed(name)
        seen.append(sorted(consumed(name)[topic_of(producer, codec)], key=lambda m: (m.partition, m.offset)))
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize(("producer", "codec"), PAIRS)
def test_the_codec_asked_for_is_the_one_stored(broker, produced, producer, codec):
    if isinstance(produced[topic_of(producer, codec)], Exception):
        raise produced[topic_of(producer, codec)]
    with broker.connect() as c:
        batches = records.verified(c.fetch(topic_of(producer, codec), 0, 0, max_bytes=20 << 20)["Records"])
    stored = {CODECS[b.codec] for b in batches}
    # librdkafka sends a batch uncompressed where compressing would make it larger.
    assert codec in stored and stored <= {codec, "none"}


def test_pipelined_produces_keep_their_order_in_every_partition(broker):
    """Five requests of one idempotent producer, sent at once, each naming the partitions in another order."""
    partitions, requests = 4, 5
    with broker.connect() as c:
        c.create_topic("pipelined", partitions)
        body = {"TransactionalId": None, "TransactionTimeoutMs": 1000}
        producer = c.call("InitProducerId", 4, body)["ProducerId"]
        sent = []
        for n in range(requests):
            batch = records.values_batch(b"%d" % n, producer_id=producer, producer_epoch=0, base_sequence=n)
            order = [(n + i) % partitions for i in range(partitions)]
            topic = {"Name": "pipelined", "PartitionData": [{"Index": p, "Records": batch} for p in order]}
            sent.append(c.send("Produce", 9, {"Acks": -1, "TimeoutMs": 30000, "TopicData": [topic]}))
        for n, correlation in enumerate(sent):
            (topic,) = c.receive("Produce", 9, correlation)["Responses"]
            for part in topic["PartitionResponses"]:
                assert (part["ErrorCode"], part["BaseOffset"]) == (0, n), (n, part)


def test_a_transactional_producer_is_refused_at_once(broker):
    """librdkafka takes one error for final, in the version that it asks in; Java's clients show the text of any."""
    with broker.connect() as c:
        answer = c.call("FindCoordinator", 2, {"Key": "x", "KeyType": 1})
        assert (answer["ErrorCode"], answer["ErrorMessage"]) == (53, "This broker serves no transactions.")
        (answer,) = c.call("FindCoordinator", 4, {"KeyType": 1, "CoordinatorKeys": ["x"]})["Coordinators"]
        assert (answer["ErrorCode"], answer["ErrorMessage"]) == (42, "This broker serves no transactions.")
    command = ["kcat", "-b", broker.address, "-X", "transactional.id=x", "-t", "refused", "-P"]
    begun = time.monotonic()
    done = subprocess.run(command, input=b"x", capture_output=True, timeout=60, check=False)
    assert time.monotonic() - begun < 5 * SANITIZER_FACTOR
    assert done.returncode != 0 and b"This broker serves no transactions." in done.stderr
