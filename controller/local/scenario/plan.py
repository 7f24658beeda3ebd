"""A scenario: steps, each a moment and a fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

Value = str | int | float


class Event(StrEnum):
    """What can be seen to happen to a job, from outside."""

    QUEUED = "queued"
    LAUNCHED = "launched"
    """A machine exists that is most likely meant for it."""
    BOOTED = "booted"
    """EC2 calls that machine running."""
    CLAIMED = "claimed"
    """GitHub knows a runner on that machine."""
    STARTED = "started"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class At:
    """So many seconds after the workflows were submitted; 0 is before."""

    seconds: float


@dataclass(frozen=True, slots=True)
class When:
    """The `nth` time that an event befalls a job whose name and workflow fit these patterns."""

    event: Event
    job: str = "*"
    workflow: str = "*"
    nth: int = 1
    after: float = 0.0
    """Seconds to wait then."""


@dataclass(frozen=True, slots=True)
class Step:
    """At this moment, that fault."""

    moment: At | When
    fault: str
    """Its name in `faults.FAULTS`."""
    values: tuple[tuple[str, Value], ...] = ()
    """What was said about it; what was not is the fault's own default."""
    line: int = field(default=0, compare=False)

    def __getitem__(self, name: str) -> Value:
        """What was said; raises KeyError where nothing was."""
        return dict(self.values)[name]


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that goes wrong in one run."""

    name: str
    steps: tuple[Step, ...] = ()
    about: str = ""
