"""GitHub's routes for workflow runs and check runs, as a face over the runs in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from controller.domain.interruption import RunJob
from controller.errors import Rejected
from controller.ports import RunRef
from tests.fakes.reruns import FakeRuns

_ROUTE = re.compile(r"/repos/([^/]+/[^/]+)/(?:actions/(runs|jobs)/(\d+)(/[a-z-]+)?|(check-runs))")
_REFUSAL = "The workflow run cannot be retried: This workflow is already running"
PAGE = 100


class RunRoutes:
    """Answers as (status, JSON); None for a path of somebody else's."""

    def __init__(self) -> None:
        self.runs = FakeRuns()
        self.check_runs: list[dict[str, Any]] = []

    def answer(self, method: str, path: str, data: dict[str, Any]) -> tuple[int, object] | None:
        """What GitHub would say."""
        parts = urlsplit(path)
        found = _ROUTE.fullmatch(parts.path)
        if found is None:
            return None
        repository, kind, number, what, _ = found.groups()
        if kind is None:
            self.check_runs.append(data | {"repository": repository})
            return 201, {"id": len(self.check_runs)}
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            return self._run(method, (kind, what or ""), repository, int(number), query)
        except Rejected:
            return 404, {"message": "Not Found"}

    def _run(
        self, method: str, route: tuple[str, str], repository: str, number: int, query: Mapping[str, str]
    ) -> tuple[int, object]:
        run = RunRef("", 0, repository, number)
        match method, *route:
            case "GET", "runs", "":
                return 200, self._state(run)
            case "GET", "runs", "/jobs":
                page = (int(query["page"]) - 1) * int(query["per_page"])
                every = self.runs.jobs(run, 0.0)
                return 200, {"total_count": len(every), "jobs": [_job(job) for job in every[page : page + PAGE]]}
            case "POST", "runs", "/rerun-failed-jobs":
                return _started(self.runs.rerun_failed(run, 0.0))
            case "POST", "jobs", "/rerun":
                return _started(self.runs.rerun_job(RunRef("", 0, repository, self._run_of(number)), number, 0.0))
            case _:
                return 405, {"message": json.dumps(route)}

    def _state(self, run: RunRef) -> dict[str, object]:
        state = self.runs.state(run, 0.0)
        status = "completed" if state.completed else "in_progress"
        return {
            "id": run.run_id,
            "run_attempt": state.attempt,
            "status": status,
            "conclusion": state.conclusion or None,
        }

    def _run_of(self, job_id: int) -> int:
        return next((run_id for run_id, run in self.runs.known.items() if job_id in run.jobs), 0)


def _job(job: RunJob) -> dict[str, object]:
    return {
        "id": job.job_id,
        "name": job.name,
        "conclusion": job.conclusion or None,
        "runner_name": job.runner_name or None,
    }


def _started(started: bool) -> tuple[int, object]:  # noqa: FBT001 - the fake's own answer
    return (201, {}) if started else (403, {"message": _REFUSAL})
