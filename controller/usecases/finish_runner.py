"""A machine's own word goes into its record; a job it did not get to goes back in line."""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.domain import job as jobs_of
from controller.domain import runner as runners_of
from controller.domain.events import (
    InterruptionNoticed,
    JobBackInLine,
    JobRefused,
    MachineReported,
    ResultsDiffer,
    RunnerObtained,
)
from controller.domain.interruption import REBALANCE, Witness, noticed
from controller.domain.job import JobState
from controller.domain.runner import Lifecycle, Runner, RunnerState
from controller.domain.verdicts import contradict
from controller.usecases.desk import Desk
from runner_agent.contract.reports import Report, ReportKind, Result

NEVER_RAN = frozenset(
    {
        Result.GHOST,
        Result.NO_JOB,
        Result.REGISTRATION_FAILED,
        Result.RUNNER_UNAVAILABLE,
        Result.INTERRUPTED,
        Result.AGENT_CRASH,
    }
)
"""With these the job may still be waiting at GitHub; whether it ran is then GitHub's word alone."""


_TAKEN_AWAY = frozenset({"terminate", "stop", "hibernate"})
_WORDS = _TAKEN_AWAY | {REBALANCE}
"""What a machine may say becomes a dimension of a metric: only these words do."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a machine may stay in a stage, in seconds."""

    idle_s: float
    job_s: float


def finish_runner(report: Report, desk: Desk, terms: Terms, now: float) -> None:
    """Join one report with the machine's record; copies of it change nothing."""
    runner = desk.runner(report.instance_id)
    if runner is None:
        return
    match report.kind:
        case ReportKind.REGISTERED if runner.state is RunnerState.CLAIMED and runner.registered_at is None:
            listening = report.phases.get("listening", report.at)
            desk.put(replace(runner, registered_at=listening, lease_until=now + terms.idle_s))
        case ReportKind.STARTED if runner.state is RunnerState.CLAIMED:
            desk.put(_started(runner, report, terms, now))
            if report.runner_source:
                desk.told.append(RunnerObtained(runner.instance_id, report.runner_source))
        case ReportKind.FINISHED if runner.state not in {RunnerState.FINISHED, RunnerState.GONE}:
            _finish(runner, report, desk, now)
        case ReportKind.INTERRUPTION | ReportKind.FINISHED if (known := _noticed(runner, report, now)) != runner:
            desk.put(known)
            _tell_interruption(runner, known, desk)
        case _:
            return
    desk.told.append(MachineReported(runner.instance_id, report.kind, report.result or "", report.reason))


def _started(runner: Runner, report: Report, terms: Terms, now: float) -> Runner:
    return runners_of.move(
        runner,
        RunnerState.BUSY,
        now,
        registered_at=runner.registered_at or report.phases.get("listening"),
        started_at=report.at,
        lease_until=now + (runner.job_limit_s or terms.job_s),
    )


def _noticed(runner: Runner, report: Report, now: float) -> Runner:
    return noticed(runner, report.interruption if report.interruption in _WORDS else "", Witness.MACHINE, now)


def _tell_interruption(before: Runner, runner: Runner, desk: Desk) -> None:
    """The machine often hears of it before the cloud tells us: whoever is first tells, and the other finds it told."""
    kind = runner.interruption
    if kind == before.interruption or kind not in _TAKEN_AWAY or runner.lifecycle is not Lifecycle.SPOT:
        return
    desk.told.append(
        InterruptionNoticed(runner.instance_id, str(runner.job), kind, before.state, runner.instance_type, runner.zone)
    )


def _finish(runner: Runner, report: Report, desk: Desk, now: float) -> None:
    ended = runners_of.move(
        _noticed(runner, report, now),
        RunnerState.FINISHED,
        now,
        report.reason,
        started_at=runner.started_at or report.phases.get("started"),
        finished_at=report.at,
        result=str(report.result or ""),
        exit_code=report.exit_code,
    )
    desk.put(ended)
    _tell_interruption(runner, ended, desk)
    if contradict(conclusion := _conclusion(ended, desk), ended.result):
        desk.told.append(ResultsDiffer(str(ended.ran), ended.instance_id, conclusion, ended.result))
    seen_running = runner.ran or runner.started_at or "started" in report.phases
    if not seen_running and report.result in NEVER_RAN:
        release_job(ended, desk, f"{runner.instance_id} ended with {report.result}: {report.reason}", now)


def _conclusion(runner: Runner, desk: Desk) -> str:
    """GitHub's word on what the machine ran; of a machine that is content, only a bad one matters."""
    if runner.concluded or runner.ran is None or runner.result == Result.SUCCESS:
        return runner.concluded
    job = desk.job(runner.ran)
    return job.conclusion if job else ""


def release_job(runner: Runner, desk: Desk, reason: str, now: float) -> None:
    """The machine will not run its job any more: where GitHub has not said otherwise, back in line with it."""
    job = desk.job(runner.job)
    if job is None or job.instance_id != runner.instance_id:
        return
    if job.state not in {JobState.LAUNCHED, JobState.CLAIMED}:
        return
    given = jobs_of.given_back(job, now, reason)
    desk.put(given)
    if given.state is JobState.REFUSED:
        desk.told.append(JobRefused(given.id, given.repository, given.name, given.reason))
        return
    desk.line_has_grown = True
    desk.told.append(JobBackInLine(given.id, given.repository, reason, given.failures))
