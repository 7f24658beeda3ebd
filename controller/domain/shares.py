"""How a stack's capacity is shared out: the weight of a repository, and how many of its jobs may have a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shares:
    """Both by patterns of `owner/name`, of which the first that fits counts."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Where not all jobs can be served, a repository of weight 2 gets twice as many machines as one of weight 1."""
    most_jobs: Mapping[str, int] = field(default_factory=dict)
    """How many jobs of each such repository may have a machine at a time."""

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if not 0.001 <= weight <= 1_000:  # noqa: PLR2004 - the bounds are said in the message
                raise ValueError(f"weights: {name!r} has {weight:g}, which is not between 0.001 and 1000")
        for name, most in self.most_jobs.items():
            if most < 0:
                raise ValueError(f"most_jobs: {name!r} has {most}, which is less than none")

    def weight(self, repository: str) -> float:
        """The weight of a repository; 1 where nothing is said of it."""
        return _first(self.weights, repository) or 1.0

    def most(self, repository: str) -> int | None:
        """How many of its jobs may have a machine; None: any number."""
        return _first(self.most_jobs, repository)


def _first(said: Mapping[str, T], repository: str) -> T | None:
    name = repository.lower()
    return next((value for pattern, value in said.items() if fnmatchcase(name, pattern.lower())), None)
