"""What a machine taken away costs: which jobs were lost to it, and how GitHub is asked to run them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from controller.domain.fleet_config import Retry
from controller.domain.job import Job, JobState, Rerun
from controller.domain.runner import ALIVE, Runner

VANISHED = "vanished"
"""The interruption of a machine that was gone without a notice."""
HUNG = "hung"
"""The same of one that still runs for the cloud, and on which nothing moves."""
_GUESSES = frozenset({VANISHED, HUNG})
"""What is taken for true as long as nobody says more."""
REBALANCE = "rebalance"
"""A piece of advice, not a notice: the machine may live on for hours."""
MAINTENANCE = "maintenance"
"""Announced days ahead; a machine that lives to see it is told of again when its state changes."""

MOST_RERUNS = 2
"""A job is run again so often, by name; after that it is somebody's turn to look."""
GIVE_UP_S = 3 * 86_400.0
"""A run that does not come to its end for so long gets no re-run any more."""
FIRST_LOOK_S = 3.0
SLOWEST_LOOK_S = 300.0

_FAILED = "failure"
_CANCELLED = "cancelled"
_INTERRUPTED = "interrupted"
_OWN_END = frozenset({"success", "failed", "cancelled", "timeout", "oom", "disk_full"})
"""Results of a job that ended by itself, notice or not."""


@dataclass(frozen=True, slots=True)
class Warned:
    """The cloud takes the machine away within two minutes."""

    instance_id: str
    action: str
    """`terminate`, `stop` or `hibernate`."""
    at: float


@dataclass(frozen=True, slots=True)
class Advised:
    """The machine's risk of being taken away has grown."""

    instance_id: str
    at: float
    kind: str = REBALANCE


@dataclass(frozen=True, slots=True)
class Ended:
    """The machine is on its way down, or down."""

    instance_id: str
    state: str
    at: float


Notice = Warned | Advised | Ended


def is_notice(interruption: str) -> bool:
    """Whether a machine's `interruption` means that it is taken away."""
    return interruption not in {"", REBALANCE}


def graver(known: str, heard: str) -> str:
    """The interruption that counts: advice never takes the place of a notice, and only a notice that of a guess."""
    if known in _GUESSES and is_notice(heard):
        return heard
    return known if is_notice(known) or not heard else heard


class Witness(StrEnum):
    """Who says that a machine is taken away, or lost."""

    CLOUD = "the cloud"
    MACHINE = "the machine itself"
    SWEEP = "a sweep"


def noticed(runner: Runner, heard: str, by: Witness, now: float) -> Runner:
    """The machine's record after an interruption was heard of; the same one where it says nothing new."""
    found = graver(runner.interruption, heard)
    if found == runner.interruption:
        return runner
    return replace(runner, interruption=found, noticed_at=now, noticed_by=by)


def is_taken(runner: Runner) -> bool:
    """Whether the machine is, or was, taken away from its job."""
    return is_notice(runner.interruption) or runner.result == _INTERRUPTED


def is_hung(job: Job | None, runner: Runner) -> bool:
    """Whether a machine that must be ended has hung: GitHub gave up its job, and it never said a word to that."""
    if job is None or job.key != runner.ran:
        return False
    return job.state is JobState.COMPLETED and job.conclusion == _FAILED


def is_lost(job: Job, runner: Runner) -> bool:
    """Whether the job failed because its machine was taken away; only what really ran on it counts.

    As long as the machine has not said its last word, and is not gone, it may still say that the job
    ended by itself.
    """
    failed = job.state is JobState.COMPLETED and job.conclusion == _FAILED
    settled = runner.state not in ALIVE and runner.result not in _OWN_END
    return failed and settled and runner.ran == job.key and is_taken(runner)


def mark(job: Job, attempt: int) -> str:
    """The name under which is remembered that a job of this run's attempt is a re-run, and the how manieth."""
    return f"rerun {job.server} {job.repository} {job.run_id} {attempt} {job.name}"


def mourned(job: Job, now: float) -> Job:
    """The job once it is known to be lost: its re-run is to be looked into soon."""
    return replace(job, rerun=Rerun.WANTED, rerun_at=now + FIRST_LOOK_S)


def next_look(job: Job, now: float) -> float:
    """When to ask again about a run that has not ended: the longer it has taken, the later."""
    waited = now - (job.completed_at or job.since)
    return now + min(max(FIRST_LOOK_S, waited / 2), SLOWEST_LOOK_S)


@dataclass(frozen=True, slots=True)
class RunState:
    """A workflow run as GitHub has it."""

    attempt: int
    completed: bool
    conclusion: str = ""


@dataclass(frozen=True, slots=True)
class RunJob:
    """A job of a run's latest attempt as GitHub has it."""

    job_id: int
    name: str
    conclusion: str
    runner_name: str = ""


@dataclass(frozen=True, slots=True)
class RerunFailed:
    """Run every failed job of the run again; these were lost to interruptions."""

    lost: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class RerunJob:
    """Run this one job again, under the id that it has in the latest attempt."""

    lost: Job
    job_id: int


@dataclass(frozen=True, slots=True)
class Decline:
    """This job is not run again."""

    lost: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Somebody has had this job run again already."""

    lost: Job


Step = RerunFailed | RerunJob | Decline | Overtaken


def at_once(job: Job, retry: Retry, now: float) -> Decline | None:
    """The refusal that needs no look at the run."""
    if retry is Retry.FALSE:
        return Decline(job, "its labels or its configuration say retry=false")
    if job.reruns >= MOST_RERUNS:
        return Decline(job, f"it has been run again {job.reruns} times already")
    if now - (job.completed_at or job.since) > GIVE_UP_S:
        return Decline(job, "its run did not come to its end for days")
    return None


def plan(run: RunState, found: Sequence[RunJob], lost: Sequence[Job], retries: Mapping[str, Retry]) -> list[Step]:
    """The steps for the lost jobs of a completed run, of which only one may be a re-run.

    `found` are the jobs of its latest attempt, `lost` those of ours that may be run again, `retries`
    what each of them wants, by the job's id. A re-run starts a new attempt, so whoever is not in this
    one waits for that one to end.
    """
    if run.conclusion == _CANCELLED:
        return [Decline(job, "its run was cancelled") for job in lost]
    here = {job.runner_name: job for job in found if job.runner_name}
    steps: list[Step] = [Overtaken(job) for job in lost if job.runner_name not in here]
    still = sorted((job for job in lost if job.runner_name in here), key=lambda job: job.key)
    if not still:
        return steps
    ours = {job.runner_name for job in still}
    alone = all(job.runner_name in ours for job in found if is_failure(job.conclusion))
    if alone or Retry.RUN in {retries[job.id] for job in still}:
        return [*steps, RerunFailed(tuple(still))]
    return [*steps, RerunJob(still[0], here[still[0].runner_name].job_id)]


def is_failure(conclusion: str) -> bool:
    """Whether a job's conclusion says that it failed; one cancelled beside it, as a matrix does, has not."""
    return conclusion not in {"", "success", "skipped", "neutral", _CANCELLED}
