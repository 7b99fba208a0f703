"""The recorded answers of a real Kafka (tests/reference/recorded), by scenario."""

import json
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "reference" / "recorded" / "recorded.jsonl"


class Step:
    """One line: what was sent, and what came back."""

    def __init__(self, line):
        self.scenario, self.name = line["name"].split(": ", 1)
        self.api, self.version = line["api"], line["version"]
        self.request = bytes.fromhex(line["request"])
        self.correlation = int.from_bytes(self.request[4:8], "big")
        self.preparation = self.name.startswith("(preparation")
        # None for a preparation whose answer was cut, "closed", "no answer", or the bytes.
        self.response = line.get("response")
        if self.response not in (None, "", "closed", "no answer"):
            self.response = bytes.fromhex(self.response)
        self.response = self.response or None
        self.decoded = line["decoded"]

    @property
    def answered(self):
        return isinstance(self.response, bytes)

    def __str__(self):
        return f"{self.scenario}: {self.name}"


def scenarios():
    """All scenarios by name, in the order recorded."""
    found = {}
    with RECORDED.open() as lines:
        for line in lines:
            step = Step(json.loads(line))
            found.setdefault(step.scenario, []).append(step)
    return found
