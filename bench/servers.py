"""What the measuring scripts share: servers of their own, in fresh directories, stopped by their process ids."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build/bench"
FULMAR = ROOT / "build/release/fulmar"
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


def build(*targets):
    WORK.mkdir(parents=True, exist_ok=True)
    subprocess.run([ROOT / "tools/build", "release", "fulmar", *targets], check=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def first_answer(port, process, request):
    """Waits until the server listens, and answers `request` if one is given."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"the server ended with {process.returncode}: {process.args}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                if request:
                    s.sendall(request)
                    if len(s.recv(4)) < 4:
                        raise ConnectionError
                return
        except OSError:
            time.sleep(0.0005)
    sys.exit(f"no answer on port {port}: {process.args}")


@contextlib.contextmanager
def serving(command, port, request, cpu=None):
    """A server, on one core if that is given; gives its process and the seconds to its first answer, and stops it in
    the end."""
    started = time.monotonic()
    pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
    process = subprocess.Popen([*pinned, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        first_answer(port, process, request)
        yield process, time.monotonic() - started
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def fresh_folder():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="data-", dir=WORK))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.sync()  # So that its write-back does not fall into the next turn.


def touch_memory():
    """Brings all memory into use once, as page cache: reading a hole of a file takes a page for each of its own."""
    available = int(pathlib.Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) * 1024
    with tempfile.TemporaryFile(dir=WORK) as hole:
        hole.truncate(available)
        buffer = bytearray(1 << 20)
        for mib in range(available >> 20):
            if mib % 256 == 0:
                print(f"\rtouching memory: {mib >> 10} of {available >> 30} GiB  ", end="", file=sys.stderr)
            hole.readinto(buffer)
    print("\r" + " " * 50 + "\r", end="", file=sys.stderr)


def fulmar_command(port, folder, *options):
    return [FULMAR, "serve", "--listen", f"127.0.0.1:{port}", "--data", folder, "--set", "metrics.listen=", *options]


def cpu_seconds(pid):
    """User and system time of all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def client_line(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)
