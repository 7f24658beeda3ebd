"""A runner configuration: the kind of machine that a label asks for by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Os(StrEnum):
    """Operating systems with a launch template."""

    LINUX = "linux"
    WINDOWS = "windows"


class Arch(StrEnum):
    """Processor architectures, in GitHub's spelling."""

    X64 = "x64"
    ARM64 = "arm64"


class Retry(StrEnum):
    """What is run again after an interruption."""

    FALSE = "false"
    """Nothing."""
    JOB = "job"
    """The job that was interrupted."""
    RUN = "run"
    """Every failed job of the run, together."""


@dataclass(frozen=True, slots=True)
class Span:
    """An inclusive range of a size."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise ValueError(f"{self.low:g}+{self.high:g} is an empty range")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class RunnerConfig:
    """What `spotrunner/<name>` stands for. Durations are seconds, memory is GiB."""

    name: str
    cpu: Span
    os: Os = Os.LINUX
    arch: Arch = Arch.X64
    ram: Span | None = None
    families: tuple[str, ...] = ()
    """Instance families (`c7g`) or types (`c7g.large`); empty means any of the catalogue."""
    widen: tuple[str, ...] = ()
    """Families that will do where `families` have no spot machine left, for jobs that name no family themselves."""
    on_demand_after: int | None = None
    """After so many failures a job is not offered spot machines any more."""
    elsewhere_after_s: float | None = None
    """A job so long in line goes to another region of the environment, once, where this one has no machine for it."""
    most_jobs: int | None = None
    """How many jobs of this configuration may have a machine at a time."""
    priority: int = 0
    """Ahead of the repository's other jobs, as if queued so many times five minutes earlier; behind, where negative."""
    pool: int = 0
    """How many spare machines of this configuration run ahead of any job, for the next ones to take."""
    spot: bool = True
    retry: Retry = Retry.JOB
    images: Mapping[str, str] = field(default_factory=dict)
    """What `image=` may say, and the AMI it means; without it the launch template's."""
    image: str = ""
    """One of `images`, for jobs that name none."""
    disk: int | None = None
    """GiB of the root disk; without it the launch template's."""
    root_device: str = "/dev/sda1"
    """What the images call their root disk: another name would add a disk instead of making this one larger."""
    extra_labels: tuple[str, ...] = ()
    """Registered beside the job's own labels."""
    runner_group_id: int = 1
    runner_group: str = ""
    """A runner group of the organisation by its name, instead of its number."""
    organization: bool = False
    """Register with the organisation instead of the job's repository."""
    claim_deadline_s: float | None = None
    job_limit_s: float | None = None

    @property
    def platform(self) -> str:
        """The key of its launch template."""
        return f"{self.os}/{self.arch}"
