"""What may be asked of GitHub now: a budget of calls, and who goes without first when little of it is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Lane(StrEnum):
    """What a call is for, the most urgent first."""

    REGISTRATION = "registration"
    RECOVERY = "recovery"
    CLEAN_UP = "clean-up"


FLOORS = {Lane.REGISTRATION: 0.0, Lane.RECOVERY: 0.1, Lane.CLEAN_UP: 0.2}
"""A lane stops where no more than this part of the hour's calls is left: the rest is for the lanes above it."""


class Kind(StrEnum):
    """Registrations have a budget of their own at GitHub."""

    REGISTRATIONS = "registrations"
    REST = "rest"


PER_MINUTE = 180
"""Registrations: GitHub counts five points for each and gives 900 a minute."""
MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What GitHub's last answer said of an hour's budget."""

    limit: int
    remaining: int
    resets_at: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How an App's installation stands with GitHub, for all that is known here."""

    seen: Mapping[Kind, Seen] = field(default_factory=dict)
    closed: Mapping[Kind, float] = field(default_factory=dict)
    """Until when GitHub has asked not to be called."""
    recent: tuple[float, ...] = ()
    """The registrations of the last minute."""


def heard(standing: Standing, kind: Kind, seen: Seen) -> Standing:
    """The standing after an answer."""
    return replace(standing, seen={**standing.seen, kind: seen})


def closed(standing: Standing, until: Mapping[Kind, float]) -> Standing:
    """The standing after a refusal; the later end counts."""
    ends = {kind: max(standing.closed.get(kind, 0.0), until.get(kind, 0.0)) for kind in Kind}
    return replace(standing, closed={kind: end for kind, end in ends.items() if end})


def spent(standing: Standing, kind: Kind, now: float) -> Standing:
    """The standing once a call is on its way."""
    if kind is not Kind.REGISTRATIONS:
        return standing
    return replace(standing, recent=(*_recent(standing, now), now))


def wait_s(standing: Standing, kind: Kind, lane: Lane, now: float) -> float:
    """How long a call must wait; 0: it may go now. What is not known stops nobody."""
    waits = [standing.closed.get(kind, 0.0) - now]
    seen = standing.seen.get(kind)
    if seen is not None and seen.remaining <= FLOORS[lane] * seen.limit:
        waits.append(seen.resets_at - now)
    recent = _recent(standing, now)
    if kind is Kind.REGISTRATIONS and len(recent) >= PER_MINUTE:
        waits.append(recent[-PER_MINUTE] + MINUTE_S - now)
    return max(0.0, *waits)


def least_used(standings: Iterable[Standing], kind: Kind, lane: Lane, now: float) -> list[int]:
    """The standings' places in the order in which to use them: who need not wait, then who has used least."""
    known = list(standings)

    def use(place: int) -> tuple[float, float, int]:
        standing = known[place]
        return wait_s(standing, kind, lane, now), _used(standing, kind, now), len(_recent(standing, now))

    return sorted(range(len(known)), key=use)


def _used(standing: Standing, kind: Kind, now: float) -> float:
    """The part of the hour's budget that is gone; an hour that is over, or not known, counts as unused."""
    seen = standing.seen.get(kind)
    return 0.0 if seen is None or seen.resets_at <= now or not seen.limit else 1 - seen.remaining / seen.limit


def _recent(standing: Standing, now: float) -> tuple[float, ...]:
    return tuple(at for at in standing.recent if at > now - MINUTE_S)
