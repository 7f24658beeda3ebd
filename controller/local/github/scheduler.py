"""A run of a workflow as GitHub schedules it: which jobs exist, wait, are skipped, and how the run ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.local.github.evaluation import Function, Scope, as_text, truthy
from controller.local.github.expressions import ExpressionError, Value
from controller.local.github.job import UNSUPPORTED, Conclusion, Job, RunnerRef, Status, StepRecord
from controller.local.github.matrix import MatrixError
from controller.local.github.placing import Placed, place, plain_labels, spread
from controller.local.github.templates import condition, holds
from controller.local.github.workflow import JobSpec, Workflow


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a job: `queued`, `in_progress`, `completed`; or `cancel`, asked of its runner."""

    action: str
    job: Job


@dataclass(frozen=True, slots=True)
class Ending:
    """How a runner says its job ended."""

    conclusion: Conclusion
    steps: tuple[StepRecord, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


class Run:
    """One run; every method takes the time and returns what changed, in order. Not thread-safe."""

    def __init__(
        self,
        workflow: Workflow,
        github: Mapping[str, Value],
        next_job_id: Callable[[], int],
        inputs: Mapping[str, Value] | None = None,
    ) -> None:
        self.workflow = workflow
        self.github = dict(github)
        self.id = int(as_text(github["run_id"]))
        self.attempt = 1
        self.cancelled = False
        self._inputs: dict[str, Value] = {**workflow.inputs, **(inputs or {})}
        self._next_job_id = next_job_id
        self._placed: dict[int, Placed] = {}
        self._groups: dict[str, list[int]] = {}
        """The jobs each key of the workflow stands for, once that is decided."""
        self._held: dict[str, list[Placed]] = {}
        """Matrix jobs beyond `max-parallel`, not yet visible."""

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs that exist so far, in order of their making."""
        return tuple(placed.job for placed in self._placed.values())

    def job(self, job_id: int) -> Job:
        """One job."""
        return self._placed[job_id].job

    @property
    def status(self) -> Status:
        """Where the run is."""
        if len(self._groups) == len(self.workflow.jobs) and all(map(self._ended, self._groups)):
            return Status.COMPLETED
        return Status.QUEUED if all(job.status is Status.QUEUED for job in self.jobs) else Status.IN_PROGRESS

    @property
    def conclusion(self) -> Conclusion | None:
        """How the run ended; None while it has not."""
        if self.status is not Status.COMPLETED:
            return None
        return Conclusion.CANCELLED if self.cancelled else worst(job.counts_as for job in self.jobs)

    def start(self, now: datetime) -> list[Change]:
        """Queue every job that needs no other."""
        return self._advance(now)

    def begin(self, job_id: int, runner: RunnerRef, now: datetime) -> list[Change]:
        """A runner has taken a queued job."""
        steps = (StepRecord(1, "Set up job", Status.IN_PROGRESS, None, now, None),)
        job = replace(self.job(job_id), status=Status.IN_PROGRESS, runner=runner, started_at=now, steps=steps)
        return [self._store("in_progress", job)]

    def finish(self, job_id: int, ending: Ending, now: datetime) -> list[Change]:
        """A job ended; what needed it may start."""
        placed = self._placed[job_id]
        if placed.job.status is Status.COMPLETED:
            return []
        self._placed[job_id] = replace(placed, outputs=dict(ending.outputs))
        changes = [self._complete(placed.job, ending, now)]
        if ending.conclusion is Conclusion.FAILURE and self._fails_fast(placed):
            changes += self._stop(self._groups[placed.job.key], f"fail-fast: {placed.job.name} failed", now)
        return changes + self._advance(now)

    def cancel(self, now: datetime, note: str = "the run was cancelled") -> list[Change]:
        """Cancel what waits, ask the runners of what runs to stop, and let `always()` jobs follow."""
        self.cancelled = True
        return self._stop(list(self._placed), note, now) + self._advance(now)

    def spec(self, job_id: int) -> JobSpec:
        """What the workflow says about a job."""
        return self.workflow.jobs[self.job(job_id).key]

    def contexts(self, job_id: int) -> Mapping[str, Value]:
        """Every context GitHub knows before a job reaches its runner."""
        return {**self._contexts(self.spec(job_id)), **self._placed[job_id].contexts}

    def _advance(self, now: datetime) -> list[Change]:
        """Decide every job whose needs have ended, until nothing moves."""
        changes = [change for key in list(self._held) for change in self._release(key, now)]
        while ready := [spec for spec in self.workflow.jobs.values() if self._is_ready(spec)]:
            for spec in ready:
                changes += self._decide(spec, now)
        return changes

    def _is_ready(self, spec: JobSpec) -> bool:
        return spec.key not in self._groups and all(self._ended(need) for need in spec.needs)

    def _ended(self, key: str) -> bool:
        if key not in self._groups or self._held.get(key):
            return False
        return all(self.job(job_id).status is Status.COMPLETED for job_id in self._groups[key])

    def _decide(self, spec: JobSpec, now: datetime) -> list[Change]:
        self._groups[spec.key] = []
        if spec.unsupported:
            return [self._end_unrun(spec, Conclusion.SKIPPED, UNSUPPORTED + spec.unsupported, now)]
        try:
            if not holds(condition(spec.condition), Scope(self._contexts(spec), self._status_functions(spec))):
                return [self._end_unrun(spec, Conclusion.SKIPPED, f"if: {spec.condition}", now)]
            self._held[spec.key] = self._place(spec, now)
        except (ExpressionError, MatrixError) as error:
            return [self._end_unrun(spec, Conclusion.FAILURE, str(error), now)]
        return self._release(spec.key, now)

    def _place(self, spec: JobSpec, now: datetime) -> list[Placed]:
        known = self._contexts(spec)
        blank = Job(0, self.id, self.attempt, spec.key, spec.key, (), now)
        return [place(spec, own, known, replace(blank, id=self._next_job_id())) for own in spread(spec, known)]

    def _release(self, key: str, now: datetime) -> list[Change]:
        """Queue held jobs as far as `max-parallel` lets."""
        held = self._held[key]
        running = sum(self.job(job_id).status is not Status.COMPLETED for job_id in self._groups[key])
        changes: list[Change] = []
        while held and running < held[0].limit:
            placed = held.pop(0)
            self._groups[key].append(placed.job.id)
            self._placed[placed.job.id] = placed
            changes.append(self._store("queued", replace(placed.job, queued_at=now)))
            running += 1
        return changes

    def _end_unrun(self, spec: JobSpec, conclusion: Conclusion, note: str, now: datetime) -> Change:
        name = spec.name or spec.key
        labels = plain_labels(spec.runs_on)
        job = Job(self._next_job_id(), self.id, self.attempt, spec.key, name, labels, now)
        self._groups[spec.key].append(job.id)
        self._placed[job.id] = Placed(job, {}, {})
        return self._complete(job, Ending(conclusion, note=note), now)

    def _complete(self, job: Job, ending: Ending, now: datetime) -> Change:
        ended = replace(
            job,
            status=Status.COMPLETED,
            conclusion=ending.conclusion,
            completed_at=now,
            started_at=job.started_at or now,
            steps=ending.steps,
            note=ending.note,
        )
        return self._store("completed", ended)

    def _store(self, action: str, job: Job) -> Change:
        self._placed[job.id] = replace(self._placed[job.id], job=job)
        return Change(action, job)

    def _stop(self, job_ids: Iterable[int], note: str, now: datetime) -> list[Change]:
        changes: list[Change] = []
        for job_id in job_ids:
            job = self.job(job_id)
            self._drop_held(job.key)
            if job.status is Status.QUEUED:
                changes.append(self._complete(job, Ending(Conclusion.CANCELLED, note=note), now))
            elif job.status is Status.IN_PROGRESS:
                changes.append(Change("cancel", job))
        return changes

    def _drop_held(self, key: str) -> None:
        self._held[key] = []

    def _fails_fast(self, placed: Placed) -> bool:
        return not placed.job.may_fail and truthy(placed.strategy["fail-fast"])

    def _contexts(self, spec: JobSpec) -> dict[str, Value]:
        github = {**self.github, "run_attempt": str(self.attempt), "job": spec.key}
        return {"github": github, "needs": self._needs(spec), "inputs": self._inputs, "vars": {}}

    def _needs(self, spec: JobSpec) -> dict[str, Value]:
        return {need: {"result": self._result(need), "outputs": self._outputs(need)} for need in spec.needs}

    def _result(self, key: str) -> Conclusion:
        return worst(self.job(job_id).counts_as for job_id in self._groups[key])

    def _outputs(self, key: str) -> dict[str, Value]:
        """In a matrix the job that ended last and set an output decides it."""
        placed = sorted(
            (self._placed[job_id] for job_id in self._groups[key]),
            key=lambda each: (each.job.completed_at or each.job.queued_at, each.job.id),
        )
        return {name: text for each in placed for name, text in each.outputs.items() if text}

    def _status_functions(self, spec: JobSpec) -> Mapping[str, Function]:
        """GitHub looks at all ancestors, not only at the direct needs."""
        results = {self._result(key) for key in self._ancestors(spec)}
        return {
            "always": lambda _: True,
            "cancelled": lambda _: self.cancelled,
            "success": lambda _: not self.cancelled and results <= {Conclusion.SUCCESS},
            "failure": lambda _: not self.cancelled and Conclusion.FAILURE in results,
        }

    def _ancestors(self, spec: JobSpec) -> set[str]:
        return set(spec.needs).union(*(self._ancestors(self.workflow.jobs[need]) for need in spec.needs))


def worst(conclusions: Iterable[Conclusion | None]) -> Conclusion:
    """What a set of jobs comes to: failure, else cancelled, else success, else all were skipped."""
    found = set(conclusions)
    order = (Conclusion.FAILURE, Conclusion.CANCELLED, Conclusion.SUCCESS, Conclusion.SKIPPED)
    return next((each for each in order if each in found), Conclusion.SUCCESS)
