"""The command line as people call it, and what must come of it."""

import json
import subprocess

from broker import BINARY, ENVIRONMENT, SANITIZER_FACTOR

DONE, FAILED, WRONG_USE = 0, 1, 2


def fulmar(*words, server, stdin=None, timeout=20):
    return subprocess.run(
        [str(BINARY), *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout * SANITIZER_FACTOR,
        env={**ENVIRONMENT, "FULMAR_SERVER": server},
        check=False,
    )


def lines_of_json(ran):
    assert ran.returncode == DONE, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def expect_failure(ran, text):
    assert ran.returncode == FAILED, ran.stdout
    assert text in ran.stderr
    assert ran.stdout == ""
