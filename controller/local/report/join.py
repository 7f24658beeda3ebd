"""How what was seen becomes lanes on one axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from controller.local.report import prices
from controller.local.report.mishap import Mishap
from controller.local.report.model import Bill, CallCount, JobLane, MachineLane, Mark, Piece, Report
from controller.local.report.phases import Phase
from controller.local.truth import CallSeen, JobSeen, MachineSeen, Summary, latest
from runner_agent.contract.trace import TraceContext

_MOST_ATTEMPTS = 10
_HOUR_S = 3600.0


def build(
    jobs: Sequence[JobSeen],
    machines: Sequence[MachineSeen],
    calls: Sequence[CallSeen],
    phases: Sequence[Phase],
    summary: Summary,
    mishaps: Sequence[Mishap],
) -> Report:
    """Join what was seen into lanes on one axis."""
    began, ended = _span_of(jobs, machines, mishaps)
    host = {job.job_id: _host(job, machines) for job in jobs}
    machine_lanes = tuple(
        _machine_lane(machine, [str(job.job_id) for job in jobs if host[job.job_id] is machine], began, ended)
        for machine in sorted(machines, key=lambda each: (each.launched_at, each.instance_id))
    )
    by_id = {lane.id: lane for lane in machine_lanes}
    launched = {machine.instance_id: machine.launched_at for machine in machines}
    ends = {job.identity: job for job in latest(jobs)}
    stories = _stories(jobs, host, [_since_launch(phase, launched) for phase in phases])
    return Report(
        began=began,
        length=_round(ended - began),
        jobs=tuple(
            replace(
                _job_lane(job, _lane_of(host[job.job_id], by_id), stories[job.job_id], began),
                repaired=_is_repaired(job, ends[job.identity]),
                attempts=tuple(str(each.job_id) for each in jobs if each.identity == job.identity and each is not job),
            )
            for job in sorted(jobs, key=lambda each: (_first(each, jobs), each.attempt))
        ),
        machines=machine_lanes,
        marks=_marks(mishaps, began),
        calls=_calls(calls, sum(1 for job in jobs if job.needs_machine)),
        bill=_bill(machine_lanes),
        summary=summary,
    )


def _first(job: JobSeen, jobs: Sequence[JobSeen]) -> int:
    """Where a job's first attempt stands: the others follow it."""
    return next(place for place, each in enumerate(jobs) if each.identity == job.identity)


def _is_repaired(job: JobSeen, end: JobSeen) -> bool:
    return bool(job.broken) and end is not job and end.status == "completed" and not end.broken


def _span_of(
    jobs: Sequence[JobSeen], machines: Sequence[MachineSeen], mishaps: Sequence[Mishap]
) -> tuple[float, float]:
    moments = [moment for job in jobs for moment in (job.queued_at, job.started_at, job.completed_at)]
    moments += [moment for machine in machines for moment in (machine.launched_at, machine.ended_at)]
    moments += [mishap.at for mishap in mishaps]
    known = [moment for moment in moments if moment is not None]
    return (min(known), max(known)) if known else (0.0, 0.0)


def _host(job: JobSeen, machines: Sequence[MachineSeen]) -> MachineSeen | None:
    return next((machine for machine in machines if machine.instance_id in job.runner), None)


def _lane_of(machine: MachineSeen | None, lanes: Mapping[str, MachineLane]) -> MachineLane | None:
    return lanes[machine.instance_id] if machine else None


def _machine_lane(machine: MachineSeen, jobs: Sequence[str], began: float, ended: float) -> MachineLane:
    listed = prices.hourly(machine.instance_type, machine.lifecycle)
    hourly = listed if machine.hourly is None else machine.hourly
    lived = (machine.ended_at if machine.ended_at is not None else ended) - machine.launched_at
    return MachineLane(
        id=machine.instance_id,
        type=machine.instance_type,
        zone=machine.zone,
        lifecycle=machine.lifecycle,
        start=_round(machine.launched_at - began),
        end=None if machine.ended_at is None else _round(machine.ended_at - began),
        lived=_round(lived),
        hourly=hourly,
        cost=None if hourly is None else hourly * lived / _HOUR_S,
        jobs=tuple(jobs),
    )


