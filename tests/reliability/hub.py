"""GitHub's side of the truth: which jobs wait, which runner got which, and what was said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from controller.domain.job_key import JobKey
from controller.messages import JobMoved, JobQueued, Step
from runner_agent.contract.bundle import Bundle
from tests.fakes import samples
from tests.fakes.github import FakeGitHub
from tests.fakes.reruns import FakeRuns
from tests.reliability.timeline import Timeline

DELIVERY_S = 1.0
FLAG_S = 10.0
"""How long a runner's `busy` flag lags behind."""
LOST_CONTACT_S = 600.0
"""How long GitHub waits for a runner that has gone silent in the middle of a job."""


class Status(StrEnum):
    """A job's status as GitHub has it."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


@dataclass(slots=True)
class HubJob:
    """One job attempt at GitHub."""

    key: JobKey
    run_id: int
    name: str
    labels: tuple[str, ...]
    seconds: float
    """How long its steps take."""
    queued_at: float
    closed: bool = False
    """No runner group admits it: it is given to nobody."""
    repository: str = samples.REPOSITORY
    status: Status = Status.QUEUED
    conclusion: str = ""
    runner_name: str = ""
    started_at: float | None = None
    completed_at: float | None = None


@dataclass(slots=True)
class Connected:
    """A runner that listens for a job."""

    bundle: Bundle
    on_job: Callable[[HubJob], None]
    on_end: Callable[[str], None]
    """Called with the conclusion, when GitHub ends the runner's job."""
    job: HubJob | None = None


@dataclass(slots=True)
class Postman:
    """What becomes of GitHub's deliveries; a story may lose, repeat or hold back some."""

    bring: Callable[[JobQueued | JobMoved], None]
    lose: set[str] = field(default_factory=set)
    """Kinds of which the next delivery never comes."""
    twice: bool = False
    delay_s: dict[str, float] = field(default_factory=dict)

    def calm(self) -> None:
        """From now on every delivery comes, once and in time."""
        self.lose.clear()
        self.delay_s.clear()
        self.twice = False


