"""A run of a workflow as GitHub schedules it: which jobs exist, wait, are skipped, and how the run ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.local.github.attempts import Attempt, again
from controller.local.github.evaluation import Function, Scope, as_text, truthy
from controller.local.github.expressions import ExpressionError, Value
from controller.local.github.job import UNSUPPORTED, Conclusion, Job, RunnerRef, Status, StepRecord
from controller.local.github.matrix import MatrixError
from controller.local.github.placing import Own, Placed, place, plain_labels, spread
from controller.local.github.results import ancestors, outputs, result, status_functions, worst
from controller.local.github.templates import condition, holds
from controller.local.github.workflow import JobSpec, Workflow


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a job: `waiting`, `queued`, `in_progress`, `completed`; or `cancel`, asked of its runner."""

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
        protected: Collection[str] = (),
    ) -> None:
        self.workflow = workflow
        self.github = dict(github)
        self.id = int(as_text(github["run_id"]))
        self.attempt = 1
        self.cancelled = False
        self._started_at: datetime | None = None
        self._protected = protected
        """The environments whose jobs wait for an approval."""
        self._next_job_id = next_job_id
        self._placed: dict[int, Placed] = {}
        self._groups: dict[str, list[int]] = {}
        """The jobs each key of the workflow stands for, once that is decided."""
        self._held: dict[str, list[Placed]] = {}
        """Matrix jobs beyond `max-parallel`, not yet visible."""
        self._past: list[Attempt] = []
        self._former: dict[int, Job] = {}
        """Every job of the attempts before this one."""

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs of the latest attempt that exist so far, in order of their making."""
        return tuple(placed.job for placed in self._placed.values())

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt, the latest last."""
        return (*self._past, self.latest)

    @property
    def latest(self) -> Attempt:
        """The attempt that is under way, or was the last."""
        began = self._started_at or max(job.queued_at for job in self.jobs)
        times = [moment for job in self.jobs for moment in (job.queued_at, job.started_at, job.completed_at) if moment]
        return Attempt(self.attempt, began, max([began, *times]), self.status, self.conclusion, self.jobs)

    def job(self, job_id: int) -> Job:
        """One job, of whichever attempt."""
        return self._placed[job_id].job if job_id in self._placed else self._former[job_id]

    @property
    def status(self) -> Status:
        """Where the run is."""
        if len(self._groups) == len(self.workflow.jobs) and all(map(self._ended, self._groups)):
            return Status.COMPLETED
        found = {job.status for job in self.jobs if not job.carried_from}
        if found & {Status.QUEUED, Status.IN_PROGRESS} or not found:
            return Status.QUEUED if found <= {Status.QUEUED, Status.WAITING} else Status.IN_PROGRESS
        return Status.WAITING if Status.WAITING in found else Status.IN_PROGRESS

    @property
    def conclusion(self) -> Conclusion | None:
        """How the run ended; None while it has not."""
        if self.status is not Status.COMPLETED:
            return None
        return Conclusion.CANCELLED if self.cancelled else worst(job.counts_as for job in self.jobs)

    def start(self, now: datetime) -> list[Change]:
        """Queue every job that needs no other."""
        self._started_at = now
        return self._advance(now)

    def rerun(self, chosen: Iterable[int], now: datetime) -> list[Change]:
        """Another attempt: the chosen jobs and what needs them run again, the others are carried over.

        GitHub announces those once more as `completed`, under the ids that they have in the new attempt.
        """
        unplaced = {placed.job.key for placed in self._placed.values() if not placed.strategy}
        plan = again([self.job(job_id) for job_id in chosen], self.workflow.jobs, unplaced)
        self._past.append(self.latest)
        former, self._placed = self._placed, {}
        groups, self._groups, self._held = self._groups, {}, {}
        self._former |= {job_id: placed.job for job_id, placed in former.items()}
        self.attempt, self.cancelled, self._started_at = self.attempt + 1, False, now
        changes: list[Change] = []
        for key in [key for key in groups if key not in plan.keys]:
            self._groups[key] = []
            changes += [self._carry(former[each]) for each in groups[key] if each not in plan.jobs]
            changes += self._renew(key, [former[each] for each in groups[key] if each in plan.jobs], now)
        return changes + self._advance(now)

    def approve(self, environments: Collection[str], now: datetime, *, approved: bool) -> list[Change]:
        """Somebody has looked at the jobs that wait for these environments."""
        changes: list[Change] = []
        for job in [each for each in self.jobs if each.status is Status.WAITING and each.environment in environments]:
            if approved:
                changes.append(self._store("queued", replace(job, status=Status.QUEUED, queued_at=now)))
            else:
                changes.append(self._complete(job, Ending(Conclusion.FAILURE, note="the deployment was rejected"), now))
        return changes + self._advance(now)

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
            self._held[placed.job.key] = []
            changes += self._stop(self._groups[placed.job.key], f"fail-fast: {placed.job.name} failed", now)
        return changes + self._advance(now)

    def cancel(self, now: datetime, note: str = "the run was cancelled") -> list[Change]:
        """Cancel what waits, ask the runners of what runs to stop, and let `always()` jobs follow."""
        self.cancelled = True
        self._held = {key: [] for key in self._held}
        return self._stop(list(self._placed), note, now) + self._advance(now)

    def cancel_job(self, job_id: int, now: datetime, note: str = "the job was cancelled") -> list[Change]:
        """Cancel one job and leave the others alone."""
        return self._stop([job_id], note, now) + self._advance(now)

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
                return [self._end_unrun(spec, Conclusion.SKIPPED, self._why_skipped(spec), now)]
            self._held[spec.key] = self._place(spec, now)
        except (ExpressionError, MatrixError) as error:
            return [self._end_unrun(spec, Conclusion.FAILURE, str(error), now)]
        return self._release(spec.key, now)

    def _why_skipped(self, spec: JobSpec) -> str:
        """A job that needs one which cannot run here cannot run here either."""
        missing = [key for key in spec.needs if any(each.job.unsupported for each in self._group(key))]
        return f"{UNSUPPORTED}needs {missing[0]}, which cannot run here" if missing else f"if: {spec.condition}"

    def _place(self, spec: JobSpec, now: datetime) -> list[Placed]:
        return [self._place_one(spec, own, now) for own in spread(spec, self._contexts(spec))]

    def _place_one(self, spec: JobSpec, own: Own, now: datetime) -> Placed:
        blank = Job(self._next_job_id(), self.id, self.attempt, spec.key, spec.key, (), now)
        return place(spec, own, self._contexts(spec), blank)

    def _carry(self, placed: Placed) -> Change:
        job = replace(placed.job, id=self._next_job_id(), attempt=self.attempt, carried_from=placed.job.id)
        self._groups[job.key].append(job.id)
        self._placed[job.id] = replace(placed, job=job)
        return Change("completed", job)

    def _renew(self, key: str, former: Collection[Placed], now: datetime) -> list[Change]:
        """Single jobs of a key again; their labels and names may hang on the attempt's number."""
        spec = self.workflow.jobs[key]
        try:
            self._held[key] = [self._place_one(spec, Own(each.matrix, each.strategy), now) for each in former]
        except ExpressionError as error:
            return [self._end_unrun(spec, Conclusion.FAILURE, str(error), now)]
        return []

    def _release(self, key: str, now: datetime) -> list[Change]:
        """Queue held jobs as far as `max-parallel` lets."""
        held = self._held[key]
        running = sum(self.job(job_id).status is not Status.COMPLETED for job_id in self._groups[key])
        changes: list[Change] = []
        while held and running < held[0].limit:
            placed = held.pop(0)
            self._groups[key].append(placed.job.id)
            self._placed[placed.job.id] = placed
            waits = placed.job.environment in self._protected
            status = Status.WAITING if waits else Status.QUEUED
            changes.append(self._store(status, replace(placed.job, status=status, queued_at=now)))
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
            if job.status in (Status.WAITING, Status.QUEUED):
                changes.append(self._complete(job, Ending(Conclusion.CANCELLED, note=note), now))
            elif job.status is Status.IN_PROGRESS:
                changes.append(Change("cancel", job))
        return changes

    def _fails_fast(self, placed: Placed) -> bool:
        return not placed.job.may_fail and truthy(placed.strategy["fail-fast"])

    def _contexts(self, spec: JobSpec) -> dict[str, Value]:
        github = {**self.github, "run_attempt": str(self.attempt), "job": spec.key}
        return {"github": github, "needs": self._needs(spec), "inputs": self.workflow.inputs, "vars": {}}

    def _needs(self, spec: JobSpec) -> dict[str, Value]:
        groups = {need: self._group(need) for need in spec.needs}
        return {need: {"result": result(group), "outputs": outputs(group)} for need, group in groups.items()}

    def _group(self, key: str) -> list[Placed]:
        return [self._placed[job_id] for job_id in self._groups[key]]

    def _status_functions(self, spec: JobSpec) -> Mapping[str, Function]:
        results = {result(self._group(key)) for key in ancestors(spec, self.workflow.jobs)}
        return status_functions(results, cancelled=self.cancelled)
