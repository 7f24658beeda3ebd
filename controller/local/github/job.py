"""A job of a run as GitHub shows it to the outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """Where a job or a run is."""

    WAITING = "waiting"
    """For somebody's approval of its environment."""
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


class Conclusion(StrEnum):
    """How a job, step or run ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


UNSUPPORTED = "unsupported: "


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step as it ran."""

    number: int
    name: str
    status: Status
    conclusion: Conclusion | None
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunnerRef:
    """The runner a job ran on."""

    id: int
    name: str
    group_id: int
    group_name: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job of one attempt of a run."""

    id: int
    run_id: int
    attempt: int
    key: str
    """Its key in the workflow file; the jobs of one matrix share it."""
    name: str
    labels: tuple[str, ...]
    queued_at: datetime
    status: Status = Status.QUEUED
    conclusion: Conclusion | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    runner: RunnerRef | None = None
    steps: tuple[StepRecord, ...] = ()
    may_fail: bool = False
    """continue-on-error: its failure does not fail the run."""
    timeout_minutes: float = 360.0
    environment: str = ""
    carried_from: int = 0
    """The job of the attempt before that it only repeats, because a re-run left it out."""
    note: str = ""
    """Why it was skipped, cancelled or failed without running."""

    @property
    def runner_name(self) -> str:
        """The name of its runner; empty while it has none."""
        return self.runner.name if self.runner else ""

    @property
    def unsupported(self) -> bool:
        """Whether it was skipped because the local GitHub cannot run it."""
        return self.note.startswith(UNSUPPORTED)

    @property
    def counts_as(self) -> Conclusion | None:
        """What `needs` and the run see: a failure that was allowed is a success."""
        return Conclusion.SUCCESS if self.conclusion is Conclusion.FAILURE and self.may_fail else self.conclusion