def _job_lane(job: JobSeen, machine: MachineLane | None, phases: Sequence[Phase], began: float) -> JobLane:
    # A job that was skipped has a start at GitHub, which says nothing.
    started = _since(job.started_at if job.needs_machine else None, began)
    queued, completed = _round(job.queued_at - began), _since(job.completed_at, began)
    return JobLane(
        id=str(job.job_id),
        name=job.name,
        attempt=job.attempt,
        workflow=job.workflow,
        labels=job.labels,
        outcome=job.conclusion or job.status,
        broken=job.broken,
        repaired=False,
        attempts=(),
        queued=queued,
        started=started,
        completed=completed,
        off=machine.end if machine else None,
        machine=machine.id if machine else "",
        waited=_between(queued, started),
        ran=_between(started, completed),
        cost=machine.cost / len(machine.jobs) if machine and machine.cost is not None else None,
        pieces=tuple(_piece(phase, began) for phase in sorted(phases, key=lambda each: (each.start, each.end))),
    )


def _stories(
    jobs: Sequence[JobSeen], host: Mapping[int, MachineSeen | None], phases: Sequence[Phase]
) -> dict[int, list[Phase]]:
    """The phases of each job: what the platform did for it, and the life of the machine it ran on.

    GitHub hands out jobs by label, so a machine launched for one job may have run another: its life belongs
    to the job it ran. A machine that ran none stays with the job it was launched for.
    """
    of_trace = {
        TraceContext.of_job(job.job_id, attempt).trace_id: job.job_id
        for job in jobs
        for attempt in range(1, _MOST_ATTEMPTS + 1)
    }
    ran = {machine.instance_id: job_id for job_id, machine in host.items() if machine}
    stories: dict[int, list[Phase]] = {job.job_id: [] for job in jobs}
    for phase in phases:
        job_id = ran.get(phase.instance_id, of_trace.get(phase.trace_id))
        if job_id is not None:
            stories[job_id].append(phase)
    return {job_id: _without_echo(story) for job_id, story in stories.items()}


def _since_launch(phase: Phase, launched: Mapping[str, float]) -> Phase:
    """A machine knows its own launch to the second only, the cloud knows it better."""
    start = max(phase.start, launched.get(phase.instance_id, phase.start))
    return replace(phase, start=start, end=max(start, phase.end))


def _without_echo(story: Sequence[Phase]) -> list[Phase]:
    """A claim is told by the machine that waited and by the controller that answered; the longer tale holds both."""
    waited = any(phase.name == "claim" and phase.instance_id for phase in story)
    return [phase for phase in story if not (waited and phase.name == "claim" and not phase.instance_id)]


def _piece(phase: Phase, began: float) -> Piece:
    start, end = _round(phase.start - began), _round(phase.end - began)
    return Piece(phase.name, phase.actor.value, start, max(start, end), phase.instance_id)


def _marks(mishaps: Sequence[Mishap], began: float) -> tuple[Mark, ...]:
    in_order = sorted(mishaps, key=lambda mishap: mishap.at)
    return tuple(
        Mark(number, _round(each.at - began), each.text, each.subject, each.answer, each.outcome.value)
        for number, each in enumerate(in_order, start=1)
    )


def _calls(calls: Sequence[CallSeen], served: int) -> tuple[CallCount, ...]:
    counted = Counter((call.caller, call.service, call.action) for call in calls)
    return tuple(
        CallCount(*kind, count=count, per_job=count / served if served else None)
        for kind, count in sorted(counted.items())
    )


def _bill(machines: Sequence[MachineLane]) -> Bill:
    priced = [machine for machine in machines if machine.cost is not None]
    return Bill(
        total=sum(machine.cost or 0.0 for machine in priced),
        on_demand=sum((prices.on_demand(machine.type) or 0.0) * machine.lived / _HOUR_S for machine in priced),
        unpriced=len(machines) - len(priced),
    )


def _since(moment: float | None, began: float) -> float | None:
    return None if moment is None else _round(moment - began)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else _round(end - start)


def _round(seconds: float) -> float:
    return round(seconds, 3)
