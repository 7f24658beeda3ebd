"""What all dispatchers of a region know together of the cloud's capacity: one small record, changed by decisions here.

Nobody waits for it and nothing is locked by it: it keeps them from asking for what is known not to be there.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller.domain import places, pools, quotas
from controller.domain.breaker import Breaker
from controller.domain.launch import MOST_OFFERINGS, LaunchAnswer, Offering, Refusal
from controller.domain.pacing import Pace
from controller.domain.places import Force, Met
from controller.domain.pools import Refused
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle

_WALLS = frozenset({RefusalKind.QUOTA, RefusalKind.SPECIAL})
_THROTTLED = RefusalKind.RATE
_OF_VCPUS = frozenset(
    {"InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "SpotInstanceCountExceeded", "VcpuLimitExceeded"}
)
"""Limits that each group of families has for itself; the other ones are the account's as a whole."""
_WHOLE = "*"
SPECIAL_S = 3_600.0
JITTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How long refusals are remembered, in seconds."""

    pool_s: float = 180.0
    wall_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Wall:
    """The account's own limit in the way; after `until` one machine is asked for, as a probe."""

    until: float
    code: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """The record. `stamp` is different in each writing, so that nobody takes another's for his own."""

    stamp: str = ""
    pace: Pace = field(default_factory=Pace)
    refused: Mapping[str, Refused] = field(default_factory=dict)
    breakers: Mapping[str, Breaker] = field(default_factory=dict)
    forced: Mapping[str, Force] = field(default_factory=dict)
    """An operator's orders, by patterns of places."""
    walls: Mapping[str, Wall] = field(default_factory=dict)
    """By `lifecycle/group of families`, where a star stands for all groups."""
    served: Mapping[str, float] = field(default_factory=dict)
    """How much of its share each waiting repository has had."""
    wake_at: float = 0.0
    """When a dispatcher will be woken because there are tokens again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What may be asked for now: so many machines out of these offerings; with none, why not."""

    count: int = 0
    offerings: tuple[Offering, ...] = ()
    who: str = ""
    began: float = 0.0
    closed: str = ""
    """Why this rung has nothing to give: the next one may be tried."""
    walled: tuple[str, ...] = ()
    """The groups of families whose own limits are a part of that."""
    paced: bool = False
    """There is no token left for a request, or for a machine: nothing may be asked on any rung."""


def turn(
    known: Capacity, lifecycle: Lifecycle, offerings: Sequence[Offering], wanted: int, now: float
) -> tuple[Capacity, Turn]:
    """The next request of a rung, with the record in which its tokens are taken and its probe is."""
    codes = {one: closed(known, lifecycle, one, now) for one in offerings}
    usable = [one for one in offerings if not codes[one]]
    # Where anything goes without a probe, the probes wait: they are for one machine only.
    free = [one for one in usable if not _walls(known, lifecycle, one)]
    probed = _walls(known, lifecycle, usable[0]) if usable and not free else ()
    usable = [one for one in usable if _walls(known, lifecycle, one) == probed][:MOST_OFFERINGS]
    if not usable:
        why = ", ".join(sorted(set(codes.values()))) or "no machine type and zone to ask for"
        walled = {quotas.group_of(one.instance_type) for one in offerings if _standing(known, lifecycle, one, now)}
        return known, Turn(closed=why, walled=tuple(sorted(walled)))
    pace, granted = known.pace.lease(1 if probed else wanted, now)
    if not granted:
        return known, Turn(paced=True)
    walls = {**known.walls, **{name: replace(one, until=now + one.seconds) for name, one in probed}}
    who = known.stamp
    spot = lifecycle is Lifecycle.SPOT
    breakers = places.probed(known.breakers, map(places.place_of, usable), who, now) if spot else known.breakers
    return replace(known, pace=pace, walls=walls, breakers=breakers), Turn(granted, tuple(usable), who, now)


def answered(
    known: Capacity,
    asked: tuple[Lifecycle, Turn],
    answer: LaunchAnswer,
    now: float,
    terms: Terms,
) -> Capacity:
    """The record after an answer."""
    lifecycle, taken = asked
    kinds = {no.kind for no in answer.refusals}
    walls = _after(known.walls, asked, answer, now, terms)
    if _THROTTLED in kinds:
        pace = known.pace.throttled(now, _jitter(known))
    else:
        pace = known.pace.returned(max(0, taken.count - len(answer.machines)), now)
    refused = pools.noted(known.refused, answer.refusals, (lifecycle, taken.offerings), now, terms.pool_s)
    happened = [Met(places.place(one.instance_type, one.zone)) for one in answer.machines]
    happened += [Met(places.place(no.instance_type, no.zone), no.code) for no in answer.refusals if _is_of_a_place(no)]
    spot = lifecycle is Lifecycle.SPOT and taken.count > 0
    breakers = places.met(known.breakers, happened, taken.began, now, taken.who) if spot else known.breakers
    return replace(known, pace=pace, walls=walls, refused=refused, breakers=breakers)


