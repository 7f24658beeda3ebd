"""The whole story of one job, joined from its record, its machines' and its launches'; what is missing is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controller.cli import cures
from controller.cli.times import is_known, since, span
from controller.domain import catalogue
from controller.domain.interruption import HUNG, REBALANCE, VANISHED
from controller.domain.job import Job, JobState, Rerun, Try
from controller.domain.launch import Launch
from controller.domain.runner import ALIVE, Lifecycle, Runner
from controller.domain.runner_name import instance_of
from runner_agent.contract.trace import TraceContext

_HOUR_S = 3_600.0
SOON_S = 90.0
"""A job in line without a reason has been looked at by nobody after so long."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found about a job."""

    job: Job
    machines: Mapping[str, Runner] = field(default_factory=dict)
    launches: Mapping[str, Launch] = field(default_factory=dict)
    drained: bool = False
    """Whether the job's region launches nothing."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened; an empty machine: to the job itself."""

    at: float
    what: str
    machine: str = ""


@dataclass(frozen=True, slots=True)
class MachineStory:
    """One machine of the job."""

    instance_id: str
    instance_type: str
    zone: str
    lifecycle: str
    state: str
    runner: str
    launched_at: float | None
    claimed_at: float | None
    started_at: float | None
    finished_at: float | None
    lived_s: float | None
    usd: float | None
    """About, by list prices; None: not known."""
    ran: str
    result: str
    exit_code: int | None
    interruption: str
    reason: str
    console: str


@dataclass(frozen=True, slots=True)
class Story:
    """The answer first, then everything it rests on. Times are seconds since the epoch."""

    answer: str
    cure: str
    job: str
    attempt: int
    page: str
    repository: str
    workflow: str
    name: str
    run_id: int
    state: str
    conclusion: str
    reason: str
    labels: tuple[str, ...]
    config: str
    home: str
    found_by: str
    queued_at: float
    waited_s: float | None
    """From the queue to the first step; None: not known."""
    ran_s: float | None
    usd: float | None
    """About, by list prices, of its machines but those that ran another job; None: not known."""
    rung: str
    rung_reason: str
    failures: int
    tries: tuple[Try, ...]
    replacements: int
    on_demand: bool
    reruns: int
    rerun: str
    trace_id: str
    happened: tuple[Happening, ...]
    machines: tuple[MachineStory, ...]


def told(found: Evidence, now: float) -> Story:
    """The story as far as the records tell it."""
    job = found.job
    machines = tuple(_machine(each, now) for each in sorted(found.machines.values(), key=_by_launch))
    trace = TraceContext.parse(job.traceparent) or TraceContext.of_job(job.key.job_id, job.key.attempt)
    return Story(
        answer=answer(job, found.machines.get(job.instance_id), now, drained=found.drained),
        cure=_cure(found, now),
        job=job.id,
        attempt=job.key.attempt,
        page=page_of(job),
        repository=job.repository,
        workflow=job.workflow,
        name=job.name,
        run_id=job.run_id,
        state=job.state,
        conclusion=job.conclusion,
        reason=job.reason,
        labels=job.labels,
        config=job.config,
        home=job.home,
        found_by=job.intake,
        queued_at=job.queued_at,
        waited_s=since(job.queued_at, job.started_at),
        ran_s=since(job.started_at, job.completed_at),
        usd=_sum(machine.usd for machine in machines if machine.ran in {"", job.id}),
        rung=job.rung,
        rung_reason=job.rung_reason,
        failures=job.failures,
        tries=job.tries,
        replacements=job.replacements,
        on_demand=job.on_demand,
        reruns=job.reruns,
        rerun=job.rerun,
        trace_id=trace.trace_id,
        happened=tuple(sorted(_known(_happened(found)), key=lambda each: each.at)),
        machines=machines,
    )


def machines_of(job: Job) -> tuple[str, ...]:
    """The ids of every machine that its record names, the first first."""
    names = [*(each.instance_id for each in job.tries), job.instance_id, instance_of(job.runner_name) or ""]
    return tuple(dict.fromkeys(filter(None, names)))


def launches_of(job: Job) -> tuple[str, ...]:
    """The ids of every launch that its record names."""
    return tuple(dict.fromkeys(filter(None, [*(each.launch_id for each in job.tries), job.launch_id])))


def page_of(job: Job) -> str:
    """The job's page at GitHub; empty where its run was never heard of."""
    if not job.server or not job.run_id:
        return ""
    return f"{_web(job.server)}/{job.repository}/actions/runs/{job.run_id}/job/{job.key.job_id}"


