"""Starts, stops and kills a real Fulmar on a loopback port with a data directory of its own."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from connection import Connection

ROOT = Path(__file__).parents[2]
BINARY = Path(os.environ.get("TESTED_BINARY", ROOT / "build/release/fulmar")).resolve()
# For commands that talk to a broker. ThreadSanitizer does not know of librdkafka's threads, which are C11's.
CLIENT_BINARY = Path(os.environ.get("TESTED_CLIENT", BINARY)).resolve()
# A binary built with a sanitizer is slower and larger; limits of time and memory are wider for it.
SANITIZER_FACTOR = 20 if os.environ.get("TESTED_SANITIZERS") else 1
# To the broker itself such variables would be settings.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FULMAR_")}
STOP_SECONDS_MAX = 2 * SANITIZER_FACTOR


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    """A broker process. Used in a `with`: it is up on entry, and on leaving stopped with exit code 0."""

    def __init__(self, data=None, prefix=(), metrics=None, settings=None):
        self.scratch = None if data else tempfile.TemporaryDirectory(prefix="fulmar-")
        self.data = Path(data) if data else Path(self.scratch.name) / "data"
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = Path(tempfile.mkstemp(prefix="fulmar-log-")[1])
        self.prefix = list(prefix)
        self.settings = settings or {}  # by name, as text
        self.metrics = metrics  # Where to serve them; nowhere, so that brokers of other tests may run beside.
        self.process = None
        self.first_answer_seconds = None

    def command(self):
        return [
            str(BINARY), "serve", "--listen", self.address, "--data", str(self.data),
            "--set", f"metrics.listen={self.metrics or ''}",
            *(word for name, value in self.settings.items() for word in ("--set", f"{name}={value}")),
        ]  # fmt: skip

    def start(self, timeout=10 * SANITIZER_FACTOR):
        begin = time.monotonic()
        with self.log.open("ab") as log:
            command = self.prefix + self.command()
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=ENVIRONMENT
            )
        while True:
            try:
                with Connection(self.port, timeout=5) as c:
                    c.call("ApiVersions", 0)
                self.first_answer_seconds = time.monotonic() - begin
                return self
            except OSError:
                assert self.process.poll() is None, (
                    f"the broker ended: {self.process.returncode}\n{self.output()}"
                )
                assert time.monotonic() < begin + timeout, f"no answer in {timeout} s\n{self.output()}"
                time.sleep(0.002)

    @property
    def pid(self):
        """Of the broker itself, also when a tool was put before it."""
        if not self.prefix:
            return self.process.pid
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def connect(self, timeout=10):
        return Connection(self.port, timeout=timeout)

    def output(self):
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self):
        """SIGTERM: the broker must be gone with exit code 0 in two seconds."""
        begin = time.monotonic()
        assert self.process.poll() is None, f"it ended before: {self.process.returncode}\n{self.output()}"
        os.kill(self.pid, signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS_MAX + 3)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(
                f"still running {STOP_SECONDS_MAX + 3} s after SIGTERM\n{self.output()}"
            ) from None
        took = time.monotonic() - begin
        assert code == 0, f"exit code {code}\n{self.output()}"
        assert took < STOP_SECONDS_MAX, f"stopping took {took:.2f} s"
        return took

    def kill9(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def memory_bytes(self, name):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) * 1024

    def cpu_seconds(self):
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        return self.memory_bytes("VmRSS")

    def peak_rss_bytes(self):
        """Since the start, or the last forget_peak."""
        return self.memory_bytes("VmHWM")

    def forget_peak(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.cleanup()
            raise

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
        finally:
            self.cleanup()

    def cleanup(self):
        if self.process and self.process.poll() is None:
            self.kill9()
        self.log.unlink(missing_ok=True)
        if self.scratch:
            self.scratch.cleanup()
