"""A piece of bad luck that was played, with what the platform did about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a mishap."""

    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    """It called for something, and nobody did it."""
    MOOT = "moot"
    """It came to nothing by itself."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """One piece of bad luck."""

    text: str
    at: float
    """Seconds since the epoch."""
    subject: str = ""
    """The id of the job or instance that it befell; empty where it befell none in particular."""
    answer: str = ""
    """What the platform did about it; empty where nobody saw."""
    outcome: Outcome = Outcome.ANSWERED
    fault: str = field(default="", compare=False)
    """Its name in the scenario."""
