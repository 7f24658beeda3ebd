"""What the page shows, in seconds from the start of the run: a lane for each job and each machine."""

from __future__ import annotations

from dataclasses import dataclass

from controller.local.truth import Summary


@dataclass(frozen=True, slots=True)
class Piece:
    """One phase on a lane."""

    name: str
    actor: str
    start: float
    end: float
    instance_id: str


@dataclass(frozen=True, slots=True)
class JobLane:
    """A job from queued to the end of its machine."""

    id: str
    name: str
    attempt: int
    workflow: str
    labels: tuple[str, ...]
    outcome: str
    """How it ended, or where it stands."""
    broken: str
    repaired: bool
    """A later attempt ended well."""
    attempts: tuple[str, ...]
    """The ids of the job's other attempts."""
    queued: float
    started: float | None
    completed: float | None
    off: float | None
    """When its machine was off."""
    machine: str
    waited: float | None
    ran: float | None
    cost: float | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class MachineLane:
    """A machine from launch to power-off."""

    id: str
    type: str
    zone: str
    lifecycle: str
    start: float
    end: float | None
    """None while it is running."""
    lived: float
    hourly: float | None
    """Dollars; None where nothing published tells."""
    cost: float | None
    jobs: tuple[str, ...]
    """The ids of the jobs that ran on it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mishap on the axis."""

    number: int
    at: float
    text: str
    subject: str
    answer: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Bill:
    """What all machines would cost, as far as their prices are known."""

    total: float
    on_demand: float
    """The same seconds with every machine on demand."""
    unpriced: int
    """How many machines have no known price, and are in neither sum."""


@dataclass(frozen=True, slots=True)
class CallCount:
    """How often one kind of call was made."""

    caller: str
    service: str
    action: str
    count: int
    per_job: float | None
    """For each job that needed a machine; None where none did."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page shows."""

    began: float
    """Seconds since the epoch; every other moment counts from here."""
    length: float
    jobs: tuple[JobLane, ...]
    machines: tuple[MachineLane, ...]
    marks: tuple[Mark, ...]
    calls: tuple[CallCount, ...]
    bill: Bill
    summary: Summary
