"""Turns what the listener prints into typed events; what a job prints can never look like one.

The listener's own lines come bare or with the prefix `[RUNNER `; lines of its worker, which a job
can influence, always with `[WORKER `. With its log on stdout each message comes twice.
"""

from __future__ import annotations

import re
from enum import StrEnum

from runner_agent.contract.record import Record


class Heard(StrEnum):
    """The things a listener says that change what the agent does."""

    CONNECTED = "connected"
    VERSION = "version"
    LISTENING = "listening"
    ASSIGNED = "assigned"
    SKIPPED = "skipped"
    WORKER = "worker"
    RUNNING = "running"
    COMPLETED = "completed"
    FINISH_REQUEST = "finish_request"
    WORKER_EXIT = "worker_exit"
    REMOVED = "removed"
    REGISTRATION_DELETED = "registration_deleted"
    CONFLICT = "conflict"
    CLOCK_SKEW = "clock_skew"
    NETWORK_DOWN = "network_down"
    NETWORK_UP = "network_up"
    UPDATING = "updating"
    DISK_FULL = "disk_full"
    NO_ICU = "no_icu"


class Said(Record):
    """One event, with the name, result or number that the line carried."""

    what: Heard
    detail: str = ""


_STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ: "
_RESULTS = "Succeeded|SucceededWithIssues|Failed|Canceled|Skipped|Abandoned"
# Display names may hold anything, also the other line's words: both are anchored at head and tail.
_RUNNING = re.compile(rf"(?:{_STAMP})?Running job: (.*)", re.DOTALL)
_COMPLETED = re.compile(rf"(?:{_STAMP})?Job (.*) completed with result: ({_RESULTS})", re.DOTALL)
_PREFIX = re.compile(r"\[RUNNER [^\]]*\]\s*")
_WRITE_LINE = "WRITE LINE: "

_DETAILED = (
    (Heard.FINISH_REQUEST, re.compile(rf"finish job request for job \S+ with result: ({_RESULTS})")),
    (Heard.WORKER_EXIT, re.compile(r"Worker finished for job \S+?\.? Code: (-?\d+)")),
    (Heard.VERSION, re.compile(r"Current runner version: '([^']*)'")),
)
# Only the listener's own sentences; those that hold a job's words are anchored above.
_PLAIN = (
    (Heard.CONNECTED, "Connected to GitHub"),
    (Heard.LISTENING, "Listening for Jobs"),
    (Heard.ASSIGNED, "Acknowledging runner request"),
    (Heard.SKIPPED, "Skipping message Job."),
    (Heard.WORKER, "StartingWorkerProcess"),
    (Heard.REMOVED, "The runner no longer exists on the server. Cleaning up local configuration."),
    (Heard.REGISTRATION_DELETED, "Failed to create a session. The runner registration has been deleted"),
    (Heard.CONFLICT, "A session for this runner already exists."),
    (Heard.CLOCK_SKEW, "The local machine's clock may be out of sync"),
    (Heard.NETWORK_DOWN, "Retrying until reconnected."),
    (Heard.NETWORK_UP, "Runner reconnected."),
    (Heard.UPDATING, "Runner update in progress"),
    (Heard.UPDATING, "Runner will exit shortly for update"),
    (Heard.DISK_FULL, "No space left on device"),
    (Heard.NO_ICU, "Couldn't find a valid ICU package"),
)
_JOB_REQUEST = re.compile(r"Job request \d+ for plan \S+ job \S+ received\.")


class Parser:
    """Reads lines one by one and forgets what the next copy of the same message repeats."""

    def __init__(self) -> None:
        self._last: Said | None = None

    def read(self, line: str) -> Said | None:
        """The event in a line, or None: nothing of interest, or already said by the line before."""
        said = _event(line)
        if said is None:
            return None
        repeated = said == self._last
        self._last = said
        return None if repeated else said


def _event(line: str) -> Said | None:
    text = _own_text(line.rstrip("\r\n"))
    if text is None:
        return None
    return _job_line(text) or _diagnostic(text)


def _own_text(line: str) -> str | None:
    """The listener's own words in a line; None for the worker's, and for any other prefix."""
    if not line.startswith("["):
        return line
    prefix = _PREFIX.match(line)
    return line[prefix.end() :].removeprefix(_WRITE_LINE) if prefix else None


def _job_line(text: str) -> Said | None:
    if match := _COMPLETED.fullmatch(text):
        return Said(Heard.COMPLETED, match[2])
    if match := _RUNNING.fullmatch(text):
        return Said(Heard.RUNNING, match[1])
    return None


def _diagnostic(text: str) -> Said | None:
    for what, pattern in _DETAILED:
        if match := pattern.search(text):
            return Said(what, match[1])
    if _JOB_REQUEST.search(text):
        return Said(Heard.ASSIGNED)
    for what, token in _PLAIN:
        if token in text:
            return Said(what)
    return None
