"""What the director can see and do: GitHub's jobs and runners, the cloud's machines, and the faults themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.local.scenario.plan import Step
from controller.local.truth import JobSeen, MachineSeen


@dataclass(frozen=True, slots=True)
class RunnerSeen:
    """A runner that GitHub knows."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeliverySeen:
    """A webhook delivery as GitHub's log has it. `sent_at` is seconds since the epoch."""

    job_id: int
    action: str
    status: int
    """0 when nobody answered."""
    sent_at: float
    guid: str = ""
    redelivery: bool = False
    forged: bool = False


@dataclass(frozen=True, slots=True)
class Victims:
    """Whom a step befalls; empty where it befalls nobody in particular."""

    job: JobSeen | None = None
    machine: str = ""


class Outside(Protocol):
    """The world as it can be seen, and disturbed, from outside."""

    def jobs(self) -> Sequence[JobSeen]:
        """Every job of every attempt."""

    def machines(self) -> Mapping[str, MachineSeen]:
        """Every machine there ever was."""

    def runners(self) -> Sequence[RunnerSeen]:
        """Every runner that is registered now."""

    def deliveries(self) -> Sequence[DeliverySeen]:
        """Every webhook delivery so far."""

    def play(self, step: Step, victims: Victims) -> Sequence[str]:
        """Let a fault happen; the machines that it harms, as far as they exist."""
