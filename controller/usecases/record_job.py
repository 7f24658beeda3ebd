"""GitHub's word on a job goes into the job's record, and into its machine's."""

from __future__ import annotations

from dataclasses import replace

from controller.domain import job as jobs_of
from controller.domain import runner as runners_of
from controller.domain.events import JobBackInLine, JobEnded, JobStarted, ResultsDiffer, RunnerSwapped
from controller.domain.job import Job, JobState
from controller.domain.job_key import Intake
from controller.domain.pairing import swap
from controller.domain.runner import ALIVE, Runner, RunnerState
from controller.domain.runner_name import instance_of
from controller.domain.verdicts import contradict
from controller.messages import JobMoved, Step
from controller.usecases.desk import Desk
from runner_agent.contract.trace import TraceContext


def record_job(moved: JobMoved, desk: Desk, home: str, job_limit_s: float, now: float) -> None:
    """Join one delivery with the records; late, early and repeated ones change nothing twice."""
    if moved.kind is Step.WAITING:
        return
    # A job never heard of still gets a record, so that its `queued`, if it comes late, launches nothing.
    known = desk.job(moved.key)
    job = known or _unheard(moved, home, now)
    runner = desk.runner(instance_of(moved.runner_name) or "")
    if runner is not None and (runner.home != home or runner.job.server != moved.key.server):
        # No server has a say about machines that work for another.
        runner = None
    before, meant = job.state, job.instance_id
    if before is not JobState.COMPLETED:
        job = _advanced(job, moved, now)
    if job.state is not before:
        desk.told.append(_news(job, moved, now))
    if runner is not None and runner.ran is None:
        job = replace(job, instance_id=runner.instance_id)
        _record_machine(runner, job, moved, desk, now + (runner.job_limit_s or job_limit_s), now)
        _mend(runner, job, meant, desk, now)
    if runner is not None and job.state is JobState.COMPLETED and before is not JobState.COMPLETED:
        _compare(job, runner.instance_id, desk)
    if job != known:
        desk.put(job)


def _unheard(moved: JobMoved, home: str, now: float) -> Job:
    return Job(
        key=moved.key,
        repository=moved.repository,
        server=moved.server,
        installation_id=moved.installation_id,
        run_id=moved.run_id,
        workflow=moved.workflow,
        name=moved.name,
        labels=moved.labels,
        head_sha=moved.head_sha,
        queued_at=0.0,
        received_at=moved.received_at,
        intake=Intake.WEBHOOK,
        home=home,
        since=now,
    )


def _advanced(job: Job, moved: JobMoved, now: float) -> Job:
    job = replace(job, runner_name=moved.runner_name or job.runner_name, started_at=moved.started_at or job.started_at)
    if moved.kind is Step.COMPLETED:
        ended = moved.completed_at or now
        return jobs_of.move(job, JobState.COMPLETED, now, conclusion=moved.conclusion, completed_at=ended)
    return job if job.state is JobState.RUNNING else jobs_of.move(job, JobState.RUNNING, now)


def _news(job: Job, moved: JobMoved, now: float) -> JobStarted | JobEnded:
    if moved.kind is Step.IN_PROGRESS:
        waited = job.started_at - job.queued_at if job.started_at and job.queued_at else None
        return JobStarted(job.id, job.repository, job.runner_name, waited)
    return JobEnded(
        job=job.id,
        repository=job.repository,
        name=job.name,
        runner=job.runner_name or "no runner",
        conclusion=job.conclusion,
        traceparent=str(TraceContext.of_job(job.key.job_id, job.key.attempt, job.key.server)),
        queued_at=job.queued_at or job.started_at or now,
        ended_at=job.completed_at or now,
        ran_s=job.completed_at - job.started_at if job.completed_at and job.started_at else None,
    )


def _record_machine(runner: Runner, job: Job, moved: JobMoved, desk: Desk, lease_until: float, now: float) -> None:
    ran = replace(runner, ran=job.key, started_at=moved.started_at or now)
    if runner.state is RunnerState.CLAIMED:
        ran = runners_of.move(ran, RunnerState.BUSY, now, lease_until=lease_until)
    desk.put(ran)


def _compare(job: Job, instance_id: str, desk: Desk) -> None:
    """Beside the word of the machine that ran it; where that is still to come, leave GitHub's with the machine."""
    machine = desk.runner(instance_id)
    if machine is None or machine.ran != job.key:
        return
    if contradict(job.conclusion, machine.result):
        desk.told.append(ResultsDiffer(job.id, instance_id, job.conclusion, machine.result))
    if machine.state in ALIVE and job.conclusion != "success":
        desk.put(replace(machine, concluded=job.conclusion))


def _mend(runner: Runner, job: Job, meant: str, desk: Desk, now: float) -> None:
    """Where the machine was meant for another job, see that this one gets a machine again."""
    if runner.job == job.key:
        return
    desk.told.append(RunnerSwapped(runner.instance_id, str(runner.job), job.id))
    spare = desk.runner(meant) if meant != runner.instance_id else None
    mended = swap(job, runner, desk.job(runner.job), spare, now)
    desk.put(*mended.jobs, *mended.runners)
    if mended.in_line:
        desk.line_has_grown = True
        desk.told += [JobBackInLine(lost.id, lost.repository, lost.reason, lost.failures) for lost in mended.jobs]
