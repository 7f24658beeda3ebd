"""Which machine goes to which job once the cloud has answered; settling twice gives the same pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.domain.job import Job, JobState, back_in_line, move
from controller.domain.job_key import NOBODY, JobKey
from controller.domain.launch import Launch, LaunchAnswer, LaunchState, Machine, counts_as_failure, why
from controller.domain.runner import Lifecycle, Runner, RunnerState


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of a launch, and the records that say so."""

    matched: tuple[tuple[Job, Machine], ...] = ()
    """Jobs that got a machine just now."""
    left: tuple[Job, ...] = ()
    """Jobs that got none and wait again."""
    records: tuple[Job | Runner | Launch, ...] = ()
    """To be saved; a job and its machine stand side by side, the launch record last: until it is
    settled, a replay puts right whatever is missing."""
    unwanted: int = 0
    """Machines whose jobs have ended or run elsewhere, and for which nobody else of their shape was found."""

    @property
    def started(self) -> int:
        """How many machines were written down just now."""
        return sum(isinstance(record, Runner) for record in self.records)

    def stored(self) -> Settlement:
        """The same after saving: the jobs left are at their next version."""
        return replace(self, left=tuple(replace(job, version=job.version + 1) for job in self.left))


def settle(
    launch: Launch,
    jobs: Sequence[Job],
    answer: LaunchAnswer,
    known: Mapping[str, Runner],
    now: float,
    line: Iterable[Job] = (),
) -> Settlement:
    """Pair the machines with the jobs of their launch that still want one, then with those in `line` whom they fit.

    `jobs` are the launch's jobs as they stand now, `known` the machines that have a record already
    (an earlier try at settling, or a machine that claimed before it was settled).
    """
    machines = {machine.instance_id: machine for machine in answer.machines}
    paired = {job.instance_id: job for job in jobs if job.instance_id in machines}
    free = [machines[name] for name in sorted(machines.keys() - paired.keys() - known.keys())]
    wanting = _wanting(launch, jobs)
    matched = tuple(
        (move(job, JobState.LAUNCHED, now, instance_id=machine.instance_id), machine)
        for job, machine in zip(wanting, free, strict=False)
    )
    failed = counts_as_failure(answer.refusals)
    left = tuple(back_in_line(job, now, why(answer.refusals), failed=failed) for job in wanting[len(free) :])
    spare = free[len(wanting) :]
    passed_on = _passed_on(launch, spare, line, now)
    matched += passed_on
    spare = spare[len(passed_on) :]
    unwritten = [(job, machines[name]) for name, job in paired.items() if name not in known]
    records: list[Job | Runner | Launch] = [
        record for job, machine in matched for record in (job, new_runner(launch, job.key, machine, now))
    ]
    records += [new_runner(launch, job.key, machine, now) for job, machine in unwritten]
    # At its claim the machine of a job that has ended or runs elsewhere gets another one, or goes.
    records += [new_runner(launch, first_of(launch), machine, now) for machine in spare]
    done = replace(
        launch,
        state=LaunchState.SETTLED,
        instances=tuple(sorted(machines)),
        refused=tuple(sorted({refusal.code for refusal in answer.refusals})),
    )
    return Settlement(matched, left, (*records, *left, done), len(spare) if launch.jobs else 0)


def _passed_on(
    launch: Launch, spare: Sequence[Machine], line: Iterable[Job], now: float
) -> tuple[tuple[Job, Machine], ...]:
    """Jobs in line that take a machine whose own job does not need it any more, rather than have one launched."""
    whence = {"launch_id": launch.launch_id, "rung": launch.rung, "rung_reason": ""}
    fit = [job for job in line if _fits(job, launch)]
    return tuple(
        (move(job, JobState.LAUNCHED, now, instance_id=machine.instance_id, **whence), machine)
        for job, machine in zip(fit, spare, strict=False)
    )


def _fits(job: Job, launch: Launch) -> bool:
    same = job.state is JobState.WAITING and (job.shape, job.home) == (launch.shape, launch.home)
    return same and (not job.on_demand or launch.lifecycle is Lifecycle.ON_DEMAND)


def _wanting(launch: Launch, jobs: Sequence[Job]) -> list[Job]:
    order = {key: place for place, key in enumerate(launch.jobs)}
    mine = [job for job in jobs if job.state is JobState.LAUNCHING and job.launch_id == launch.launch_id]
    return sorted(mine, key=lambda job: order[job.key])


def first_of(launch: Launch) -> JobKey:
    """Whom a machine of the launch is written down for, where no job of it waits."""
    return launch.jobs[0] if launch.jobs else NOBODY


def new_runner(launch: Launch, job: JobKey, machine: Machine, now: float) -> Runner:
    """The record of a machine that has just been launched."""
    return Runner(
        instance_id=machine.instance_id,
        launch_id=launch.launch_id,
        job=job,
        repository=launch.repository,
        config=launch.config,
        shape=launch.shape,
        home=launch.home,
        instance_type=machine.instance_type,
        zone=machine.zone,
        lifecycle=machine.lifecycle,
        launched_at=now,
        lease_until=now + launch.claim_deadline_s,
        platform=launch.platform,
        state=RunnerState.LAUNCHED if launch.jobs else RunnerState.SPARE,
        since=now,
    )
