"""Who is next: the waiting jobs that may run now, in groups that one launch can serve.

Where there is not enough for all, repositories take turns by their weights: the next job is one of the
repository that has had least of its share. Within a repository the longest queued goes first, and a
priority counts as time waited, so that it gives a start and starves nobody.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from controller.domain.job import Job, JobState

LARGEST_GROUP = 99
"""A launch record and its jobs are reserved in one atomic write of at most 100 records."""

HEAD_START_S = 300.0
"""What one step of priority is worth."""

Served = Mapping[str, float]
"""How many machines each waiting repository has had of late, divided by its weight."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the stack says of sharing."""

    weight: Callable[[str], float] = lambda _: 1.0
    """Of a repository."""
    priority: Callable[[str], int] = lambda _: 0
    """Of a configuration."""
    room: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How many more jobs may have a machine, by (`config` or `repository`, name); any number where nothing is said."""


def merged(*lists: Iterable[Job]) -> list[Job]:
    """One line out of several readings of it: the freshest reading of each job, longest queued first."""
    freshest: dict[str, Job] = {}
    for job in (job for jobs in lists for job in jobs):
        known = freshest.get(job.id)
        if known is None or job.version > known.version:
            freshest[job.id] = job
    return sorted(freshest.values(), key=lambda job: (job.queued_at, job.key))


def pick(jobs: Iterable[Job], slots: int, served: Served, terms: Terms) -> list[Job]:
    """Up to so many waiting jobs, the next first."""
    queues = _queues(jobs, terms)
    base = _base(queues, served)
    turns = [(served.get(name, base), _place(queue[-1], terms), name) for name, queue in queues.items()]
    heapq.heapify(turns)
    room = Counter(terms.room)
    picked: list[Job] = []
    while turns and len(picked) < slots:
        had, _, name = heapq.heappop(turns)
        job = queues[name].pop()
        if _takes_room(job, room, terms.room):
            picked.append(job)
            had += 1 / terms.weight(name)
        if queues[name]:
            heapq.heappush(turns, (had, _place(queues[name][-1], terms), name))
    return picked


def charged(served: Served, waiting: Iterable[Job], got: Sequence[Job], weight: Callable[[str], float]) -> Served:
    """What each waiting repository has had, after these jobs got their turn; only differences count."""
    names = {job.repository.lower() for job in waiting}
    base = _base(names, served)
    had = {name: served.get(name, base) for name in names}
    for job in got:
        name = job.repository.lower()
        had[name] = had.get(name, base) + 1 / weight(name)
    least = min(had.values(), default=0.0)
    return {name: round(much - least, 6) for name, much in sorted(had.items())}


def groups(jobs: Iterable[Job]) -> list[tuple[Job, ...]]:
    """Waiting jobs of one shape and one way of paying together, the group of the first in line first."""
    together: dict[tuple[str, bool], list[Job]] = {}
    for job in jobs:
        if job.state is JobState.WAITING:
            together.setdefault((job.shape, job.on_demand), []).append(job)
    return [
        tuple(group[start : start + LARGEST_GROUP])
        for group in together.values()
        for start in range(0, len(group), LARGEST_GROUP)
    ]


def _queues(jobs: Iterable[Job], terms: Terms) -> dict[str, list[Job]]:
    """Each repository's waiting jobs, the next last."""
    queues: dict[str, list[Job]] = {}
    for job in jobs:
        if job.state is JobState.WAITING:
            queues.setdefault(job.repository.lower(), []).append(job)
    for queue in queues.values():
        queue.sort(key=lambda job: _place(job, terms), reverse=True)
    return queues


def _place(job: Job, terms: Terms) -> tuple[float, str]:
    return job.queued_at - terms.priority(job.config) * HEAD_START_S, job.id


def _base(names: Iterable[str], served: Served) -> float:
    """Who has not waited until now begins level with who has had least: nobody saves up while he asks for nothing."""
    return min((served[name] for name in names if name in served), default=0.0)


def _takes_room(job: Job, left: Counter[tuple[str, str]], limits: Mapping[tuple[str, str], int]) -> bool:
    wanted = [key for key in (("config", job.config), ("repository", job.repository.lower())) if key in limits]
    if any(left[key] <= 0 for key in wanted):
        return False
    left.subtract(wanted)
    return True
