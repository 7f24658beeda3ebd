"""What housekeeping has to put right: pure decisions over a snapshot of the cloud and of the records.

A machine is terminated only for an expired lease, for having said its last word, or because nobody has
a record of it; never for what GitHub says of its runner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.job import Job, JobState
from controller.domain.runner import ALIVE, Runner, RunnerState


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine as the cloud lists it. `launched_at` is seconds since the epoch."""

    instance_id: str
    launched_at: float
    running: bool


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds."""

    provisioning_s: float
    """A machine without a record may be one whose launch has not been settled yet."""
    grace_s: float
    """For a machine to power itself off, and for the cloud to list a new one."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """End this machine."""

    instance_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class WriteOff:
    """Mark this machine as gone, end it where it may still run, and give its job back."""

    runner: Runner
    reason: str
    terminate: bool


@dataclass(frozen=True, slots=True)
class Release:
    """Put this job back in line: its machine has ended without it."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Write down since when the cloud has been without this machine; None: it is there after all."""

    runner: Runner
    missing_since: float | None


@dataclass(frozen=True, slots=True)
class Close:
    """Take this job for ended: its machine is, and nobody can be asked how."""

    job: Job
    reason: str


Deed = Terminate | WriteOff | Release | Note | Close


def orphans(machines: Iterable[Seen], records: Mapping[str, Runner], now: float, patience: Patience) -> list[Deed]:
    """Machines that nobody waits for any more."""
    deeds: list[Deed] = []
    for machine in machines:
        if not machine.running:
            continue
        record = records.get(machine.instance_id)
        if record is None:
            if now - machine.launched_at > patience.provisioning_s:
                deeds.append(Terminate(machine.instance_id, "no record of it"))
        elif record.state not in ALIVE and now - record.since > patience.grace_s:
            deeds.append(
                Terminate(machine.instance_id, f"{record.state} for {now - record.since:.0f} s and still running")
            )
    return deeds


def vanished(machines: Iterable[Seen], alive: Iterable[Runner], now: float, patience: Patience) -> list[Deed]:
    """Records of machines at work that the cloud no longer runs.

    A machine that has just ended is missing before its reports are heard, so it is given up only after
    it has been seen to be missing for a while.
    """
    running = {machine.instance_id for machine in machines if machine.running}
    deeds: list[Deed] = []
    for runner in alive:
        missing = runner.instance_id not in running and now - runner.launched_at > patience.grace_s
        if missing and runner.missing_since is None:
            deeds.append(Note(runner, now))
        elif missing and now - (runner.missing_since or now) > patience.grace_s:
            deeds.append(WriteOff(runner, "the cloud no longer runs it", terminate=False))
        elif not missing and runner.missing_since is not None:
            deeds.append(Note(runner, None))
    return deeds


def overdue(expired: Iterable[Runner], now: float, patience: Patience) -> list[Deed]:
    """Machines whose lease ran out: they neither claimed, nor started, nor ended in time."""
    deeds: list[Deed] = []
    for runner in expired:
        late = now - runner.lease_until
        # One that has not come up, or not claimed, has nothing to end well: its job has waited long enough.
        unborn = runner.state is RunnerState.SPARE and not runner.has_booted
        waited_for = unborn or runner.state is RunnerState.LAUNCHED
        grace_s = 0.0 if waited_for else patience.grace_s
        if runner.state in ALIVE and late > grace_s:
            deeds.append(WriteOff(runner, f"{_promise(runner)} {late:.0f} s ago", terminate=True))
    return deeds


def stranded(open_jobs: Iterable[Job], records: Mapping[str, Runner], now: float, patience: Patience) -> list[Deed]:
    """Jobs that count on a machine which has ended: what a crash between two writes leaves behind."""
    deeds: list[Deed] = []
    for job in open_jobs:
        runner = records.get(job.instance_id)
        waited = now - max(job.since, runner.since) if runner else 0.0
        if runner is None or runner.state in ALIVE:
            continue
        # One that ran something may well have run this job; GitHub's word on it is on its way, or is asked for.
        patience_s = patience.grace_s if runner.started_at is None else patience.provisioning_s
        if job.state in {JobState.LAUNCHED, JobState.CLAIMED} and waited > patience_s:
            deeds.append(Release(job, f"{job.instance_id} has ended without it"))
        # Where it was never heard to be queued, GitHub can not be asked about it.
        asked_s = _ASKED_S if job.installation_id else patience.provisioning_s
        if job.state is JobState.RUNNING and waited > asked_s:
            deeds.append(Close(job, f"{job.instance_id} has ended, and how the job ended was never heard"))
    return deeds


_ASKED_S = 3_600.0
"""How long GitHub is asked about a job whose machine has ended; in a re-run's list it stands no more."""


def _promise(runner: Runner) -> str:
    """The stage that a machine should have come to."""
    if runner.state is RunnerState.CLAIMED and not runner.has_listened:
        return "its runner should have listened"
    return _PROMISE[runner.state]


_PROMISE = {
    RunnerState.SPARE: "its time as a spare should have ended",
    RunnerState.LAUNCHED: "it should have claimed",
    RunnerState.CLAIMED: "its runner should have had a job",
    RunnerState.BUSY: "its job should have ended",
}
