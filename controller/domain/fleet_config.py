"""A runner configuration: the kind of machine that a label asks for by name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Os(StrEnum):
    """Operating systems with a launch template."""

    LINUX = "linux"
    WINDOWS = "windows"


class Arch(StrEnum):
    """Processor architectures, in GitHub's spelling."""

    X64 = "x64"
    ARM64 = "arm64"


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
    spot: bool = True
    extra_labels: tuple[str, ...] = ()
    """Registered beside the job's own labels."""
    runner_group_id: int = 1
    organization: bool = False
    """Register with the organisation instead of the job's repository."""
    claim_deadline_s: float | None = None
    job_limit_s: float | None = None

    @property
    def platform(self) -> str:
        """The key of its launch template."""
        return f"{self.os}/{self.arch}"
