"""What the group members written in Python share: their arguments, and what they print. See members.py."""

import signal
import sys
import time


class Arguments:
    """NAME=VALUE words; what is not there is the empty text."""

    def __init__(self):
        self.words = dict(word.split("=", 1) for word in sys.argv[1:])

    def __getattr__(self, name):
        return self.words.get(name, "")


class Running:
    """True until SIGTERM."""

    def __init__(self):
        self.running = True
        signal.signal(signal.SIGTERM, self.end)

    def end(self, *_):
        self.running = False

    def __bool__(self):
        return self.running


def say(*words):
    # Whole lines only: the process may be killed at any moment.
    sys.stdout.write(f"{time.time_ns() // 1000} {' '.join(map(str, words))}\n")
    sys.stdout.flush()


def wait_if_held(arguments):
    if arguments.held:
        say("ready")
        sys.stdin.readline()


def say_message(topic, partition, offset, key, value):
    say("message", topic, partition, offset, "-" if key is None else key.decode(), value.decode())


def say_error(doing, error):
    say("error", doing, " ".join(repr(error).split()))


class Printed:
    """How far each partition was printed, and what of that is still to be committed."""

    def __init__(self, commit_every):
        self.commit_every = int(commit_every)
        self.next = {}  # by (topic, partition)
        self.count = 0

    def add(self, topic, partition, offset):
        self.next[topic, partition] = offset + 1
        self.count += 1

    @property
    def due(self):
        return self.count >= self.commit_every

    def committed(self):
        say("committed", *(f"{topic}-{partition}={offset}" for (topic, partition), offset in self.next.items()))
        self.next.clear()
        self.count = 0

    def forget(self, partitions):
        """These are another's now. What a commit has failed for of the others stays to be committed."""
        for one in partitions:
            self.next.pop((one.topic, one.partition), None)
