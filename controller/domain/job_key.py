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
    """A job attempt: GitHub's job id and the run's attempt number, on which of the stack's servers."""

    job_id: int
    attempt: int
    server: str = ""
    """Two servers count their jobs alike; empty is the stack's first."""

    def __str__(self) -> str:
        key = f"{self.job_id}#{self.attempt}"
        return f"{self.server}:{key}" if self.server else key

    @classmethod
    def parse(cls, text: str) -> JobKey:
        """The key whose `str` this is."""
        server, _, key = text.rpartition(":")
        job_id, _, attempt = key.partition("#")
        return cls(int(job_id), int(attempt), server)


NOBODY = JobKey(0, 0)
"""Whom a spare machine is for until a job takes it; GitHub's job ids begin at 1."""
