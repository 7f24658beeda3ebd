"""Every run of the local GitHub: starts them, applies what runners say, and announces each change."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from controller.local.github.account import WEB, Repository
from controller.local.github.attempts import Attempt, check_current, check_rerun, failed
from controller.local.github.expressions import Value
from controller.local.github.job import Job, RunnerRef, Status
from controller.local.github.payloads import RunFacts
from controller.local.github.scheduler import Change, Ending, Run
from controller.local.github.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Entry:
    """A run with what the outside must know about it."""

    run: Run
    repository: Repository
    number: int
    event: str
    actor: str
    created_at: datetime

    def facts(self, attempt: Attempt | None = None) -> RunFacts:
        """The run as GitHub prints it, of its latest attempt unless another is asked for."""
        told = attempt or self.run.latest
        return RunFacts(
            id=self.run.id,
            number=self.number,
            attempt=told.number,
            workflow_name=self.run.workflow.name,
            path=f".github/workflows/{self.run.workflow.file}",
            event=self.event,
            head_branch=self.repository.default_branch,
            head_sha=str(self.run.github["sha"]),
            status=told.status,
            conclusion=told.conclusion,
            created_at=self.created_at,
            started_at=told.started_at,
            updated_at=told.moved_at,
        )


Listener = Callable[[Entry, Change], None]


class Runbook:
    """All runs, under one lock; listeners hear each change in order and must not block."""

    def __init__(
        self, actor: str, clock: Callable[[], datetime], lock: threading.RLock, protected: Collection[str] = ()
    ) -> None:
        self._actor = actor
        self._protected = protected
        self._clock = clock
        self._lock = lock
        self._entries: dict[int, Entry] = {}
        self._home: dict[int, int] = {}
        """The run of each job."""
        self._listeners: list[Listener] = []
        # Above 2**31, as GitHub's have been for years: nobody may keep them in 32 bits.
        self._run_ids = itertools.count(17_902_347_651, 1_283)
        self._job_ids = itertools.count(51_034_228_417, 379)

    def listen(self, listener: Listener) -> None:
        """Have a listener told each change."""
        self._listeners.append(listener)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every run, oldest first."""
        with self._lock:
            return tuple(self._entries.values())

    def find(self, run_id: int) -> Entry | None:
        """The run of an id."""
        with self._lock:
            return self._entries.get(run_id)

    def home(self, job_id: int) -> Entry | None:
        """The run a job belongs to."""
        with self._lock:
            return self._entries.get(self._home.get(job_id, -1))

    def head(self, repository: str) -> str:
        """The newest commit of a repository that a run was started for; empty when there is none."""
        with self._lock:
            runs = [each.run for each in self._entries.values() if each.repository.full_name == repository]
            return str(runs[-1].github["sha"]) if runs else ""

    def queued(self) -> list[tuple[Entry, Job]]:
        """Every job that waits for a runner, oldest first."""
        waiting = [
            (entry, job) for entry in self._entries.values() for job in entry.run.jobs if job.status is Status.QUEUED
        ]
        return sorted(waiting, key=lambda each: each[1].queued_at)

    def submit(self, workflow: Workflow, repository: Repository) -> Entry:
        """Start a run of a workflow."""
        with self._lock:
            run_id, now = next(self._run_ids), self._clock()
            number = sum(each.run.workflow.file == workflow.file for each in self._entries.values()) + 1
            event = "push" if "push" in workflow.events else workflow.events[0]
            sha = hashlib.sha1(f"{workflow.file} {number}".encode(), usedforsecurity=False).hexdigest()
            github = self._github(workflow, repository, run_id, number, event, sha)
            run = Run(workflow, github, self._take_job_id, self._protected)
            entry = self._entries[run_id] = Entry(run, repository, number, event, self._actor, now)
            self._announce(entry, run.start(now))
            return entry

    def begin(self, entry: Entry, job_id: int, runner: RunnerRef) -> None:
        """A runner has taken a job."""
        with self._lock:
            self._announce(entry, entry.run.begin(job_id, runner, self._clock()))

    def finish(self, entry: Entry, job_id: int, ending: Ending) -> None:
        """A job has ended."""
        with self._lock:
            self._announce(entry, entry.run.finish(job_id, ending, self._clock()))

    def cancel(self, entry: Entry, note: str) -> None:
        """Cancel a run."""
        with self._lock:
            self._announce(entry, entry.run.cancel(self._clock(), note))

    def cancel_job(self, entry: Entry, job_id: int, note: str) -> None:
        """Cancel one job of a run."""
        with self._lock:
            self._announce(entry, entry.run.cancel_job(job_id, self._clock(), note))

    def rerun(self, entry: Entry) -> None:
        """Run everything again; raises `RerunRefused`."""
        with self._lock:
            self._rerun(entry, {job.id for job in entry.run.jobs})

    def rerun_failed(self, entry: Entry) -> None:
        """Run again what failed or was cancelled; raises `RerunRefused`."""
        with self._lock:
            check_rerun(entry.run.latest, entry.created_at, self._clock())
            self._rerun(entry, failed(entry.run.jobs))

    def rerun_job(self, entry: Entry, job_id: int) -> None:
        """Run one job again; raises `RerunRefused`."""
        with self._lock:
            check_current(entry.run.latest, job_id)
            self._rerun(entry, {job_id})

    def approve(self, entry: Entry, environments: Collection[str], *, approved: bool) -> None:
        """Decide about the jobs that wait for these environments."""
        with self._lock:
            self._announce(entry, entry.run.approve(environments, self._clock(), approved=approved))

    def _rerun(self, entry: Entry, chosen: Collection[int]) -> None:
        now = self._clock()
        check_rerun(entry.run.latest, entry.created_at, now)
        self._announce(entry, entry.run.rerun(chosen, now))

    def _announce(self, entry: Entry, changes: Iterable[Change]) -> None:
        for change in changes:
            self._home[change.job.id] = entry.run.id
            for listener in self._listeners:
                listener(entry, change)

    def _take_job_id(self) -> int:
        return next(self._job_ids)

    def _github(
        self, workflow: Workflow, repository: Repository, run_id: int, number: int, event: str, sha: str
    ) -> dict[str, Value]:
        return {
            "event_name": event,
            "event": {"ref": f"refs/heads/{repository.default_branch}", "repository": _brief(repository)},
            "sha": sha,
            "ref": f"refs/heads/{repository.default_branch}",
            "ref_name": repository.default_branch,
            "ref_type": "branch",
            "head_ref": "",
            "base_ref": "",
            "repository": repository.full_name,
            "repository_id": str(repository.id),
            "repository_owner": repository.organisation.login,
            "run_id": str(run_id),
            "run_number": str(number),
            "actor": self._actor,
            "triggering_actor": self._actor,
            "workflow": workflow.name,
            "server_url": WEB,
        }


def _brief(repository: Repository) -> dict[str, Value]:
    return {
        "id": repository.id,
        "name": repository.name,
        "full_name": repository.full_name,
        "default_branch": repository.default_branch,
        "private": repository.private,
    }
