"""Old jobs leave the table: which of them, and under which name each lot is kept from then on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.domain.job import Job

JOBS = "jobs/"
"""Where in the archive the jobs lie."""

_HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Lot:
    """Jobs that go into one object."""

    name: str
    jobs: tuple[Job, ...]


def cutoff(now: float, keep_s: float) -> float:
    """Jobs that ended before this are old; in whole hours, so that a repeated task finds the same jobs."""
    return (now - keep_s) // _HOUR_S * _HOUR_S


def lots(ended: Iterable[Job], before: float, stack: str) -> list[Lot]:
    """The old ones among these jobs, by the day on which they ended.

    A name comes from what is in its lot: written twice it is one object.
    """
    days: dict[str, list[Job]] = defaultdict(list)
    for job in ended:
        if ended_at(job) < before:
            days[day(ended_at(job))].append(job)
    return [
        Lot(f"{JOBS}{date}/{stack}/{_digest(jobs)}.jsonl.gz", tuple(sorted(jobs, key=lambda job: job.id)))
        for date, jobs in sorted(days.items())
    ]


def ended_at(job: Job) -> float:
    """When nothing more happened to it."""
    return max(job.since, job.received_at)


def day(at: float) -> str:
    """The day of a time, in UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _digest(jobs: Sequence[Job]) -> str:
    names = sorted(f"{job.id}@{job.version}" for job in jobs)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