def wake(known: Capacity, jobs: int, now: float) -> tuple[Capacity, float | None]:
    """In how many seconds it is worth while to serve so many jobs; None where somebody is to be woken already."""
    if known.wake_at > now:
        return known, None
    after_s = known.pace.wait(jobs, now) + _jitter(known)
    return replace(known, wake_at=now + after_s), after_s


def interrupted(known: Capacity, happened: Iterable[Met], now: float) -> Capacity:
    """The record after spot machines were taken away."""
    return replace(known, breakers=places.met(known.breakers, happened, now, now))


def ordered(known: Capacity, pattern: str, force: Force | None) -> Capacity:
    """The record with an operator's order for the places that a pattern fits; none takes an order back."""
    others = {name: order for name, order in known.forced.items() if name != pattern}
    return replace(known, forced=others if force is None else {**others, pattern: force})


def unanswered(known: Capacity, now: float) -> Capacity:
    """The record after a request that was throttled, or of which nobody knows: everybody goes slower."""
    return replace(known, pace=known.pace.slowed(now, _jitter(known)))


def closed(known: Capacity, lifecycle: Lifecycle, one: Offering, now: float) -> str:
    """Why an offering is not asked for now; empty where it is."""
    if wall := _standing(known, lifecycle, one, now):
        return f"the account's limit: {wall.code}"
    name = places.place_of(one)
    match places.forced(known.forced, name):
        case Force.OPEN:
            return "closed by the operator"
        case Force.CLOSED:
            return ""
    if code := pools.refusal(known.refused, lifecycle, one, now):
        return code
    is_open = lifecycle is Lifecycle.SPOT and places.is_open(known.breakers, name, known.stamp, now)
    return f"breaker: {known.breakers[name].cause}" if is_open else ""


def _is_of_a_place(no: Refusal) -> bool:
    return no.kind is RefusalKind.CAPACITY and bool(no.instance_type and no.zone)


def _jitter(known: Capacity) -> float:
    """A moment that differs from one dispatcher to the next, so that they do not all come back at once."""
    return JITTER_S * (zlib.crc32(known.stamp.encode()) % 1_000) / 1_000


def _walls(known: Capacity, lifecycle: Lifecycle, one: Offering) -> tuple[tuple[str, Wall], ...]:
    """The walls before an offering, standing or to be probed."""
    if not known.walls:
        return ()
    names = (f"{lifecycle}/{_WHOLE}", f"{lifecycle}/{quotas.group_of(one.instance_type)}")
    return tuple((name, known.walls[name]) for name in names if name in known.walls)


def _standing(known: Capacity, lifecycle: Lifecycle, one: Offering, now: float) -> Wall | None:
    return next((wall for _, wall in _walls(known, lifecycle, one) if now < wall.until), None)


def _after(
    walls: Mapping[str, Wall], asked: tuple[Lifecycle, Turn], answer: LaunchAnswer, now: float, terms: Terms
) -> Mapping[str, Wall]:
    """The walls after an answer: a machine that started proves that its own are gone."""
    lifecycle, taken = asked
    passed = {_WHOLE, *(quotas.group_of(one.instance_type) for one in answer.machines)} if answer.machines else set()
    left = {name: wall for name, wall in walls.items() if name not in {f"{lifecycle}/{group}" for group in passed}}
    for no in answer.refusals:
        if no.kind in _WALLS:
            seconds = SPECIAL_S if no.kind is RefusalKind.SPECIAL else terms.wall_s
            left |= {f"{lifecycle}/{group}": Wall(now + seconds, no.code, seconds) for group in _groups(no, taken)}
    return left


def _groups(no: Refusal, taken: Turn) -> set[str]:
    """The groups of families that a limit is about."""
    if no.code not in _OF_VCPUS:
        return {_WHOLE}
    named = [no.instance_type] if no.instance_type else [one.instance_type for one in taken.offerings]
    # An answer to a replayed request comes without what it asked for.
    return {quotas.group_of(name) for name in named} or {_WHOLE}
