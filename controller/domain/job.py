"""A workflow job as the platform knows it, and the states it may go through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from controller.domain.job_key import Intake, JobKey


class JobState(StrEnum):
    """Where a job stands; never to be mixed with the states of a runner."""

    WAITING = "waiting"
    """In line: no machine is on its way."""
    LAUNCHING = "launching"
    """Reserved by a launch record; the cloud has been asked or is about to be."""
    LAUNCHED = "launched"
    """A machine boots for it."""
    CLAIMED = "claimed"
    """A machine has claimed for it and registers a runner with its labels."""
    RUNNING = "running"
    """GitHub says that a runner works on it."""
    COMPLETED = "completed"
    """GitHub says that it has ended; the conclusion says how."""
    REFUSED = "refused"
    """Its labels are ours and cannot be served; the reason says why."""


ARROWS: dict[JobState, frozenset[JobState]] = {
    # GitHub assigns by label, so a job may run or end from any open state without us.
    JobState.WAITING: frozenset(
        {
            JobState.LAUNCHING,
            JobState.LAUNCHED,  # it takes a spare machine
            JobState.CLAIMED,
            JobState.RUNNING,
            JobState.COMPLETED,
            JobState.REFUSED,
        }
    ),
    # Claimed straight away: a machine can be up before the launch that made it is settled.
    JobState.LAUNCHING: frozenset(
        {JobState.LAUNCHED, JobState.CLAIMED, JobState.WAITING, JobState.RUNNING, JobState.COMPLETED}
    ),
    JobState.LAUNCHED: frozenset(
        {JobState.CLAIMED, JobState.WAITING, JobState.RUNNING, JobState.COMPLETED, JobState.REFUSED}
    ),
    # Claimed again by the same machine: a re-arm after its runner ended without a job.
    JobState.CLAIMED: frozenset(
        {JobState.CLAIMED, JobState.WAITING, JobState.RUNNING, JobState.COMPLETED, JobState.REFUSED}
    ),
    JobState.RUNNING: frozenset({JobState.COMPLETED}),
    JobState.COMPLETED: frozenset(),
    JobState.REFUSED: frozenset({JobState.RUNNING, JobState.COMPLETED}),
}

OPEN = frozenset({JobState.LAUNCHING, JobState.LAUNCHED, JobState.CLAIMED, JobState.RUNNING})
"""States in which a machine is, or should be, at work for the job."""


class IllegalMove(ValueError):
    """The table of arrows has no such move."""


class Rerun(StrEnum):
    """How far the re-run of an interrupted job has come."""

    NONE = ""
    """It was not interrupted."""
    WANTED = "wanted"
    """Its run must end first."""
    ASKED = "asked"
    """GitHub is being asked, or the answer was lost."""
    MADE = "made"
    DECLINED = "declined"
    """The job's reason says why."""
    OVERTAKEN = "overtaken"
    """Somebody else had it run again."""


@dataclass(frozen=True, slots=True)
class Try:
    """A launch, or a machine, that came to nothing for a job. Times are seconds since the epoch."""

    state: JobState
    """How far it had come."""
    since: float
    """Since when the job was in that state."""
    ended_at: float
    reason: str
    launch_id: str = ""
    instance_id: str = ""
    """Empty: no machine was started."""
    rung: str = ""
    rung_reason: str = ""


MOST_TRIES = 12
"""The latest that are kept on a job; its `failures` count them all."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job attempt. Times are seconds since the epoch; None is "not known"."""

    key: JobKey
    repository: str
    """`owner/name`."""
    server: str
    """Base address of the GitHub server's REST API."""
    installation_id: int
    run_id: int
    workflow: str
    name: str
    labels: tuple[str, ...]
    """As written in `runs-on`: the runner registers with exactly these."""
    head_sha: str
    queued_at: float
    received_at: float
    intake: Intake
    home: str
    """The region that may act on this job; others only read it."""
    epoch: int = 0
    """How often it has changed its home."""
    config: str = ""
    wanted: str = ""
    """The label of ours that its labels stand for, where they are written in another language."""
    shape: str = ""
    """Jobs of one shape can run on each other's machines."""
    state: JobState = JobState.WAITING
    since: float = 0.0
    """When the job came into its state."""
    reason: str = ""
    launch_id: str = ""
    instance_id: str = ""
    rung: str = ""
    """The step of the capacity ladder its machine came from."""
    rung_reason: str = ""
    """Why it did not come from an earlier step; empty where it came from the first."""
    failures: int = 0
    """Launches and machines that came to nothing."""
    wasted: int = 0
    """Machines that came to nothing."""
    replacements: int = 0
    """Machines launched because another job took this one's runner."""
    tries: tuple[Try, ...] = ()
    """What came to nothing, the latest last; a job whose first machine comes up has none."""
    on_demand: bool = False
    reruns: int = 0
    """How often a job of this name has been run again in this run after an interruption."""
    rerun: Rerun = Rerun.NONE
    rerun_at: float = 0.0
    """When to look next whether it can be run again; once that is settled, when it was."""
    told: bool = False
    """Whether the commit has its check run that says what became of the job."""
    runner_name: str = ""
    """The runner that GitHub says ran it."""
    started_at: float | None = None
    completed_at: float | None = None
    conclusion: str = ""
    traceparent: str = ""
    version: int = 0
    """The stored version this value was read at; 0 has never been stored."""

    @property
    def id(self) -> str:
        """The record's name in storage and in messages."""
        return str(self.key)

    @property
    def owes(self) -> bool:
        """Whether something about the job is still to be said or done at GitHub."""
        if self.rerun in {Rerun.WANTED, Rerun.ASKED}:
            return True
        worth_telling = self.state is JobState.REFUSED or self.rerun in {Rerun.MADE, Rerun.DECLINED}
        return worth_telling and not self.told


def move(job: Job, to: JobState, now: float, reason: str = "", **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """The job in its next state; raises `IllegalMove` where the table has no such arrow."""
    if to not in ARROWS[job.state]:
        raise IllegalMove(f"job {job.key}: {job.state} -> {to}")
    return replace(job, state=to, since=now, reason=reason, **changes)


def back_in_line(job: Job, now: float, reason: str, *, failed: bool = True) -> Job:
    """The job waiting again after it got no machine."""
    nothing = {"launch_id": "", "instance_id": "", "failures": job.failures + failed, "tries": tried(job, now, reason)}
    return move(job, JobState.WAITING, now, reason, **nothing)


def tried(job: Job, now: float, reason: str) -> tuple[Try, ...]:
    """What has come to nothing for a job, once its present launch or machine has too."""
    latest = Try(job.state, job.since, now, reason, job.launch_id, job.instance_id, job.rung, job.rung_reason)
    return (*job.tries, latest)[-MOST_TRIES:]


MOST_WASTED = 10
"""A job that GitHub hands to none of so many machines is not waiting any more, or never ends well: it says so."""


def given_back(job: Job, now: float, reason: str) -> Job:
    """The job after its machine came to nothing: waiting again, or refused where that happens again and again."""
    wasted = job.wasted + 1
    if wasted < MOST_WASTED:
        return replace(back_in_line(job, now, reason), wasted=wasted)
    return move(job, JobState.REFUSED, now, f"{wasted} machines came to nothing; the last: {reason}", wasted=wasted)
