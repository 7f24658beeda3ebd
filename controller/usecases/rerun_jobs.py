"""Interrupted jobs are run again on-demand, as soon as GitHub allows it and never twice for one interruption.

Order of the steps: write down that GitHub is being asked, remember that the next attempt is to be
on-demand, ask. What a crash leaves behind is seen at the next look: a job that is no longer in the
run's latest attempt has been run again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from controller.domain import interruption, routing
from controller.domain.deliveries import MessageDelayed
from controller.domain.events import RerunDeclined, RerunStarted
from controller.domain.fleet_config import Retry, RunnerConfig
from controller.domain.interruption import Decline, Overtaken, RerunFailed, RerunJob, RunJob, RunState
from controller.domain.job import Job, Rerun
from controller.domain.runner import ALIVE
from controller.domain.runner_name import instance_of
from controller.errors import Rejected, Unavailable
from controller.messages import Chore, Chores
from controller.ports import Configs, Jobs, Ledger, Memory, Outbox, Runners, RunRef, Runs, Tell
from controller.usecases.tell_commits import TellCommits

_AT_ONCE = 200
_SCHEDULE_S = 60.0
_ASKING_S = 60.0
"""Nobody else asks while an answer may still come."""
_SKEW_S = 0.5
"""Clocks differ, and whoever comes a moment too early would leave it to the schedule."""
_REMEMBERED_S = 7 * 86_400.0
_OPEN = frozenset({Rerun.WANTED, Rerun.ASKED})


@dataclass(frozen=True, slots=True)
class RerunJobs:
    """A housekeeping task, also asked for by whoever finds that a job was interrupted."""

    jobs: Jobs
    runners: Runners
    ledger: Ledger
    memory: Memory
    runs: Runs
    configs: Configs
    outbox: Outbox
    tell_commits: TellCommits
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Look at every interrupted job whose turn it is, run by run."""
        now = self.clock()
        wanted = [job for job in self.jobs.owed(_AT_ONCE) if job.rerun in _OPEN]
        due = [job for job in wanted if job.rerun_at <= now + _SKEW_S]
        lines = [f"look whether job {job.id} of run {job.run_id} can be run again" for job in due]
        if not dry_run:
            later: list[float] = []
            for run, lost in _by_run(due).items():
                later += self._look(run, lost)
            self._come_back(later)
        return len(wanted), lines

    def _come_back(self, later: Sequence[float]) -> None:
        """Where the schedule would come too late for the next look, ask for one in time.

        Only whoever has looked does so, or every pass would start a chain of its own.
        """
        wait = min(later, default=float("inf")) - self.clock()
        if wait < _SCHEDULE_S:
            self.outbox.send(Chore(Chores.INTERRUPTED_JOBS), max(wait, interruption.FIRST_LOOK_S))

    def _look(self, run: RunRef, lost: Sequence[Job]) -> list[float]:
        """Do what can be done for one run; when to look again, for each job left."""
        try:
            left: Sequence[Job] = self._step(run, lost)
        except Rejected as refusal:
            self._declined([Decline(job, f"GitHub refuses: {refusal}") for job in lost])
            return []
        except Unavailable as later:
            self.tell(MessageDelayed("reruns", f"run {run.run_id} of {run.repository}", str(later)))
            left = lost
        return self._postponed(left)

    def _step(self, run: RunRef, held: Sequence[Job]) -> list[Job]:
        """Those of the jobs that must wait."""
        held = self._willing(held)
        if not held:
            return []
        state = self.runs.state(run, self.clock())
        if not state.completed:
            return held
        found = self.runs.jobs(run, self.clock())
        lost = self._lost(found, held)
        return held if lost is None else self._carry_out(run, state, found, self._willing(lost))

    def _willing(self, lost: Iterable[Job]) -> list[Job]:
        """Those that may be run again; the others are told so at once."""
        refused = {job.id: no for job in lost if (no := interruption.at_once(job, self._retry(job), self.clock()))}
        self._declined(refused.values())
        return [job for job in lost if job.id not in refused]

    def _lost(self, found: Sequence[RunJob], held: Sequence[Job]) -> list[Job] | None:
        """Every interrupted job of the run; None while a failed job's machine has not said its last word."""
        failed = [job.runner_name for job in found if interruption.is_failure(job.conclusion)]
        machines = self.runners.get(name for runner in failed if (name := instance_of(runner)))
        if any(machine.state in ALIVE for machine in machines.values()):
            return None
        known = {job.key for job in held}
        more = self.jobs.get(machine.ran for machine in machines.values() if machine.ran and machine.ran not in known)
        here = held[0].home
        return [*held, *(job for job in more.values() if job.rerun in _OPEN and job.home == here)]

    def _carry_out(self, run: RunRef, state: RunState, found: Sequence[RunJob], lost: Sequence[Job]) -> list[Job]:
        left = {job.id: job for job in lost}
        retries = {job.id: self._retry(job) for job in lost}
        for step in interruption.plan(state, found, lost, retries):
            match step:
                case Decline(lost=job):
                    self._declined([step])
                    del left[job.id]
                case Overtaken(lost=job):
                    self._overtaken(job, state)
                    del left[job.id]
                case RerunJob(lost=job, job_id=job_id):
                    left |= self._ask([job], state, "job", partial(self.runs.rerun_job, run, job_id))
                case RerunFailed(lost=jobs):
                    left |= self._ask(jobs, state, "run", partial(self.runs.rerun_failed, run))
        return [job for job in left.values() if job.rerun in _OPEN]

    def _ask(self, lost: Sequence[Job], state: RunState, scope: str, ask: Callable[[float], bool]) -> dict[str, Job]:
        """Have these jobs run again; as they stand after it."""
        now = self.clock()
        asked = [replace(job, rerun=Rerun.ASKED, rerun_at=now + _ASKING_S) for job in lost]
        if self.ledger.save(asked):
            return {job.id: replace(job, rerun=Rerun.NONE) for job in lost}
        asked = [replace(job, version=job.version + 1) for job in asked]
        for job in asked:
            mark = interruption.mark(job, state.attempt + 1)
            self.memory.remember(mark, str(job.reruns + 1), now + _REMEMBERED_S)
        return {job.id: job for job in self._answered(asked, state.attempt + 1, scope, ask)}

    def _answered(self, asked: Sequence[Job], attempt: int, scope: str, ask: Callable[[float], bool]) -> Sequence[Job]:
        """Where the outcome is not known, or the run is active, the jobs stay asked for until the next look."""
        try:
            started = ask(self.clock())
        except Rejected as refusal:
            return self._declined([Decline(job, f"GitHub refuses: {refusal}") for job in asked])
        except Unavailable as later:
            self.tell(MessageDelayed("reruns", asked[0].id, str(later)))
            return asked
        return self._made(asked, attempt, scope) if started else asked

    def _made(self, lost: Sequence[Job], attempt: int, scope: str) -> list[Job]:
        made = self._saved([replace(job, rerun=Rerun.MADE, rerun_at=self.clock()) for job in lost])
        for job in made:
            self.tell(RerunStarted(job.id, job.repository, job.name, attempt, scope))
        self.tell_commits.post(made)
        return made

    def _overtaken(self, job: Job, state: RunState) -> None:
        """It is not in the latest attempt any more: our own doing, its answer lost, or somebody else's."""
        if job.rerun is Rerun.ASKED:
            self._made([job], state.attempt, "seen")
        else:
            self._saved([replace(job, rerun=Rerun.OVERTAKEN, rerun_at=self.clock())])

    def _declined(self, steps: Iterable[Decline]) -> list[Job]:
        now = self.clock()
        settled = [replace(step.lost, rerun=Rerun.DECLINED, rerun_at=now, reason=step.reason) for step in steps]
        no = self._saved(settled)
        for job in no:
            self.tell(RerunDeclined(job.id, job.repository, job.name, job.reason))
        self.tell_commits.post(no)
        return no

    def _postponed(self, left: Sequence[Job]) -> list[float]:
        now = self.clock()
        waiting = [replace(job, rerun_at=max(interruption.next_look(job, now), job.rerun_at)) for job in left]
        return [job.rerun_at for job in self._saved(waiting)]

    def _saved(self, records: Iterable[Job]) -> list[Job]:
        """Those that could be saved, each by itself: one that has moved on spoils no other's."""
        return [replace(job, version=job.version + 1) for job in records if not self.ledger.save([job])]

    def _retry(self, job: Job) -> Retry:
        try:
            return routing.resolve(routing.wish(job), self._find).retry
        except Rejected:
            # What it asked for is gone meanwhile; its next attempt will be told so.
            return Retry.JOB

    def _find(self, name: str) -> RunnerConfig | None:
        return self.configs.find(name, self.clock())


def _by_run(jobs: Iterable[Job]) -> dict[RunRef, list[Job]]:
    runs: dict[RunRef, list[Job]] = defaultdict(list)
    for job in jobs:
        runs[RunRef(job.server, job.installation_id, job.repository, job.run_id)].append(job)
    return dict(runs)
