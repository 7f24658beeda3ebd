"""The records that one batch works on: read in bulk, changed in memory, saved in one step."""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.events import Event
from controller.domain.job import Job
from controller.domain.job_key import NOBODY, JobKey
from controller.domain.runner import Runner
from controller.ports import Jobs, Ledger, Runners


class Desk:
    """A unit of work; what is to be told waits here until the records are safe."""

    def __init__(self, jobs: Jobs, runners: Runners, ledger: Ledger) -> None:
        self._jobs, self._runners, self._ledger = jobs, runners, ledger
        self._read_jobs: dict[JobKey, Job | None] = {}
        self._read_runners: dict[str, Runner | None] = {}
        self._changed: dict[str, Job | Runner] = {}
        self.told: list[Event] = []
        self.line_has_grown = False
        self.jobs_were_lost = False

    def fetch(self, keys: Iterable[JobKey], instance_ids: Iterable[str]) -> None:
        """Read these records in one go."""
        wanted_jobs, wanted_runners = set(keys) - {NOBODY}, set(instance_ids)
        found_jobs = self._jobs.get(wanted_jobs) if wanted_jobs else {}
        found_runners = self._runners.get(wanted_runners) if wanted_runners else {}
        self._read_jobs |= {key: found_jobs.get(key) for key in wanted_jobs}
        self._read_runners |= {name: found_runners.get(name) for name in wanted_runners}

    def fetch_partners(self) -> None:
        """Read the jobs that the machines read so far are meant for, and the machines meant for the jobs."""
        jobs = {runner.job for runner in self._read_runners.values() if runner and runner.ran is None}
        machines = {job.instance_id for job in self._read_jobs.values() if job and job.instance_id}
        self.fetch(jobs - self._read_jobs.keys(), machines - self._read_runners.keys())

    def job(self, key: JobKey) -> Job | None:
        """The job as it stands on this desk."""
        if key not in self._read_jobs:
            self.fetch([key], [])
        return self._read_jobs.get(key)

    def runner(self, instance_id: str) -> Runner | None:
        """The machine as it stands on this desk."""
        if not instance_id:
            return None
        if instance_id not in self._read_runners:
            self.fetch([], [instance_id])
        return self._read_runners[instance_id]

    @property
    def jobs(self) -> list[Job]:
        """Every job on this desk."""
        return [job for job in self._read_jobs.values() if job]

    @property
    def runners(self) -> list[Runner]:
        """Every machine on this desk."""
        return [runner for runner in self._read_runners.values() if runner]

    def put(self, *records: Job | Runner) -> None:
        """These are the records' new values."""
        for record in records:
            if isinstance(record, Job):
                self._read_jobs[record.key] = record
            else:
                self._read_runners[record.instance_id] = record
            self._changed[record.id] = record

    def save(self) -> bool:
        """Write what has changed; False when somebody else was faster, and nothing of this desk holds."""
        return not self._changed or not self._ledger.save(list(self._changed.values()))
