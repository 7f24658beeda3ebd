"""How a stack stands, joined from what all its doors know together, and what of it wants a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.cli.times import span
from controller.domain import breaker, places
from controller.domain.boot_health import BootHealth
from controller.domain.breaker import BreakerPolicy, BreakerState
from controller.domain.capacity import Capacity
from controller.domain.job import Job
from controller.domain.region_health import Lease
from controller.domain.runner import Runner

LONG_WAIT_S = 300.0
"""A job may wait so long before somebody should know why."""

LIMITED = "limited"
"""How a lifecycle stands that a quota of the account is in the way of."""


@dataclass(frozen=True, slots=True)
class RegionStanding:
    """One region of the environment."""

    region: str
    drained: bool
    lease: str
    """`alone`, `held`, `lost`, or `never seen`."""
    lease_until: float | None = None


@dataclass(frozen=True, slots=True)
class LineStanding:
    """The jobs."""

    waiting: int
    oldest_s: float | None
    """How long the first in line has waited; None: nobody waits."""
    under_way: Mapping[str, int]
    """By state."""
    owed: int


@dataclass(frozen=True, slots=True)
class MachinesStanding:
    """The machines that are not known to have ended."""

    by_state: Mapping[str, int]
    spot: int
    on_demand: int
    overdue: int


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """One queue; None: it may not be asked about."""

    queue: str
    ready: int | None
    in_flight: int | None
    dead: int | None


@dataclass(frozen=True, slots=True)
class PlaceStanding:
    """A machine type in a zone that is not simply open to launches, or a pattern of them."""

    place: str
    state: str
    why: str
    until: float | None = None
    """When it is tried again by itself; None: not by itself, or at the next launch."""


@dataclass(frozen=True, slots=True)
class HoldStanding:
    """A configuration whose machines die in boot."""

    config: str
    state: str
    cause: str
    times: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything; `attention` says what wants a person, with the cure."""

    stack: str
    attention: tuple[str, ...]
    regions: tuple[RegionStanding, ...]
    line: LineStanding
    machines: MachinesStanding
    queues: tuple[QueueStanding, ...]
    places: tuple[PlaceStanding, ...]
    refusals: tuple[PlaceStanding, ...]
    """What EC2 has refused lately: pools as `<lifecycle>/<type>/<zone>`, and the account's limits."""
    holds: tuple[HoldStanding, ...]


def region(name: str, lease: Lease | None, now: float, length: float, *, alone: bool, drained: bool) -> RegionStanding:
    """How a region stands by its lease."""
    if alone:
        return RegionStanding(name, drained, "alone")
    if lease is None:
        return RegionStanding(name, drained, "never seen")
    return RegionStanding(name, drained, "lost" if lease.is_lost(now, length) else "held", lease.until)


def line(waiting: Sequence[Job], under_way: Sequence[Job], owed: Sequence[Job], now: float) -> LineStanding:
    """How the jobs stand."""
    oldest = min((job.queued_at for job in waiting), default=None)
    states = _counted(job.state for job in under_way)
    return LineStanding(len(waiting), None if oldest is None else now - oldest, states, len(owed))


def machines(found: Sequence[Runner], now: float, grace_s: float) -> MachinesStanding:
    """How the machines stand; one is overdue when housekeeping should have ended it."""
    kinds = _counted(machine.lifecycle for machine in found)
    overdue = sum(machine.lease_until + grace_s + _SWEEP_S < now for machine in found)
    return MachinesStanding(
        _counted(machine.state for machine in found), kinds.get("spot", 0), kinds.get("on-demand", 0), overdue
    )


def places_of(known: Capacity, now: float) -> tuple[PlaceStanding, ...]:
    """Orders of operators first, then the breakers that are not closed."""
    orders = [
        PlaceStanding(pattern, f"forced {force}", "an operator's order") for pattern, force in known.forced.items()
    ]
    return (*orders, *_breakers(known, now))


def refusals(known: Capacity, now: float) -> tuple[PlaceStanding, ...]:
    """The account's limits first, then the pools that are left alone for a while."""
    walls = [
        PlaceStanding(f"every {kind} machine", LIMITED, wall.code, wall.until) for kind, wall in known.walls.items()
    ]
    pools = [
        PlaceStanding(name, "refused", one.code, one.until)
        for name, one in sorted(known.refused.items())
        if one.until > now
    ]
    return (*walls, *pools)


def holds(known: BootHealth, now: float, policy: BreakerPolicy) -> tuple[HoldStanding, ...]:
    """The configurations that are held back."""
    found = ((name, one, breaker.state(one, now, policy)) for name, one in sorted(known.breakers.items()))
    return tuple(
        HoldStanding(name, state, one.cause, one.trips)
        for name, one, state in found
        if state is not BreakerState.CLOSED
    )


def attention(found: Standing) -> Iterator[str]:
    """What wants a person, each with the cure."""
    for each in found.regions:
        yield from _of_region(each)
    for queue in found.queues:
        if queue.dead:
            yield f"{queue.dead} messages that nobody could handle are in {queue.queue}-dead: docs/operate.md"
    for hold in found.holds:
        yield f"configuration {hold.config} is held back, {hold.cause}: `spotrunner jobs list --config {hold.config}`"
    for wall in (one for one in found.refusals if one.state == LIMITED):
        yield f"{wall.place}: the account's limit {wall.why}; have the quota raised"
    if found.machines.overdue:
        yield f"{found.machines.overdue} machines have outlived their lease: `spotrunner runners list --overdue`"
    oldest = found.line.oldest_s
    if oldest is not None and oldest > LONG_WAIT_S:
        yield f"a job has waited for {span(oldest)}: `spotrunner jobs list --state waiting`"


def _of_region(each: RegionStanding) -> Iterator[str]:
    if each.drained:
        yield f"{each.region} is drained and launches nothing: `spotrunner resume --region {each.region}`"
    if each.lease == "lost":
        yield f"{each.region} has given no sign of life since its lease ended: docs/regions.md"


_SWEEP_S = 120.0
"""Housekeeping looks every minute, and takes a moment."""


def _breakers(known: Capacity, now: float) -> Iterator[PlaceStanding]:
    for name, one in sorted(known.breakers.items()):
        state = breaker.state(one, now, places.POLICY)
        if state is not BreakerState.CLOSED:
            until = breaker.tried_again_at(one, places.POLICY)
            yield PlaceStanding(name, state, one.cause, until if state is BreakerState.OPEN else None)


def _counted(words: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[str(word)] = counts.get(str(word), 0) + 1
    return dict(sorted(counts.items()))
