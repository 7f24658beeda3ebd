"""Who is next: the waiting jobs that may run now, in groups that one launch can serve."""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.job import Job, JobState

LARGEST_GROUP = 99
"""A launch record and its jobs are reserved in one atomic write of at most 100 records."""


def merged(*lists: Iterable[Job]) -> list[Job]:
    """One line out of several readings of it: the freshest reading of each job, longest queued first."""
    freshest: dict[str, Job] = {}
    for job in (job for jobs in lists for job in jobs):
        known = freshest.get(job.id)
        if known is None or job.version > known.version:
            freshest[job.id] = job
    return sorted(freshest.values(), key=lambda job: (job.queued_at, job.key))


def groups(jobs: Iterable[Job]) -> list[tuple[Job, ...]]:
    """Waiting jobs of one shape and one way of paying together, the group of the longest waiting first."""
    together: dict[tuple[str, bool], list[Job]] = {}
    for job in jobs:
        if job.state is JobState.WAITING:
            together.setdefault((job.shape, job.on_demand), []).append(job)
    return [
        tuple(group[start : start + LARGEST_GROUP])
        for group in together.values()
        for start in range(0, len(group), LARGEST_GROUP)
    ]
