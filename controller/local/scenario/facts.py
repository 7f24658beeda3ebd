"""All that was seen of a run, for finding out what the platform did about each mishap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from controller.local.scenario.outside import DeliverySeen, Victims
from controller.local.scenario.pairs import Pairs
from controller.local.scenario.plan import Step
from controller.local.truth import JobSeen, MachineSeen


@dataclass(frozen=True, slots=True)
class Played:
    """A step that was played. `at` is seconds since the epoch."""

    step: Step
    at: float
    victims: Victims = field(default_factory=Victims)
    harmed: tuple[str, ...] = ()
    """The machines it harmed."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The run as it was seen from outside."""

    jobs: Sequence[JobSeen]
    machines: Mapping[str, MachineSeen]
    deliveries: Sequence[DeliverySeen]
    pairs: Pairs
    harmed: Collection[str] = ()

    def machine_of(self, job: JobSeen) -> MachineSeen | None:
        """The machine a job ran on."""
        return self.machines.get(job.machine_among(self.machines))

    def job(self, job_id: int) -> JobSeen | None:
        """A job as it ended."""
        return next((job for job in self.jobs if job.job_id == job_id), None)

    def now(self, job: JobSeen) -> JobSeen:
        """The job as it ended, from the job as it was."""
        return self.job(job.job_id) or job

    def first(self, fits: Callable[[JobSeen], bool]) -> JobSeen | None:
        """The earliest job of this kind."""
        return min(filter(fits, self.jobs), key=lambda job: (job.queued_at, job.job_id), default=None)

    def next_attempt(self, job: JobSeen) -> JobSeen | None:
        """The attempt after this one."""
        return self.first(lambda each: each.identity == job.identity and each.attempt > job.attempt)

    def sent(self, job: JobSeen, action: str) -> list[DeliverySeen]:
        """The deliveries of one change of a job, in order."""
        mine = [each for each in self.deliveries if each.job_id == job.job_id and each.action == action]
        return sorted(mine, key=lambda each: each.sent_at)


def named(pattern: str) -> Callable[[JobSeen], bool]:
    """Whether a job's name fits a pattern; a name always fits itself, whatever signs it holds."""
    return lambda job: job.name == pattern or fnmatchcase(job.name, pattern or "*")


def place(machine: MachineSeen) -> str:
    """`i-1 (c7i.large, us-east-1a, spot)`."""
    return f"{machine.instance_id} ({machine.instance_type}, {machine.zone}, {machine.lifecycle})"