def answer(job: Job, machine: Runner | None, now: float, *, drained: bool) -> str:
    """What becomes of the job, in one sentence."""
    on = _on(job, machine)
    lasts = span(since(job.since or job.received_at, now))
    match job.state:
        case JobState.WAITING:
            said = f"Waiting for {span(since(job.queued_at, now))}: {why_waiting(job, now, drained=drained)}."
        case JobState.LAUNCHING:
            said = f"EC2 is being asked for a machine ({job.rung or 'unknown rung'}) for {lasts}."
        case JobState.LAUNCHED:
            said = f"Its machine boots for {lasts}: {on}."
        case JobState.CLAIMED:
            said = f"Its machine is registered and waits for GitHub to send the job for {lasts}: {on}."
        case JobState.RUNNING:
            said = f"Running for {span(since(job.started_at or job.since, now))}: {on}."
        case JobState.REFUSED:
            said = f"Refused: {job.reason or 'no reason is on record'}."
        case JobState.COMPLETED:
            said = _ended(job, on)
    return said


def why_waiting(job: Job, now: float, *, drained: bool) -> str:
    """Why the job has no machine yet."""
    if drained:
        return f"{job.home} is drained and launches nothing"
    if job.reason:
        return job.reason
    waited = since(job.received_at, now)
    if waited is not None and waited < SOON_S:
        return "it has just come, and a machine is asked for within seconds"
    return "its turn has not come: a limit of its configuration or repository, EC2's launch rate, or no dispatcher"


def _cure(found: Evidence, now: float) -> str:
    job = found.job
    if job.state is JobState.WAITING and found.drained:
        return f"`spotrunner resume --region {job.home}` lets it launch again"
    waited = since(job.received_at, now)
    if job.state is JobState.WAITING and not job.reason and waited is not None and waited >= SOON_S:
        return "`spotrunner status` shows limits, queues and dead letters"
    return cures.cure(job.state, job.reason)


def _ended(job: Job, on: str) -> str:
    lasted = since(job.started_at, job.completed_at)
    # GitHub tells times in whole seconds.
    ran = "" if job.started_at is None else "less than a second" if lasted == 0.0 else span(lasted)
    said = f"Ended as {job.conclusion or 'unknown'}{f' after {ran}' if ran else ''}: {on}."
    if not job.conclusion and job.reason:
        said = f"Ended, as far as is known: {job.reason}."
    match job.rerun:
        case Rerun.NONE:
            return said
        case Rerun.MADE:
            more = f"Its machine was taken away; it runs again on-demand in the next attempt of run {job.run_id}."
        case Rerun.DECLINED:
            more = f"Its machine was taken away, and it is not run again: {job.reason}."
        case Rerun.OVERTAKEN:
            more = "Its machine was taken away; somebody else has run it again."
        case _:
            more = "Its machine was taken away; it is run again as soon as GitHub allows it."
    return f"{said} {more}"


def _on(job: Job, machine: Runner | None) -> str:
    if machine is not None:
        return f"{machine.instance_id} ({machine.instance_type}, {machine.zone}, {machine.lifecycle})"
    return job.runner_name or job.instance_id or "on no machine of ours"


def _happened(found: Evidence) -> Iterator[Happening]:
    """In the order in which things follow each other where their times do not tell."""
    job = found.job
    yield Happening(job.queued_at, "queued at GitHub")
    yield Happening(job.received_at, f"heard of it by {job.intake}")
    yield from _requests(found)
    for machine in found.machines.values():
        yield from _life(machine)
    yield from _rerun(job)
    for each in job.tries:
        reason = each.reason.removeprefix(f"{each.instance_id}: ")
        yield Happening(each.ended_at, f"back in line: {reason}", each.instance_id)
    if job.state is JobState.REFUSED:
        yield Happening(job.since, f"refused: {job.reason}")
    started_at = _not_before(job.started_at, _listened_at(found.machines.get(job.instance_id)))
    if started_at is not None:
        yield Happening(started_at, f"GitHub: running on {job.runner_name or 'an unnamed runner'}")
    if job.completed_at is not None:
        ended_at = _not_before(job.completed_at, started_at)
        yield Happening(ended_at or 0.0, f"GitHub: ended as {job.conclusion or 'unknown'}")


def _rerun(job: Job) -> Iterator[Happening]:
    """What was settled about running it again."""
    said = {
        Rerun.MADE: f"GitHub runs it again, on-demand, in attempt {job.key.attempt + 1} or later",
        Rerun.DECLINED: f"not run again: {job.reason}",
        Rerun.OVERTAKEN: "somebody else has had it run again",
    }
    if job.rerun in said:
        yield Happening(job.rerun_at, said[job.rerun])


def _listened_at(machine: Runner | None) -> float | None:
    return (machine.registered_at or machine.claimed_at) if machine else None


def _not_before(at: float | None, cause: float | None) -> float | None:
    """GitHub tells times in whole seconds: within one, what follows from something came after it."""
    return cause if at is not None and cause is not None and at < cause < at + 1.0 else at


