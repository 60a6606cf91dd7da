"""A run of `swift test`: its events as they come, and its end. Swift Testing writes them as JSON lines, unbuffered."""

import json
import os
import re
import signal
import time
from collections import defaultdict
from pathlib import Path

WIDTH = max(4, 2 * (os.cpu_count() or 1))


def arguments(events, *more):
    """`swift test` of what is built, with its events in a file."""
    return [
        "swift", "test", "--skip-build", "--disable-xctest", "--event-stream-output-path", str(events),
        "--event-stream-version", "6.3", "--experimental-maximum-parallelization-width", str(WIDTH), *more,
    ]


def plain(test):
    """`Room.Suite/test` of a test's id, without where it stands in the source."""
    return re.sub(r"/[^/]+\.swift:\d+:\d+$", "", test).replace("`", "")


class Events:
    """What the file of events tells so far.

    A test without arguments is announced when it gets in line, not when it begins: it begins when its turn comes, in the
    order of the line, while fewer than `WIDTH` run.
    """

    def __init__(self, path):
        self.path = path
        self.took = defaultdict(float)
        self.issues = []
        self.ended = set()
        self._tests = {}
        self._waiting = []
        self._begun = defaultdict(list)
        self._read = 0

    def update(self):
        """Reads what is new. Answers the issues among it."""
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self._read)
            piece = file.read()
        piece = piece[: piece.rfind(b"\n") + 1]
        self._read += len(piece)
        before = len(self.issues)
        for line in piece.splitlines():
            record = json.loads(line)
            if record["kind"] == "test":
                self._tests[record["payload"]["id"]] = record["payload"]
            elif record["kind"] == "event":
                self._take(record["payload"])
        return self.issues[before:]

    def _take(self, event):
        kind, test = event["kind"], event.get("testID", "")
        moment = event["instant"]["absolute"]
        about = self._tests.get(test, {})
        if kind == "testStarted" and about.get("kind") == "function" and not about.get("isParameterized"):
            self._waiting.append(test)
        elif kind == "testCaseStarted":
            self._begun[test].append(moment)
        elif kind == "testCaseEnded":
            self._end(test, moment)
        elif kind == "testEnded" and about.get("kind") == "function":
            self.ended.add(test)
            self._end(test, moment)
        elif kind == "issueRecorded" and event["issue"].get("isFailure") and not event["issue"].get("isKnown"):
            self.issues.append(Issue(test, event))
        while self._waiting and len(self.running) < WIDTH:
            self._begun[self._waiting.pop(0)].append(moment)

    def _end(self, test, moment):
        if test in self._waiting:
            self._waiting.remove(test)
        elif self._begun[test]:
            self.took[test] += moment - self._begun[test].pop(0)

    @property
    def running(self):
        return [test for test, begun in self._begun.items() for _ in begun]

    @property
    def failed(self):
        return sorted({plain(issue.test) for issue in self.issues})


class Issue:
    def __init__(self, test, event):
        place = event["issue"].get("sourceLocation") or event["issue"].get("_sourceLocation") or {}
        self.test = test
        self.place = f'{place.get("fileID", "")}:{place.get("line", "")}'
        self.texts = [message["text"] for message in event["messages"]]

    def __str__(self):
        told = "\n".join(f"    {line}" for text in self.texts for line in text.split("\n"))
        return f"✘ {plain(self.test)} ({self.place})\n{told}"


def end(process):
    """Ends a process that leads a session, and everything in it: the test process is in a group of its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        members = session(process.pid)
        for member in members:
            try:
                os.kill(member, number)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            process.poll()
            if not session(process.pid):
                return
            time.sleep(0.1)


def session(leader):
    """The living processes of a session."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found
