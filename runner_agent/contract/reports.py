"""What a machine tells the controller, as messages on the reports queue.

A report's identity is (instance, sequence): sending it twice is harmless. The receiver believes
`instance_id` only where the queue's own SenderId names the same instance.
"""

from __future__ import annotations

from enum import StrEnum

from runner_agent.contract.record import Record, field

VERSION = 1


class ReportKind(StrEnum):
    """The moments a machine reports; in a normal life only `started` and `finished`."""

    REGISTERED = "registered"
    """Listening, but no job came at once; otherwise `started` says both."""
    REGISTRATION_FAILED = "registration_failed"
    STARTED = "started"
    HEARTBEAT = "heartbeat"
    INTERRUPTION = "interruption"
    """A spot notice or a rebalance recommendation has been seen."""
    FINISHED = "finished"
    """The last report: the machine powers off next."""


class Source(StrEnum):
    """Where a machine got its runner from."""

    IMAGE = "image"
    CACHE = "cache"
    GITHUB = "github"


class Result(StrEnum):
    """How a machine's life ended, as the machine saw it."""

    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "oom"
    DISK_FULL = "disk_full"
    INTERRUPTED = "interrupted"
    GHOST = "ghost"
    """A job was announced to the runner and never became its own."""
    ORPHANED = "orphaned"
    """A job was bound to the runner, which ended without finishing it."""
    NO_JOB = "no_job"
    REGISTRATION_FAILED = "registration_failed"
    RUNNER_UNAVAILABLE = "runner_unavailable"
    """No source gave a runner with the right checksum."""
    AGENT_CRASH = "agent_crash"


class Peaks(Record):
    """The most a job used; what could not be measured is None."""

    cpu_percent: float | None = None
    memory_mib: float | None = None
    disk_used_mib: float | None = None
    network_mib: float | None = None


class Report(Record):
    """One message from a machine. Times are seconds since the epoch, by the machine's clock."""

    kind: ReportKind
    instance_id: str
    sequence: int
    at: float
    runner_name: str
    traceparent: str = ""
    phases: dict[str, float] = field(default_factory=dict)
    """Phase name to the time it was reached (claimed, downloaded, listening, started, finished)."""
    job_name: str = ""
    """Display name the listener printed for the job it really ran."""
    result: Result | None = None
    exit_code: int | None = None
    reason: str = ""
    interruption: str = ""
    """`terminate`, `stop`, `hibernate` or `rebalance`, once one was announced."""
    peaks: Peaks | None = None
    last_lines: tuple[str, ...] = ()
    runner_source: Source | None = None
    version: int = VERSION

    @property
    def id(self) -> str:
        """The same for every copy of this report."""
        return f"{self.instance_id}/{self.sequence}"
