"""REST routes of workflow runs and their jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from controller.local.github.account import Json
from controller.local.github.api import NOT_FOUND, Answer, Gate, page, refusal
from controller.local.github.job import Status
from controller.local.github.payloads import Place, job_document, run_document
from controller.local.github.runbook import Entry, Runbook
from controller.local.github.web import Request, Response, Route


class RunRoutes:
    """What `actions:write` allows."""

    def __init__(
        self,
        runbook: Runbook,
        place_of: Callable[[Entry], Place],
        clock: Callable[[], datetime],
        lock: threading.RLock,
    ) -> None:
        self._runbook = runbook
        self._lock = lock
        self._place_of = place_of
        self._clock = clock

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        actions = "/repos/{owner}/{repo}/actions"
        answers: list[tuple[str, str, Answer]] = [
            ("GET", f"{actions}/runs", self._list),
            ("GET", actions + "/runs/{run_id}", self._get),
            ("GET", actions + "/runs/{run_id}/jobs", self._jobs),
            ("POST", actions + "/runs/{run_id}/cancel", self._cancel),
            ("GET", actions + "/jobs/{job_id}", self._job),
        ]
        return [gate.installation(method, template, self._locked(answer)) for method, template, answer in answers]

    def _locked(self, answer: Answer) -> Answer:
        """A run must not move while it is printed."""

        def handler(request: Request) -> Response:
            with self._lock:
                return answer(request)

        return handler

    def _list(self, request: Request) -> Response:
        wanted = request.query.get("status", "")
        runs = [self._run(entry) for entry in reversed(self._visible(request))]
        found = [run for run in runs if wanted in ("", run["status"], run["conclusion"])]
        return Response(200, {"total_count": len(found), "workflow_runs": page(request, found)})

    def _get(self, request: Request) -> Response:
        entry = self._find(request)
        return Response(200, self._run(entry)) if entry else NOT_FOUND

    def _jobs(self, request: Request) -> Response:
        entry = self._find(request)
        if entry is None:
            return NOT_FOUND
        jobs = [self._job_document(entry, job_id) for job_id in [job.id for job in entry.run.jobs]]
        return Response(200, {"total_count": len(jobs), "jobs": page(request, jobs)})

    def _cancel(self, request: Request) -> Response:
        entry = self._find(request)
        if entry is None:
            return NOT_FOUND
        if entry.run.status is Status.COMPLETED:
            return refusal(409, "Cannot cancel a workflow run that is completed.")
        self._runbook.cancel(entry, "The run was canceled by @spotrunner.")
        return Response(202, {})

    def _job(self, request: Request) -> Response:
        job_id = request.params["job_id"]
        entry = self._runbook.home(int(job_id)) if job_id.isdigit() else None
        if entry is None or entry not in self._visible(request):
            return NOT_FOUND
        return Response(200, self._job_document(entry, int(job_id)))

    def _visible(self, request: Request) -> list[Entry]:
        name = f"{request.params['owner']}/{request.params['repo']}".lower()
        return [entry for entry in self._runbook.entries if entry.repository.full_name.lower() == name]

    def _find(self, request: Request) -> Entry | None:
        return next((entry for entry in self._visible(request) if str(entry.run.id) == request.params["run_id"]), None)

    def _run(self, entry: Entry) -> Json:
        return run_document(entry.facts(self._clock()), self._place_of(entry))

    def _job_document(self, entry: Entry, job_id: int) -> Json:
        return job_document(entry.run.job(job_id), entry.facts(self._clock()), self._place_of(entry))
