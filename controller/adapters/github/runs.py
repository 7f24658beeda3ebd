"""GitHub's workflow runs over REST: how one stands, and having it run again."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from controller.adapters.github.calls import Call, fields
from controller.adapters.github.installations import Installations
from controller.domain.interruption import RunJob, RunState
from controller.errors import Rejected, Unavailable
from controller.ports import RunRef

_OK, _CREATED = 200, 201
_PAGE = 100
_PAGES = 20
"""A run has 256 jobs for each matrix; more pages than these say that something is wrong."""

_STILL_RUNNING = "already running"
"""In GitHub's words on a re-run that comes too early; the status, 403, is that of any refusal."""


class RunsApi:
    """The `Runs` port."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations

    def state(self, run: RunRef, now: float) -> RunState:
        """How the run stands."""
        call = Call("GET", run.server, _path(run))
        data = fields(call, self._installations.send(call, run.installation_id, now, fine={_OK}))
        attempt = data.get("run_attempt")
        if not isinstance(attempt, int):
            raise Unavailable(f"{call}: answered without the run's attempt")
        return RunState(attempt, data.get("status") == "completed", str(data.get("conclusion") or ""))

    def jobs(self, run: RunRef, now: float) -> list[RunJob]:
        """The jobs of the run's latest attempt, page by page."""
        found: list[RunJob] = []
        for page in range(1, _PAGES + 1):
            path = f"{_path(run)}/jobs?filter=latest&per_page={_PAGE}&page={page}"
            rows = self._rows(Call("GET", run.server, path), run, now)
            found += [_job(row) for row in rows]
            if len(rows) < _PAGE:
                return found
        raise Rejected(f"run {run.run_id} of {run.repository} has more than {len(found)} jobs")

    def rerun_failed(self, run: RunRef, now: float) -> bool:
        """Run the run's failed jobs again; False while the run is active."""
        return self._rerun(Call("POST", run.server, f"{_path(run)}/rerun-failed-jobs"), run, now)

    def rerun_job(self, run: RunRef, job_id: int, now: float) -> bool:
        """Run this job again, and those that need it; False while the run is active."""
        return self._rerun(Call("POST", run.server, f"{_repository(run)}/actions/jobs/{job_id}/rerun"), run, now)

    def _rerun(self, call: Call, run: RunRef, now: float) -> bool:
        try:
            self._installations.send(call, run.installation_id, now, fine={_CREATED})
        except Rejected as refusal:
            if _STILL_RUNNING in str(refusal).lower():
                return False
            raise
        return True

    def _rows(self, call: Call, run: RunRef, now: float) -> list[Mapping[str, object]]:
        listed = fields(call, self._installations.send(call, run.installation_id, now, fine={_OK})).get("jobs")
        if not isinstance(listed, list):
            raise Unavailable(f"{call}: answered without a list of jobs")
        return [row for row in listed if isinstance(row, dict)]


def _repository(run: RunRef) -> str:
    return f"/repos/{quote(run.repository)}"


def _path(run: RunRef) -> str:
    return f"{_repository(run)}/actions/runs/{run.run_id}"


def _job(row: Mapping[str, object]) -> RunJob:
    job_id = row.get("id")
    return RunJob(
        job_id=job_id if isinstance(job_id, int) else 0,
        name=str(row.get("name") or ""),
        conclusion=str(row.get("conclusion") or ""),
        runner_name=str(row.get("runner_name") or ""),
    )
