"""Ghosts: runners that GitHub still has though their machines have ended, found by our own records alone.

What GitHub says of a runner, busy, idle or offline, decides nothing here: a machine that our records
have alive keeps its runner whatever it is called, and a name that leads to no record of ours is not ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.runner import Runner
from controller.domain.runner_name import instance_of

GONE_BY_ITSELF_S = 86_400.0
"""GitHub removes a just-in-time runner that has been offline for a day."""


@dataclass(frozen=True, slots=True)
class Deregister:
    """Remove this runner: its machine has ended."""

    runner: Runner
    runner_id: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing is left of this machine at GitHub."""

    runner: Runner
    reason: str


def doubtful(
    ended: Iterable[Runner], jobs: Mapping[JobKey, Job], now: float, patience_s: float
) -> tuple[list[Runner], list[Settle]]:
    """The machines that GitHub is to be asked about now, and those of which nothing needs to be asked."""
    ask: list[Runner] = []
    settled: list[Settle] = []
    for runner in ended:
        job = jobs.get(runner.job)
        if now - runner.since > GONE_BY_ITSELF_S:
            settled.append(Settle(runner, "GitHub has forgotten it by itself"))
        elif job is None or not job.installation_id:
            settled.append(Settle(runner, "nobody knows where it was registered"))
        # A job that GitHub has in progress on it is given up by GitHub first, and then said to be.
        elif now - runner.since > patience_s and not _works(runner, jobs):
            ask.append(runner)
    return ask, settled


def ghosts(
    asked: Iterable[Runner], listed: Iterable[tuple[int, str]], now: float
) -> tuple[list[Deregister], list[Settle]]:
    """What to remove of the runners that GitHub has, and which machines have nothing left there then."""
    ended = {runner.instance_id: runner for runner in asked}
    found = [
        Deregister(
            runner, runner_id, name, f"{runner.instance_id} has been {runner.state} for {now - runner.since:.0f} s"
        )
        for runner_id, name in listed
        if (runner := ended.get(instance_of(name) or ""))
    ]
    return found, [Settle(runner, "GitHub has no runner of it") for runner in ended.values()]


def _works(runner: Runner, jobs: Mapping[JobKey, Job]) -> bool:
    mine = [job for key in (runner.job, runner.ran) if key and (job := jobs.get(key))]
    return any(job.state is JobState.RUNNING and job.runner_name == runner.name for job in mine)
