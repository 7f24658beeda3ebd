"""What people do on GitHub's pages: push, cancel, re-run, approve."""

from __future__ import annotations

from pathlib import Path

from controller.local.github.commits import Commits
from controller.local.github.config import Config
from controller.local.github.repositories import Repositories
from controller.local.github.runbook import Entry, Runbook
from controller.local.github.views import RunView, view_of
from controller.local.github.workflow import read_workflow


class People:
    """The pages' buttons; a run or job that does not exist is a `KeyError`, a refused re-run a `RerunRefused`."""

    _config: Config
    _commits: Commits
    _repositories: Repositories
    _runbook: Runbook

    def submit(self, path: Path, repository: str = "") -> RunView:
        """Push a workflow file: its run starts at once. The first repository unless another is named."""
        return view_of(self._runbook.submit(read_workflow(path), self._repositories.find(repository)))

    def put_file(self, repository: str, path: str, text: str) -> str:
        """Commit a file to a repository's default branch; the commit."""
        return self._commits.put(self._repositories.find(repository).full_name, path, text)

    def cancel(self, run_id: int) -> None:
        """Cancel a run."""
        self._runbook.cancel(self._run(run_id), f"The run was canceled by @{self._config.actor}.")

    def cancel_job(self, job_id: int) -> None:
        """Cancel one job of a run, and leave the others alone."""
        self._runbook.cancel_job(self._home(job_id), job_id, f"The job was canceled by @{self._config.actor}.")

    def rerun(self, run_id: int) -> None:
        """Run all jobs of a run again."""
        self._runbook.rerun(self._run(run_id))

    def rerun_failed(self, run_id: int) -> None:
        """Run the failed and cancelled jobs of a run again, and what needs them."""
        self._runbook.rerun_failed(self._run(run_id))

    def rerun_job(self, job_id: int) -> None:
        """Run one job again, and what needs it."""
        self._runbook.rerun_job(self._home(job_id), job_id)

    def approve(self, run_id: int, environment: str, *, approved: bool = True) -> None:
        """Let the jobs that wait for an environment go on, or reject them."""
        self._runbook.approve(self._run(run_id), {environment}, approved=approved)

    def _run(self, run_id: int) -> Entry:
        entry = self._runbook.find(run_id)
        if entry is None:
            raise KeyError(f"there is no run {run_id}")
        return entry

    def _home(self, job_id: int) -> Entry:
        entry = self._runbook.home(job_id)
        if entry is None:
            raise KeyError(f"there is no job {job_id}")
        return entry
