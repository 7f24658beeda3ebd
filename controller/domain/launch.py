"""A launch: the record written before the cloud is asked, and what the cloud may answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from controller.domain.job import Job
from controller.domain.job_key import JobKey
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle

T = TypeVar("T")


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
    spares: int = 0
    """How many machines it asks for that are for no job yet; such a launch names no jobs."""
    state: LaunchState = LaunchState.PENDING
    instances: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    version: int = 0

    @property
    def id(self) -> str:
        """The record's name in storage and in messages."""
        return self.launch_id

    @property
    def wanted(self) -> int:
        """How many machines it asks for."""
        return len(self.jobs) or self.spares


class Rung(StrEnum):
    """A step of the capacity ladder."""

    SPOT = "spot"
    WIDER = "spot, wider families"
    ON_DEMAND = "on-demand"


MOST_OFFERINGS = 60
"""Overrides in one CreateFleet request; more make the body too large in practice."""

_NEXT_RUNG = frozenset(
    {RefusalKind.CAPACITY, RefusalKind.UNSUPPORTED, RefusalKind.SUBNET, RefusalKind.QUOTA, RefusalKind.SPECIAL}
)
_NOBODYS_FAILURE = frozenset({RefusalKind.RATE, RefusalKind.SERVER, RefusalKind.RACE})


def rungs(*, spot: bool) -> tuple[Rung, ...]:
    """The steps to try, in order; one that has no machine types of its own is passed over."""
    return (Rung.SPOT, Rung.WIDER, Rung.ON_DEMAND) if spot else (Rung.ON_DEMAND,)


def starts(group: Sequence[Job], on_demand_after: int | None) -> Iterator[tuple[str, list[Job]]]:
    """The jobs by where on the ladder they begin: with a reason to have no spot machine, or without one."""
    apart: dict[str, list[Job]] = {}
    for job in group:
        apart.setdefault(_why_not_spot(job, on_demand_after), []).append(job)
    yield from apart.items()


def _why_not_spot(job: Job, on_demand_after: int | None) -> str:
    if job.on_demand:
        return "run again after an interruption"
    tired = on_demand_after is not None and job.failures >= on_demand_after
    return f"no spot after {on_demand_after} failures" if tired else ""


def lifecycle_of(rung: Rung) -> Lifecycle:
    """How the machines of a rung are paid for."""
    return Lifecycle.ON_DEMAND if rung is Rung.ON_DEMAND else Lifecycle.SPOT


def types_of(rung: Rung, wanted: Sequence[T], wider: Sequence[T]) -> tuple[T, ...]:
    """The machine types of a rung, in the order in which they are wanted."""
    match rung:
        case Rung.SPOT:
            return tuple(wanted)
        case Rung.WIDER:
            return tuple(wider)
        case Rung.ON_DEMAND:
            return (*wanted, *wider)


def every_offering(types: Iterable[str], subnets: Mapping[str, str]) -> Iterator[Offering]:
    """Types by zones, the wanted types first. `subnets` maps a zone to its subnet."""
    return (Offering(name, zone, subnet) for name in types for zone, subnet in subnets.items())


def offerings_of(types: Iterable[str], subnets: Mapping[str, str]) -> tuple[Offering, ...]:
    """As many as one request takes; cutting the list keeps every zone of the best types."""
    return tuple(islice(every_offering(types, subnets), MOST_OFFERINGS))


def may_climb(refusals: Iterable[Refusal]) -> bool:
    """Whether what was refused says that this rung has nothing: never so for throttling or a fault."""
    kinds = {refusal.kind for refusal in refusals}
    return bool(kinds) and kinds <= _NEXT_RUNG


def can_never_work(refusals: Iterable[Refusal]) -> bool:
    """Whether all that was refused was refused for how it was asked."""
    return {refusal.kind for refusal in refusals} == {RefusalKind.CONFIG}


def counts_as_failure(refusals: Iterable[Refusal]) -> bool:
    """Whether a job that got nothing has failed to get a machine: being told to come later is no failure."""
    return not {refusal.kind for refusal in refusals} & _NOBODYS_FAILURE


def cure(code: str) -> str:
    """What whoever runs the stack can do about a refusal of how it asks."""
    found = (words for start, words in _CURES if code.startswith(start))
    return next(found, "compare the configuration with what EC2 says about it")


_CURES = (
    ("Unauthorized", "allow the dispatch role what it lacks, then run the job again"),
    ("AuthFailure", "check the stack's credentials and roles, then run the job again"),
    ("InvalidLaunchTemplate", "deploy the stack again: its launch template is not there"),
    ("InvalidAMI", "name an image that exists in this region and is shared with this account"),
    ("InvalidSubnet", "deploy the stack again: one of its subnets is not there"),
    ("InvalidUserData", "mend the user data of the launch template"),
    ("Blocked", "AWS has blocked the account: ask AWS Support"),
)


def why(refusals: Iterable[Refusal]) -> str:
    """The refusals in a few words for the job's record."""
    codes = sorted({refusal.code for refusal in refusals})
    return ", ".join(codes) or "the cloud started fewer machines than asked and gave no reason"
