"""Jobs that were lost with their machine are marked for a re-run, whoever heard last what proves it."""

from __future__ import annotations

from dataclasses import replace

from controller.domain.events import JobInterrupted
from controller.domain.interruption import is_lost, is_taken, mourned
from controller.domain.job import Job, JobState, Rerun
from controller.domain.runner import Runner
from controller.domain.runner_name import instance_of
from controller.usecases.desk import Desk


def mourn(desk: Desk, now: float, home: str = "") -> None:
    """Look at every pair on the desk; a machine that was not taken away costs no read.

    With `home` only jobs that live there are marked: their own region does it for the others.
    """
    for job in desk.jobs:
        if job.state is JobState.COMPLETED and job.rerun is Rerun.NONE and job.conclusion == "failure":
            desk.runner(instance_of(job.runner_name) or "")
    for runner in desk.runners:
        if runner.ran is not None and is_taken(runner):
            ran = desk.job(runner.ran)
            if not home or ran is None or ran.home == home:
                _mourn(ran, runner, desk, now)


def _mourn(job: Job | None, runner: Runner, desk: Desk, now: float) -> None:
    # Of a job that was never heard to be queued nobody knows in whose name to speak of it.
    if job is None or job.rerun is not Rerun.NONE or not job.installation_id or not is_lost(job, runner):
        return
    desk.put(replace(mourned(job, now), instance_id=runner.instance_id))
    desk.jobs_were_lost = True
    desk.told.append(
        JobInterrupted(job.id, job.repository, job.name, runner.instance_id, runner.interruption or runner.result)
    )