class Hub:
    """Jobs are given to runners by label, oldest first; runners come from the same registry that the doors use."""

    def __init__(self, timeline: Timeline, registry: FakeGitHub, runs: FakeRuns, postman: Postman) -> None:
        self.timeline, self.registry, self.runs, self.postman = timeline, registry, runs, postman
        self.jobs: dict[JobKey, HubJob] = {}
        self.online: dict[str, Connected] = {}
        self.cancelled_waiting = 0
        """Jobs that ended without ever having had a runner: their machines may be around for a while."""
        self.hands_out = True
        """Whether waiting jobs are given to runners."""
        self._attempts: dict[int, int] = {}

    def queue(self, job_id: int, run_id: int = 0, seconds: float = 60.0, **changes: object) -> HubJob:
        """A job is queued, and said to be."""
        job = HubJob(
            key=JobKey(job_id, 1),
            run_id=run_id or 70_000 + job_id,
            name=f"build {job_id}",
            labels=samples.LABELS,
            seconds=seconds,
            queued_at=self.timeline.now,
        )
        for name, value in changes.items():
            setattr(job, name, value)
        self._enter(job)
        self.runs.ran(job_id, run_id=job.run_id)
        return job

    def _enter(self, job: HubJob) -> None:
        self.jobs[job.key] = job
        self._attempts[job.run_id] = job.key.attempt
        self.say(self.queued(job))
        self._assign()

    def say(self, message: JobQueued | JobMoved) -> None:
        """Send a delivery, as the postman has it."""
        if message.kind in self.postman.lose:
            self.postman.lose.discard(message.kind)
            return
        wait = self.postman.delay_s.get(message.kind, 0.0) + DELIVERY_S
        for _ in range(1 + self.postman.twice):
            self.timeline.after(wait, lambda: self.postman.bring(message))

    def connect(self, runner: Connected) -> bool:
        """A runner signs in; False where GitHub does not have it."""
        name = runner.bundle.runner_name
        if not any(place[1] == name for place in self.registry.runners):
            return False
        self.online[name] = runner
        self._assign()
        return True

    def disconnect(self, name: str) -> None:
        """The runner is gone; a job it had is given up after a while."""
        runner = self.online.pop(name, None)
        if runner and runner.job and runner.job.status is Status.IN_PROGRESS:
            job = runner.job
            self.timeline.after(LOST_CONTACT_S, lambda: self.complete(job, "failure"))

    @property
    def flagged_idle(self) -> list[str]:
        """The runners that GitHub's page does not show as busy."""
        now = self.timeline.now
        return [
            name
            for name, runner in self.online.items()
            if runner.job is None or now - (runner.job.started_at or now) < FLAG_S
        ]

    def remove(self, name: str) -> None:
        """Forget a runner, as GitHub does with one that idles."""
        self.online.pop(name, None)
        for place, runner_id in list(self.registry.runners.items()):
            if place[1] == name:
                self.registry.forget(runner_id)

    def complete(self, job: HubJob, conclusion: str) -> None:
        """The job has ended."""
        if job.status is Status.COMPLETED:
            return
        if job.status is Status.QUEUED:
            self.cancelled_waiting += 1
        job.status, job.conclusion, job.completed_at = Status.COMPLETED, conclusion, self.timeline.now
        runner = self.online.get(job.runner_name)
        self.remove(job.runner_name)
        self.say(self.moved(job))
        self.runs.ran(job.key.job_id, conclusion, job.runner_name, job.run_id)
        mine = [other for other in self.jobs.values() if other.run_id == job.run_id]
        if all(other.status is Status.COMPLETED for other in mine):
            self.runs.end(job.run_id, "success" if conclusion == "success" else "failure")
        if runner:
            runner.on_end(conclusion)

    def cancel(self, job: HubJob) -> None:
        """Somebody presses the button."""
        self.complete(job, "cancelled")

    def look_at_runs(self) -> None:
        """What was run again is queued under its new id."""
        for run_id, run in self.runs.known.items():
            if run.attempt <= self._attempts.get(run_id, run.attempt):
                continue
            old = {job.name: job for job in self.jobs.values() if job.run_id == run_id}
            self._attempts[run_id] = run.attempt
            for again in [job for job in run.jobs.values() if not job.conclusion]:
                self._enter(
                    HubJob(
                        key=JobKey(again.job_id, run.attempt),
                        run_id=run_id,
                        name=again.name,
                        labels=old[again.name].labels,
                        seconds=old[again.name].seconds,
                        queued_at=self.timeline.now,
                        repository=old[again.name].repository,
                    )
                )

    @property
    def open(self) -> list[HubJob]:
        """Jobs that have not ended."""
        return [job for job in self.jobs.values() if job.status is not Status.COMPLETED]

    def hold(self, seconds: float) -> None:
        """Give no job to any runner for a while."""
        self.hands_out = False
        self.timeline.after(seconds, self._go_on)

    def _go_on(self) -> None:
        self.hands_out = True
        self._assign()

    def _assign(self) -> None:
        if not self.hands_out:
            return
        for job in sorted(self.jobs.values(), key=lambda one: (one.queued_at, one.key)):
            if job.status is Status.QUEUED and not job.closed:
                fit = [r for r in self.online.values() if r.job is None and self._fits(r, job)]
                if fit:
                    self._start(fit[0], job)

    def _fits(self, runner: Connected, job: HubJob) -> bool:
        mine = runner.bundle.job.repository == job.repository
        return mine and {label.lower() for label in job.labels} <= {label.lower() for label in runner.bundle.labels}

    def _start(self, runner: Connected, job: HubJob) -> None:
        runner.job = job
        job.status, job.runner_name, job.started_at = Status.IN_PROGRESS, runner.bundle.runner_name, self.timeline.now
        self.runs.ran(job.key.job_id, "", job.runner_name, job.run_id)
        self.say(self.moved(job))
        runner.on_job(job)

    def queued(self, job: HubJob, **changes: object) -> JobQueued:
        """That the job waits, as a delivery says it."""
        known = {
            "run_id": job.run_id,
            "name": job.name,
            "labels": job.labels,
            "repository": job.repository,
            "queued_at": job.queued_at,
            "received_at": self.timeline.now,
        }
        return samples.queued(job.key.job_id, job.key.attempt, **(known | changes))

    def moved(self, job: HubJob) -> JobMoved:
        """What has become of the job, as a delivery says it."""
        return samples.moved(
            Step(job.status),
            job.key.job_id,
            job.key.attempt,
            repository=job.repository,
            received_at=self.timeline.now,
            runner_name=job.runner_name,
            conclusion=job.conclusion,
            started_at=job.started_at,
            completed_at=job.completed_at,
            labels=job.labels,
        )
