"""GitHub's workflow runs and check runs in memory.

github = FakeRuns()
github.ran(run_id=70, job_id=1, conclusion="failure", runner_name="spotrunner-i-1-1")
github.end(70)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from controller.domain.interruption import RunJob, RunState, is_failure
from controller.errors import Rejected
from controller.ports import CheckRun, RunRef
from tests.fakes.faults import Faults


@dataclass
class FakeRun:
    """One run: its attempt, and the jobs of that attempt."""

    attempt: int = 1
    completed: bool = False
    conclusion: str = ""
    jobs: dict[int, RunJob] = field(default_factory=dict)


class FakeRuns:
    """Runs by id. A re-run starts a new attempt, in which other jobs stay what they were, under new ids.

    `faults` strike before anything happens; `lost_answers` after a re-run was started.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.lost_answers: list[Exception] = []
        self.calls: list[str] = []
        self.reruns: list[tuple[int, tuple[str, ...]]] = []
        """The attempt that each re-run started, and the names of the jobs in it."""
        self.known: dict[int, FakeRun] = {}
        self._ids = 1_000

    def ran(self, job_id: int, conclusion: str = "", runner_name: str = "", run_id: int = 70) -> None:
        """A job of the run's latest attempt has come so far."""
        run = self.known.setdefault(run_id, FakeRun())
        run.jobs[job_id] = RunJob(job_id, self.name_of(job_id, run_id), conclusion, runner_name)

    def end(self, run_id: int = 70, conclusion: str = "failure") -> None:
        """The run has completed."""
        run = self.known[run_id]
        run.completed, run.conclusion = True, conclusion

    def job_of(self, name: str, run_id: int = 70) -> int:
        """The id of a job in the run's latest attempt."""
        return next(job.job_id for job in self.known[run_id].jobs.values() if job.name == name)

    def name_of(self, job_id: int, run_id: int = 70) -> str:
        """The name of a job, however often it has been run again."""
        known = self.known[run_id].jobs.get(job_id)
        return known.name if known else f"build {job_id}"

    def state(self, run: RunRef, now: float) -> RunState:  # noqa: ARG002 - no clock here
        found = self._run("state", run)
        return RunState(found.attempt, found.completed, found.conclusion)

    def jobs(self, run: RunRef, now: float) -> list[RunJob]:  # noqa: ARG002 - no clock here
        return list(self._run("jobs", run).jobs.values())

    def rerun_failed(self, run: RunRef, now: float) -> bool:  # noqa: ARG002 - no clock here
        found = self._run("rerun_failed", run)
        return self._start(found, {job.job_id for job in found.jobs.values() if is_failure(job.conclusion)})

    def rerun_job(self, run: RunRef, job_id: int, now: float) -> bool:  # noqa: ARG002 - no clock here
        found = self._run("rerun_job", run)
        if job_id not in found.jobs:
            raise Rejected(f"job {job_id} is not in attempt {found.attempt}")
        return self._start(found, {job_id})

    def _start(self, run: FakeRun, again: set[int]) -> bool:
        if not run.completed:
            return False
        run.attempt, run.completed, run.conclusion = run.attempt + 1, False, ""
        self.reruns.append((run.attempt, tuple(sorted(run.jobs[job_id].name for job_id in again))))
        copies = [self._copy(job, job_id in again) for job_id, job in run.jobs.items()]
        run.jobs = {copy.job_id: copy for copy in copies}
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return True

    def _copy(self, job: RunJob, again: bool) -> RunJob:  # noqa: FBT001 - called once, above
        self._ids += 1
        return RunJob(self._ids, job.name, "") if again else replace(job, job_id=self._ids)

    def _run(self, name: str, run: RunRef) -> FakeRun:
        self.calls.append(name)
        self.faults.strike()
        if run.run_id not in self.known:
            raise Rejected(f"run {run.run_id} of {run.repository}: 404 Not Found")
        return self.known[run.run_id]


class FakeChecks:
    """Every check run posted, in order."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.posted: list[CheckRun] = []

    def post(self, check: CheckRun, now: float) -> None:  # noqa: ARG002 - no clock here
        self.faults.strike()
        self.posted.append(check)
