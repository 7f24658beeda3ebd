"""Machines that died on their way to a job, and the configurations that are held back because all of theirs do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from controller.domain import breaker
from controller.domain.breaker import Breaker, BreakerPolicy, BreakerState, Failure
from controller.domain.interruption import VANISHED, is_notice
from controller.domain.job import Job
from controller.domain.runner import Runner, RunnerState

MOST_DEATHS = 100
"""Enough to know; a thousand machines that die at once need no thousand entries."""
NEVER_CLAIMED = "never claimed"
NEVER_LISTENED = "never came to listen"
NEVER_STARTED = "hung while it listened"
"""Its boot is not to blame: only its console is kept."""
ENDED = "ended in boot"


@dataclass(frozen=True, slots=True)
class DeadBoot:
    """A machine that died before it had a job, of which nothing has been made yet."""

    instance_id: str
    job: str
    config: str
    cause: str
    launched_at: float


@dataclass(frozen=True, slots=True)
class BootHealth:
    """What all doors know together."""

    breakers: dict[str, Breaker] = field(default_factory=dict)
    """By configuration; one without trouble is not here."""
    deaths: tuple[DeadBoot, ...] = ()
    stamp: str = ""


class Outcome(StrEnum):
    """What has become of a probe."""

    UNDER_WAY = "under way"
    PASSED = "passed"
    NOTHING = "nothing"
    """Its job went elsewhere, or there was no machine for it: nothing was learnt."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a look at the records has shown."""

    proven: Mapping[str, float] = field(default_factory=dict)
    """By configuration, when the latest of its machines that claimed was launched."""
    listened: Mapping[str, float] = field(default_factory=dict)
    """The same of those whose runner came to listen."""
    probes: Mapping[str, Outcome] = field(default_factory=dict)


def missed(runner: Runner) -> str:
    """What a machine had not come to when it was given up; empty for one that had a job, or waited for one."""
    if not runner.has_booted:
        return NEVER_CLAIMED
    if runner.state is not RunnerState.CLAIMED:
        return ""
    return NEVER_STARTED if runner.has_listened else NEVER_LISTENED


def death_of(runner: Runner, cause: str) -> DeadBoot | None:
    """The death of a machine, where its boot is to blame; one that was taken away proves nothing."""
    taken_away = is_notice(runner.interruption) and runner.interruption != VANISHED
    came_up = runner.has_booted and cause in {NEVER_CLAIMED, ENDED}
    if not cause or came_up or taken_away:
        return None
    return DeadBoot(runner.instance_id, str(runner.job), runner.config, cause, runner.launched_at)


def with_deaths(health: BootHealth, deaths: Sequence[DeadBoot]) -> BootHealth:
    """These have died as well; copies of what is known change nothing."""
    known = {death.instance_id: death for death in (*health.deaths, *deaths)}
    return replace(health, deaths=tuple(known.values())[:MOST_DEATHS])


def judged(
    health: BootHealth, seen: Sequence[DeadBoot], evidence: Evidence, now: float, policy: BreakerPolicy
) -> BootHealth:
    """The breakers after these deaths and this evidence; deaths that were judged meanwhile count once."""
    names = {death.instance_id for death in seen}
    fresh = sorted((d for d in health.deaths if d.instance_id in names), key=lambda death: death.launched_at)
    breakers = dict(health.breakers)
    for config, at in evidence.proven.items():
        if config in breakers:
            breakers[config] = _proved(breakers[config], at, evidence.listened.get(config, _NEVER))
    for config, outcome in evidence.probes.items():
        if config in breakers:
            breakers[config] = _probed(breakers[config], outcome, now)
    for death in (one for one in fresh if one.cause != NEVER_STARTED):
        known = breakers.get(death.config, Breaker())
        proof = evidence.listened if death.cause == NEVER_LISTENED else evidence.proven
        # A machine launched no earlier has come further: this one was bad luck, not a rule.
        if death.launched_at > proof.get(death.config, _NEVER) or death.job == known.probe:
            failure = Failure(death.launched_at, death.cause)
            breakers[death.config] = breaker.failed(known, failure, now, policy, death.job)
    troubled = {config: each for config, each in breakers.items() if each != Breaker()}
    return replace(
        health, breakers=troubled, deaths=tuple(death for death in health.deaths if death.instance_id not in names)
    )


_NEVER = float("-inf")


def _proved(known: Breaker, claimed: float, listened: float) -> Breaker:
    """That machines claim says nothing of whether their runners listen."""
    if known.opened_at is not None:
        return breaker.succeeded(known, listened if known.cause == NEVER_LISTENED else claimed)
    mute = (one for one in known.failures if one.cause == NEVER_LISTENED and claimed >= one.at > listened)
    better = breaker.succeeded(known, claimed)
    return replace(better, failures=tuple(sorted((*better.failures, *mute), key=lambda one: one.at)))


def _probed(known: Breaker, outcome: Outcome, now: float) -> Breaker:
    match outcome:
        case Outcome.PASSED:
            return breaker.succeeded(known, now, known.probe)
        case Outcome.NOTHING:
            return breaker.without_probe(known)
        case Outcome.UNDER_WAY:
            return known


def admitted(
    health: BootHealth, group: Sequence[Job], now: float, policy: BreakerPolicy
) -> tuple[BootHealth, Sequence[Job]]:
    """The jobs of a group that may be launched now: all, none, or one to try whether its machine comes up."""
    config = group[0].config
    known = health.breakers.get(config, Breaker())
    if breaker.state(known, now, policy) is BreakerState.CLOSED:
        return health, group
    probing = breaker.probing(known, group[0].id, now, policy)
    if probing is None:
        return health, ()
    return replace(health, breakers={**health.breakers, config: probing}), group[:1]


def why_held(health: BootHealth, config: str) -> str:
    """What is said on the jobs that wait for a configuration; the same for as long as they do."""
    cause = health.breakers.get(config, Breaker()).cause
    return f"configuration {config} is held back: machine after machine {cause}; one is tried now and then"
