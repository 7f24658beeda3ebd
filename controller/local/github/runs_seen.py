"""Which runs a REST call can see, and the lock they must not move under."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time

from controller.local.github.api import Answer
from controller.local.github.payloads import Place
from controller.local.github.runbook import Entry, Runbook
from controller.local.github.web import Request, Response


class RunsSeen:
    """The runs of the repository that a call names."""

    def __init__(self, runbook: Runbook, place_of: Callable[[Entry], Place], lock: threading.RLock) -> None:
        self.runbook = runbook
        self.place_of = place_of
        self._lock = lock

    def locked(self, answer: Answer) -> Answer:
        """A run must not move while it is printed."""

        def handler(request: Request) -> Response:
            with self._lock:
                return answer(request)

        return handler

    def visible(self, request: Request) -> list[Entry]:
        """Every run of the repository, oldest first."""
        name = f"{request.params['owner']}/{request.params['repo']}".lower()
        return [entry for entry in self.runbook.entries if entry.repository.full_name.lower() == name]

    def run(self, request: Request) -> Entry | None:
        """The run that the call names."""
        return next((each for each in self.visible(request) if str(each.run.id) == request.params["run_id"]), None)

    def home(self, request: Request) -> Entry | None:
        """The run of the job that the call names."""
        job_id = request.params["job_id"]
        entry = self.runbook.home(int(job_id)) if job_id.isdecimal() else None
        return entry if entry in self.visible(request) else None


def created_within(entry: Entry, query: Mapping[str, str]) -> bool:
    """Whether a run was created when the query's `created` says: `>=then`, `<then`, `then..then`; a day or a moment."""
    wanted, moment = query.get("created", "*..*"), entry.created_at.replace(microsecond=0)
    if ".." in wanted:
        first, _, last = wanted.partition("..")
        return (first == "*" or moment >= _start(first)) and (last == "*" or moment <= _end(last))
    text = wanted.lstrip("<>=")
    first_moment, last_moment = _start(text), _end(text)
    compared = {
        ">=": moment >= first_moment,
        ">": moment > last_moment,
        "<=": moment <= last_moment,
        "<": moment < first_moment,
    }
    return compared.get(wanted.removesuffix(text), first_moment <= moment <= last_moment)


def _start(text: str) -> datetime:
    """A moment, or the first one of a day."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _end(text: str) -> datetime:
    """A moment, or the last one of a day."""
    moment = _start(text)
    return moment if "T" in text else datetime.combine(moment.date(), time.max, UTC)
