"""Jobs and machines are paired by intention; GitHub assigns by label. This puts the two in line again.

When a runner runs another job than its machine was launched for, somebody's machine is left without
its job and somebody's job without its machine. Where those two fit each other they become a pair, and
nothing is launched; otherwise the job goes back in line for a machine of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.domain.job import Job, JobState, back_in_line
from controller.domain.runner import ALIVE, Lifecycle, Runner, RunnerState

MOST_REPLACEMENTS = 3
"""A job whose runners are taken again and again stops getting new ones."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """The changed records of a swap."""

    jobs: tuple[Job, ...] = ()
    runners: tuple[Runner, ...] = ()
    in_line: bool = False
    """Whether a job now waits for a machine."""


def swap(ran: Job, on: Runner, intended: Job | None, spare: Runner | None, now: float) -> Repaired:
    """Set right what follows from `ran` running on `on`, whose machine was meant for `intended`.

    `spare` is the machine that was meant for `ran`, where there is one.
    """
    if intended is None or intended.key == ran.key or not _is_bereft(intended, on):
        return Repaired()
    if spare is not None and _can_take_over(spare, ran, intended):
        state = JobState.LAUNCHED if spare.state is RunnerState.LAUNCHED else JobState.CLAIMED
        job = replace(intended, state=state, since=now, instance_id=spare.instance_id, reason=f"{on.name} ran {ran.id}")
        return Repaired((job,), (replace(spare, job=intended.key),))
    if intended.replacements >= MOST_REPLACEMENTS:
        return Repaired()
    job = back_in_line(intended, now, f"{on.name} ran {ran.id} instead")
    return Repaired((replace(job, replacements=intended.replacements + 1),), in_line=True)


def _is_bereft(intended: Job, on: Runner) -> bool:
    return intended.instance_id == on.instance_id and intended.state in {JobState.LAUNCHED, JobState.CLAIMED}


def _can_take_over(spare: Runner, ran: Job, intended: Job) -> bool:
    fit = spare.job == ran.key and _may_run_it(spare) and ran.shape == intended.shape
    if spare.state is not RunnerState.LAUNCHED:
        # Whether we like it or not: it listens, and GitHub gives the job to it by its labels.
        return fit and _covers(ran.labels, intended.labels)
    return fit and (not intended.on_demand or spare.lifecycle is Lifecycle.ON_DEMAND)


def _may_run_it(spare: Runner) -> bool:
    """Whether it can be, for all we have heard, that this machine runs or has run the job.

    A machine reports sooner than GitHub tells what it ran. When GitHub does, the pairs are mended again.
    """
    return spare.ran is None and (spare.state in ALIVE or spare.started_at is not None)


def _covers(have: tuple[str, ...], need: tuple[str, ...]) -> bool:
    return {label.lower() for label in need} <= {label.lower() for label in have}
