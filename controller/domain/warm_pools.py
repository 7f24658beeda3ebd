"""Warm pools: which spare machine a job takes, and which spares are to be started or to go.

A spare is of one machine shape and of no repository. A job that takes one makes it the machine launched for
that job, so that everything after it is the same as for any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from controller.domain.interruption import is_notice
from controller.domain.job import Job, JobState
from controller.domain.runner import Lifecycle, Runner, RunnerState

LARGEST_POOL = 50
"""Each spare and the job that takes it are written together, and 100 records are the most of one atomic write."""

WARM = "warm"
"""Stands where a job's record names the rung of the capacity ladder, for a machine that ran already."""

HAND_OVER_S = 60.0
"""A spare that is ready asks every few seconds: one that has not claimed its job by then is lost."""

RECENT_S = 120.0
"""For so long an index may not show what a launch has started."""

LOOKED_AT_S = 900.0
"""A launch that has no outcome after so long is not counted on any more."""

WRITTEN_S = 60.0
"""A launch noted so long ago that was never written down never will be."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What is to be kept warm of one configuration."""

    config: str
    shape: str
    """Of its machines, as jobs of no repository would have it."""
    size: int
    why_smaller: str = ""
    """Why none, or fewer than the configuration says, are wanted now."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a group of equal jobs can take."""

    shape: str
    """Of the machine, without the repository."""
    types: Collection[str]
    """What the job's own rules allow, narrower perhaps than the pool's."""
    on_demand: bool
    """Whether spot machines will not do."""


def pairs(jobs: Iterable[Job], spares: Iterable[Runner], wish: Wish, now: float) -> list[tuple[Job, Runner]]:
    """Each job in turn with the spare it takes: ready ones first, and of these the one whose time ends first."""
    fitting = sorted((spare for spare in spares if _fits(spare, wish, now)), key=_order)
    waiting = (job for job in jobs if job.state is JobState.WAITING)
    return list(zip(waiting, fitting, strict=False))[:LARGEST_POOL]


def _fits(spare: Runner, wish: Wish, now: float) -> bool:
    paid = not wish.on_demand or spare.lifecycle is Lifecycle.ON_DEMAND
    good = spare.state is RunnerState.SPARE and spare.lease_until > now and not is_notice(spare.interruption)
    return good and paid and spare.shape == wish.shape and spare.instance_type in wish.types


def _order(spare: Runner) -> tuple[bool, float, str]:
    return spare.ready_at is None, spare.lease_until, spare.instance_id


@dataclass(frozen=True, slots=True)
class Fill:
    """A launch of spares as it was noted before it was written down."""

    config: str
    count: int
    at: float


def coming(fills: Mapping[str, Fill], pending: Collection[str], known: Collection[str], now: float) -> Counter[str]:
    """By configuration, the machines of launches whose outcome is not written down yet.

    `pending` are the launches that wait for their outcome, `known` all that are written down at all.
    """
    found: Counter[str] = Counter()
    for launch_id, fill in fills.items():
        unwritten = launch_id not in known and now - fill.at < WRITTEN_S
        if launch_id in pending or unwritten:
            found[fill.config] += fill.count
    return found


def to_look_at(fills: Mapping[str, Fill], now: float) -> dict[str, Fill]:
    """The launches worth a look: a pool that has been full for a while costs none."""
    return {name: fill for name, fill in fills.items() if now - fill.at < LOOKED_AT_S}


def remembered(fills: Mapping[str, Fill], pending: Collection[str], now: float) -> dict[str, Fill]:
    """The launches that are to stay noted."""
    return {name: fill for name, fill in fills.items() if name in pending or now - fill.at < RECENT_S}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for one pool."""

    start: int = 0
    stop: tuple[tuple[Runner, str], ...] = ()
    """Spares that are to go, each with its reason."""


def plan(pool: Pool, spares: Iterable[Runner], under_way: int, now: float, lead_s: float) -> Plan:
    """How a pool comes to its size.

    One whose time ends within `lead_s` is not counted any more, so that its successor is up when it goes.
    """
    mine = [spare for spare in spares if spare.config == pool.config and spare.state is RunnerState.SPARE]
    drifted = [(spare, "its configuration has changed") for spare in mine if spare.shape != pool.shape]
    good = [spare for spare in mine if spare.shape == pool.shape and _counts(spare, now, lead_s)]
    surplus = max(0, len(good) + under_way - pool.size)
    # Those that are not up yet are of the least use, then those that have the shortest time left.
    least = sorted(good, key=lambda spare: (spare.ready_at is not None, spare.lease_until, spare.instance_id))
    why = pool.why_smaller or "the pool was made smaller"
    return Plan(
        start=max(0, pool.size - len(good) - under_way),
        stop=(*drifted, *((spare, why) for spare in least[:surplus])),
    )


def _counts(spare: Runner, now: float, lead_s: float) -> bool:
    if is_notice(spare.interruption):
        return False
    left = spare.lease_until - now
    return left > (lead_s if spare.ready_at is not None else 0.0)


def strays(spares: Iterable[Runner], configs: Collection[str]) -> Plan:
    """What to do about spares whose configuration is not among those that there are."""
    gone = [spare for spare in spares if spare.config not in configs and spare.state is RunnerState.SPARE]
    return Plan(stop=tuple((spare, "its configuration is gone") for spare in gone))
