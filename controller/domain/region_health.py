"""Which region of an environment acts for which job: leases, the order of the regions, and what a lost one leaves.

A region may write only while it holds its lease, and another one calls it lost only a margin after that lease
has run out. As long as replication and clocks stay within the margin, no two regions ever act for one job.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from controller.domain.job import OPEN, Job, JobState, tried
from controller.domain.runner import Runner
from controller.errors import Rejected

MARGIN = 0.2
"""The part of a lease's length in which neither its region nor any other acts."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The time in which a region may write. Seconds since the epoch."""

    since: float
    until: float

    def holds(self, now: float) -> bool:
        """Whether the region may write now."""
        return self.since <= now < self.until

    def is_lost(self, now: float, length: float) -> bool:
        """Whether others may take the region's jobs."""
        return now >= self.until + length * MARGIN

    def __str__(self) -> str:
        return f"{self.since!r} {self.until!r}"

    @classmethod
    def parse(cls, text: str) -> Lease:
        """The lease whose `str` this is; raises `Rejected`."""
        try:
            since, until = (float(part) for part in text.split())
        except ValueError:
            raise Rejected(f"lease: {text!r} is none") from None
        return cls(since, until)


def renewed(known: Lease | None, now: float, length: float) -> Lease:
    """The lease after a sign of life.

    Whoever comes back waits for a margin: what others did meanwhile must be seen here before anything is written.
    """
    until = now + length * (1 - MARGIN)
    if known is None:
        return Lease(now, until)
    return Lease(known.since if now < known.until else now + length * MARGIN, until)


def first(regions: Sequence[str], without: Collection[str]) -> str:
    """The first of the environment's regions that is not among some; empty where all are."""
    return next((region for region in regions if region not in without), "")


def rehomed(job: Job, home: str, now: float, reason: str) -> Job:
    """The job in the hands of another region; one that had a machine there is back in line."""
    moved = replace(job, home=home, epoch=job.epoch + 1)
    if job.state not in OPEN or job.state is JobState.RUNNING:
        return moved
    return replace(
        moved,
        state=JobState.WAITING,
        since=now,
        reason=reason,
        launch_id="",
        instance_id="",
        failures=job.failures + 1,
        tries=tried(job, now, reason),
    )


def may_leave(job: Job, after_s: float, now: float) -> bool:
    """Whether a job that gets no machine at home may try another one: once, so that none is sent to and fro."""
    return job.state is JobState.WAITING and job.epoch == 0 and now - job.queued_at >= after_s


def may_still_run(job: Job, runner: Runner | None, now: float, provisioning_s: float, grace_s: float) -> bool:
    """Whether the machine that a lost region launched for a job may still come for it."""
    if job.state is JobState.WAITING:
        return False
    if runner is None or job.state is JobState.LAUNCHING:
        return now < job.since + provisioning_s + grace_s
    return now < runner.lease_until + grace_s
