"""What names a job attempt, and who found it: all that the webhook needs to know of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Intake(StrEnum):
    """Which of the three independent ways found the job first."""

    WEBHOOK = "webhook"
    REDELIVERY = "redelivery"
    SCAN = "scan"


@dataclass(frozen=True, slots=True, order=True)
class JobKey:
    """A job attempt: GitHub's job id and the run's attempt number."""

    job_id: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.job_id}#{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> JobKey:
        """The key whose `str` this is."""
        job_id, _, attempt = text.partition("#")
        return cls(int(job_id), int(attempt))


NOBODY = JobKey(0, 0)
"""Whom a spare machine is for until a job takes it; GitHub's job ids begin at 1."""
