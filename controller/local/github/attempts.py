"""What a re-run takes up again, and what the attempts before it leave behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.local.github.job import Conclusion, Job, Status
from controller.local.github.workflow import JobSpec

MOST_ATTEMPTS = 51
"""The first one, and fifty re-runs."""
LONGEST = timedelta(days=30)
ACTIVE = "This workflow is already running"
IMPOSSIBLE = "This workflow run cannot be retried"
FORMER = "Only jobs from the current attempt can be re-run"
OLD = "Unable to retry this workflow run because it was created over a month ago"


class RerunRefused(Exception):
    """A re-run that GitHub does not start, in its words."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a run, as it is told."""

    number: int
    started_at: datetime
    moved_at: datetime
    """When anything last changed."""
    status: Status
    conclusion: Conclusion | None
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Again:
    """The part of a run that is done again; everything else is carried over."""

    keys: frozenset[str]
    """Decided anew, with all their jobs."""
    jobs: frozenset[int]
    """Single jobs of a matrix whose other jobs are carried over."""


def check_rerun(attempt: Attempt, created_at: datetime, now: datetime) -> None:
    """Raise `RerunRefused` where GitHub would not start another attempt of a run."""
    if attempt.status is not Status.COMPLETED:
        raise RerunRefused(ACTIVE)
    if now - created_at > LONGEST:
        raise RerunRefused(OLD)
    if attempt.number >= MOST_ATTEMPTS:
        raise RerunRefused(IMPOSSIBLE)


def check_current(attempt: Attempt, job_id: int) -> None:
    """Raise `RerunRefused` for a job of an attempt that another has followed."""
    if job_id not in {job.id for job in attempt.jobs}:
        raise RerunRefused(FORMER)


def failed(jobs: Collection[Job]) -> frozenset[int]:
    """The jobs that `rerun-failed-jobs` means; raises `RerunRefused` when there is none."""
    found = frozenset(job.id for job in jobs if job.conclusion in (Conclusion.FAILURE, Conclusion.CANCELLED))
    if not found:
        raise RerunRefused(IMPOSSIBLE)
    return found


def again(chosen: Collection[Job], specs: Mapping[str, JobSpec], unplaced: Collection[str]) -> Again:
    """The chosen jobs and, with all their jobs, the keys that need any of them.

    `unplaced` are the keys whose one job stands for a matrix that nobody has seen yet.
    """
    keys = {job.key for job in chosen}
    below: set[str] = set()
    while more := {spec.key for spec in specs.values() if (keys | below) & set(spec.needs)} - below:
        below |= more
    whole = frozenset(below | (keys & set(unplaced)))
    return Again(whole, frozenset(job.id for job in chosen if job.key not in whole))