def _requests(found: Evidence) -> Iterator[Happening]:
    """What EC2 was asked for, as far as it is known when."""
    job = found.job
    present = Try(job.state, job.since, job.since, "", job.launch_id, rung=job.rung, rung_reason=job.rung_reason)
    for each in (*job.tries, present):
        launch = found.launches.get(each.launch_id)
        asked_at = launch.created_at if launch else each.since if each.state is JobState.LAUNCHING else None
        if each.launch_id and asked_at is not None:
            yield Happening(asked_at, _asked(each.rung, each.rung_reason))


def _asked(rung: str, why: str) -> str:
    return f"asked EC2 for {rung or 'a machine'}{f' ({why})' if why else ''}"


def _life(machine: Runner) -> Iterator[Happening]:
    name = machine.instance_id
    kind = f"{machine.instance_type}, {machine.zone}, {machine.lifecycle}"
    yield Happening(machine.launched_at, f"launched: {kind}", name)
    if machine.claimed_at is not None:
        again = f", claim {machine.claims}" if machine.claims > 1 else ""
        yield Happening(machine.claimed_at, f"claimed, registered as {machine.name or 'unnamed'}{again}", name)
    if machine.registered_at is not None:
        yield Happening(machine.registered_at, "its runner listens", name)
    started_at = _not_before(machine.started_at, _listened_at(machine))
    if started_at is not None:
        yield Happening(started_at, f"its runner has a job{f': {machine.ran}' if machine.ran else ''}", name)
    if machine.noticed_at is not None and machine.interruption not in _FOUND:
        what = "better left, for it may be taken away" if machine.interruption == REBALANCE else "to be taken away"
        yield Happening(machine.noticed_at, f"{what} ({machine.interruption}), says {machine.noticed_by}", name)
    taken = _taken(machine)
    if machine.finished_at is not None:
        yield Happening(machine.finished_at, f"finished: {_result(machine)}{taken}", name)
    elif machine.state not in ALIVE:
        yield Happening(machine.since, f"gone: {machine.reason or 'no reason is on record'}{taken}", name)


_FOUND = {VANISHED: "without a notice", HUNG: "it had hung"}
"""What nobody announced."""


def _taken(machine: Runner) -> str:
    if not machine.interruption or machine.interruption == REBALANCE:
        return ""
    said = _FOUND.get(machine.interruption, f"taken away: {machine.interruption}")
    by = f", found by {machine.noticed_by}" if machine.interruption in _FOUND and machine.noticed_by else ""
    return f", {said}{by}"


def _result(machine: Runner) -> str:
    code = "" if machine.exit_code is None else f", exit code {machine.exit_code}"
    return f"{machine.result or 'no result'}{code}{f', {machine.reason}' if machine.reason else ''}"


def _machine(machine: Runner, now: float) -> MachineStory:
    ended_at = machine.finished_at or (None if machine.state in ALIVE else machine.since)
    lived = since(machine.launched_at, now if machine.state in ALIVE else ended_at)
    return MachineStory(
        instance_id=machine.instance_id,
        instance_type=machine.instance_type,
        zone=machine.zone,
        lifecycle=machine.lifecycle,
        state=machine.state,
        runner=machine.name,
        launched_at=machine.launched_at,
        claimed_at=machine.claimed_at,
        started_at=machine.started_at,
        finished_at=machine.finished_at,
        lived_s=lived,
        usd=_cost(machine, lived),
        ran=str(machine.ran) if machine.ran else "",
        result=machine.result,
        exit_code=machine.exit_code,
        interruption=machine.interruption,
        reason=machine.reason,
        console=machine.console,
    )


def _cost(machine: Runner, lived: float | None) -> float | None:
    known = catalogue.shipped()
    offered = next((kind for kind in known.types if kind.name == machine.instance_type), None)
    price = known.price(offered, spot=machine.lifecycle is Lifecycle.SPOT) if offered else None
    return None if price is None or lived is None else price * max(0.0, lived) / _HOUR_S


def _sum(costs: Iterable[float | None]) -> float | None:
    """One that is not known makes the sum unknown."""
    found = list(costs)
    known = [cost for cost in found if cost is not None]
    return sum(known) if found and len(known) == len(found) else None


def _by_launch(machine: Runner) -> tuple[float, str]:
    return (machine.launched_at if is_known(machine.launched_at) else 0.0, machine.instance_id)


def _known(happened: Iterator[Happening]) -> Sequence[Happening]:
    """What has no time that can be, has no place in a story."""
    return [each for each in happened if is_known(each.at)]


def _web(server: str) -> str:
    """GitHub's pages beside its REST API: github.com, a data residency, or an Enterprise Server."""
    bare = server.removesuffix("/api/v3")
    return bare if bare != server else server.replace("://api.", "://", 1)
