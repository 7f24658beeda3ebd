"""How a local GitHub looks from outside at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.local.github.job import Conclusion, Job, Status
from controller.local.github.registry import Runner
from controller.local.github.runbook import Entry


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment."""

    id: int
    number: int
    attempt: int
    file: str
    name: str
    repository: str
    status: Status
    conclusion: Conclusion | None
    created_at: datetime
    jobs: tuple[Job, ...]
    """Of the latest attempt."""
    history: tuple[Job, ...]
    """Of every attempt, oldest first."""


@dataclass(frozen=True, slots=True)
class RunnerView:
    """A registered runner at one moment."""

    id: int
    name: str
    labels: tuple[str, ...]
    scope: str
    online: bool
    job_id: int | None
    registered_at: datetime


def view_of(entry: Entry) -> RunView:
    """A run as it is now; callers hold the lock."""
    run = entry.run
    return RunView(
        id=run.id,
        number=entry.number,
        attempt=run.attempt,
        file=run.workflow.file,
        name=run.workflow.name,
        repository=entry.repository.full_name,
        status=run.status,
        conclusion=run.conclusion,
        created_at=entry.created_at,
        jobs=run.jobs,
        history=tuple(job for attempt in run.attempts for job in attempt.jobs),
    )


def runner_view_of(runner: Runner) -> RunnerView:
    """A runner as it is now; callers hold the lock."""
    online = runner.session is not None
    return RunnerView(runner.id, runner.name, runner.labels, runner.scope, online, runner.job_id, runner.registered_at)
