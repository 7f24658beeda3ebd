"""A launch: the record written before the cloud is asked, and what the cloud may answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from controller.domain.job_key import JobKey
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle


class LaunchState(StrEnum):
    """A pending launch is replayed with the identical request until it is settled."""

    PENDING = "pending"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Offering:
    """A machine type in one zone's subnet, at a rank: the lower, the sooner it is wanted."""

    instance_type: str
    zone: str
    subnet: str


@dataclass(frozen=True, slots=True)
class Disk:
    """A root disk that differs from the launch template's."""

    device: str
    gib: int


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What to ask the cloud for, in our words."""

    launch_id: str
    template: str
    lifecycle: Lifecycle
    offerings: tuple[Offering, ...]
    count: int
    tags: tuple[tuple[str, str], ...]
    strategy: str = "price-capacity-optimized"
    image: str = ""
    """Empty: the launch template's."""
    disk: Disk | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that the cloud says it has started."""

    instance_id: str
    instance_type: str
    zone: str
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal out of a launch; an empty type or zone means it was not about a pool."""

    kind: RefusalKind
    code: str
    message: str = ""
    instance_type: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class LaunchAnswer:
    """The machines started and the refusals met; both may be there at once."""

    machines: tuple[Machine, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """The launch record: enough to repeat the call word for word after a crash."""

    launch_id: str
    """Also the idempotency token of the call."""
    request: str
    """The frozen request, as the fleet adapter built it."""
    jobs: tuple[JobKey, ...]
    repository: str
    config: str
    shape: str
    home: str
    lifecycle: Lifecycle
    rung: str
    created_at: float
    claim_deadline_s: float
    platform: str = "linux/x64"
    state: LaunchState = LaunchState.PENDING
    instances: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    version: int = 0

    @property
    def id(self) -> str:
        """The record's name in storage and in messages."""
        return self.launch_id


class Rung(StrEnum):
    """A step of the capacity ladder."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


MOST_OFFERINGS = 60
"""Overrides in one CreateFleet request; more make the body too large in practice."""

_NEXT_RUNG = frozenset({RefusalKind.CAPACITY, RefusalKind.UNSUPPORTED, RefusalKind.SUBNET, RefusalKind.QUOTA})


def rungs(*, spot: bool) -> tuple[Rung, ...]:
    """The steps to try, in order."""
    return (Rung.SPOT, Rung.ON_DEMAND) if spot else (Rung.ON_DEMAND,)


def lifecycle_of(rung: Rung) -> Lifecycle:
    """How the machines of a rung are paid for."""
    return Lifecycle.SPOT if rung is Rung.SPOT else Lifecycle.ON_DEMAND


def offerings_of(types: Iterable[str], subnets: Mapping[str, str]) -> tuple[Offering, ...]:
    """Types by zones, the wanted types first, so that cutting the list keeps every zone of the best ones.

    `subnets` maps a zone to its subnet.
    """
    every = (Offering(name, zone, subnet) for name in types for zone, subnet in subnets.items())
    return tuple(islice(every, MOST_OFFERINGS))


def may_climb(refusals: Iterable[Refusal]) -> bool:
    """Whether what was refused says that this rung has nothing: never so for throttling or a fault."""
    kinds = {refusal.kind for refusal in refusals}
    return bool(kinds) and kinds <= _NEXT_RUNG


def why(refusals: Iterable[Refusal]) -> str:
    """The refusals in a few words for the job's record."""
    codes = sorted({refusal.code for refusal in refusals})
    return ", ".join(codes) or "the cloud started fewer machines than asked and gave no reason"
