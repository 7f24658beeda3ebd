"""A circuit breaker: what fails again and again is left alone for a while, then tried once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether there is a way through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    """One probe may pass, or is on its way."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and how long it rests. Times are seconds."""

    failures: int = 5
    """Of one cause."""
    window_s: float = 600.0
    """They count as long as they are this close to the latest."""
    rest_s: float = 300.0
    """Doubled each time that a probe fails."""
    longest_rest_s: float = 3_600.0
    probe_s: float = 900.0
    """A probe that says nothing for so long is lost, and another may go."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that failed, when it was begun, and why."""

    at: float
    cause: str
    of: str = ""
    """What failed, where two may tell of it: it counts once."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """One breaker; a new one is closed."""

    failures: tuple[Failure, ...] = ()
    opened_at: float | None = None
    cause: str = ""
    """Why it opened."""
    trips: int = 0
    """How often in a row it has opened."""
    probe: str = ""
    """Who is on the way to try."""
    probe_at: float = 0.0


def state(breaker: Breaker, now: float, policy: BreakerPolicy) -> BreakerState:
    """Where the breaker stands."""
    if breaker.opened_at is None:
        return BreakerState.CLOSED
    return BreakerState.OPEN if now < breaker.opened_at + _rest(breaker, policy) else BreakerState.HALF_OPEN


def tried_again_at(breaker: Breaker, policy: BreakerPolicy) -> float | None:
    """When a probe may pass; None for one that is closed."""
    return None if breaker.opened_at is None else breaker.opened_at + _rest(breaker, policy)


def failed(breaker: Breaker, failure: Failure, now: float, policy: BreakerPolicy, who: str = "") -> Breaker:
    """The breaker after a failure; `who` failed, which matters where that was the probe."""
    if breaker.opened_at is not None:
        # What was begun before it opened only tells what is known already.
        is_probe = bool(who) and who == breaker.probe
        return _opened(breaker, failure.cause, now) if is_probe else breaker
    if failure.of and any(each.of == failure.of for each in breaker.failures):
        return breaker
    near = [each for each in (*breaker.failures, failure) if failure.at - each.at < policy.window_s]
    near = sorted(near, key=lambda each: each.at)[-policy.failures * _CAUSES :]
    told = replace(breaker, failures=tuple(near))
    most, count = Counter(each.cause for each in near).most_common(1)[0]
    return _opened(told, most, now) if count >= policy.failures else told


def succeeded(breaker: Breaker, at: float, who: str = "") -> Breaker:
    """The breaker after something begun at a time went well: it proves all that was begun before not to be a rule."""
    if breaker.opened_at is None:
        return replace(breaker, failures=tuple(each for each in breaker.failures if each.at > at), trips=0)
    return Breaker() if (who and who == breaker.probe) or at >= breaker.opened_at else breaker


def probing(breaker: Breaker, who: str, now: float, policy: BreakerPolicy) -> Breaker | None:
    """The breaker with this one on its way to try; None where nobody may try now."""
    if state(breaker, now, policy) is not BreakerState.HALF_OPEN:
        return None
    if breaker.probe and breaker.probe != who and now < breaker.probe_at + policy.probe_s:
        return None
    return replace(breaker, probe=who, probe_at=now)


def without_probe(breaker: Breaker) -> Breaker:
    """The probe has come back without having tried anything."""
    return replace(breaker, probe="", probe_at=0.0)


_CAUSES = 8
"""Enough room for the failures of several causes."""


def _opened(breaker: Breaker, cause: str, now: float) -> Breaker:
    return Breaker(opened_at=now, cause=cause, trips=breaker.trips + 1)


def _rest(breaker: Breaker, policy: BreakerPolicy) -> float:
    return min(policy.rest_s * 2.0 ** min(breaker.trips - 1, 30), policy.longest_rest_s)
