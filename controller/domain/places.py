"""Places (machine type, zone) that take spot machines away or refuse them again and again: a breaker for each.

A breaker keeps spot machines out only: on-demand ones are not taken away. What an operator forces holds for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from controller.domain import breaker
from controller.domain.breaker import Breaker, BreakerPolicy, BreakerState, Failure
from controller.domain.launch import Offering

POLICY = BreakerPolicy(failures=3, window_s=900.0, rest_s=600.0, longest_rest_s=7_200.0, probe_s=120.0)
NEWS_S = POLICY.rest_s
"""A warning this old counts for nothing: until then a copy of it finds its failure kept, or the breaker open."""
TAKEN_AWAY = "interruption"
MOST_KEPT = 300

Breakers = Mapping[str, Breaker]


class Force(StrEnum):
    """What an operator has decided for places, whatever happens there."""

    OPEN = "open"
    """Not to be used."""
    CLOSED = "closed"
    """To be used, in spite of what was refused and taken away there."""


@dataclass(frozen=True, slots=True)
class Met:
    """What happened in a place: the code of a refusal, `TAKEN_AWAY`, or nothing bad: a machine was started."""

    place: str
    code: str = ""
    machine: str = ""
    """Which one it happened to, where that may be told twice."""


def place(instance_type: str, zone: str) -> str:
    """A place's name, which the patterns of an operator are matched with."""
    return f"{instance_type}/{zone}"


def taken_away(instance_id: str, instance_type: str, zone: str) -> Met:
    """A spot machine was taken away."""
    return Met(place(instance_type, zone), TAKEN_AWAY, instance_id)


def place_of(offering: Offering) -> str:
    """Where an offering is."""
    return place(offering.instance_type, offering.zone)


def forced(orders: Mapping[str, Force], name: str) -> Force | None:
    """What an operator has ordered for a place; the latest order that fits counts."""
    return next((force for pattern, force in reversed(list(orders.items())) if fnmatchcase(name, pattern)), None)


def is_open(known: Breakers, name: str, who: str, now: float) -> bool:
    """Whether a spot machine may not be asked for in this place, by this one, now."""
    found = known.get(name, Breaker())
    if breaker.state(found, now, POLICY) is BreakerState.CLOSED:
        return False
    return breaker.probing(found, who, now, POLICY) is None


def probed(known: Breakers, names: Iterable[str], who: str, now: float) -> Breakers:
    """The breakers with this one on its way to those of the places that want a probe."""
    probes = {name: breaker.probing(known[name], who, now, POLICY) for name in names if name in known}
    return {**known, **{name: probe for name, probe in probes.items() if probe}}


def met(known: Breakers, happened: Iterable[Met], began: float, now: float, who: str = "") -> Breakers:
    """The breakers after something happened in places; `who` asked, and began it at a time."""
    changed = dict(known)
    for event in happened:
        changed[event.place] = _after(changed.get(event.place, Breaker()), event, began, now, who)
    if who:
        # Where nothing happened the probe has tried nothing: others of its request had all that was asked for.
        changed = {name: breaker.without_probe(one) if one.probe == who else one for name, one in changed.items()}
    worth = {name: one for name, one in changed.items() if _is_worth_keeping(one, now)}
    return dict(sorted(worth.items(), key=lambda item: _latest(item[1]))[-MOST_KEPT:])


def closed(known: Breakers) -> frozenset[str]:
    """The places that spot machines are kept out of, probes apart."""
    return frozenset(name for name, one in known.items() if one.opened_at is not None)


def _after(found: Breaker, event: Met, began: float, now: float, who: str) -> Breaker:
    if event.code:
        return breaker.failed(found, Failure(began, event.code, event.machine), now, POLICY, who)
    better = breaker.succeeded(found, began, who)
    if found.opened_at is None:
        # That a machine starts says nothing of how long it stays.
        stays = tuple(one for one in found.failures if one.cause == TAKEN_AWAY)
        return replace(better, failures=stays)
    return better


def _is_worth_keeping(one: Breaker, now: float) -> bool:
    return one.opened_at is not None or any(now - failure.at < POLICY.window_s for failure in one.failures)


def _latest(one: Breaker) -> float:
    return max([one.opened_at or 0.0, *(failure.at for failure in one.failures)])
