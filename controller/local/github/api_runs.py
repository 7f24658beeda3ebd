"""REST routes of workflow runs, their attempts and their jobs: looking, and cancelling."""

from __future__ import annotations

from collections.abc import Callable

from controller.local.github.account import Json
from controller.local.github.api import NOT_FOUND, Answer, Gate, invalid, listed, refusal
from controller.local.github.attempts import Attempt, RerunRefused
from controller.local.github.job import Job, Status
from controller.local.github.payloads import job_document, run_document
from controller.local.github.runbook import Entry
from controller.local.github.runs_seen import RunsSeen, created_within
from controller.local.github.web import Request, Response, Route

ACTIONS = "/repos/{owner}/{repo}/actions"
_MATCHED = {"branch": "head_branch", "event": "event", "head_sha": "head_sha"}
"""Filters of the list, by what they are compared with."""


class RunRoutes:
    """What `actions:write` allows."""

    def __init__(self, seen: RunsSeen) -> None:
        self._seen = seen

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        run = ACTIONS + "/runs/{run_id}"
        answers: list[tuple[str, str, Answer]] = [
            ("GET", f"{ACTIONS}/runs", self._list),
            ("GET", run, self._get),
            ("GET", f"{run}/jobs", self._jobs),
            ("GET", run + "/attempts/{attempt_number}", self._attempt),
            ("GET", run + "/attempts/{attempt_number}/jobs", self._attempts_jobs),
            ("POST", f"{run}/cancel", self._cancel),
            ("POST", f"{run}/rerun", self._rerun),
            ("POST", f"{run}/rerun-failed-jobs", self._rerun_failed),
            ("GET", ACTIONS + "/jobs/{job_id}", self._job),
            ("POST", ACTIONS + "/jobs/{job_id}/rerun", self._rerun_job),
        ]
        return [gate.installation(method, template, self._seen.locked(each)) for method, template, each in answers]

    def _list(self, request: Request) -> Response:
        """Newest first."""
        query = request.query
        try:
            entries = [each for each in reversed(self._seen.visible(request)) if created_within(each, query)]
        except ValueError:
            return invalid(f"created: {query['created']!r} is no range of dates")
        runs = [self._run(entry) for entry in entries]
        for name, field in _MATCHED.items():
            runs = [run for run in runs if query.get(name, "") in ("", run[field])]
        wanted = query.get("status", "")
        runs = [run for run in runs if wanted in ("", run["status"], run["conclusion"])]
        return listed(request, runs, "workflow_runs")

    def _get(self, request: Request) -> Response:
        entry = self._seen.run(request)
        return Response(200, self._run(entry)) if entry else NOT_FOUND

    def _jobs(self, request: Request) -> Response:
        """Of the latest attempt, or with `filter=all` of every one."""
        entry = self._seen.run(request)
        if entry is None:
            return NOT_FOUND
        attempts = entry.run.attempts if request.query.get("filter") == "all" else (entry.run.latest,)
        return self._listed_jobs(request, entry, [job for attempt in attempts for job in attempt.jobs])

    def _attempt(self, request: Request) -> Response:
        entry, attempt = self._numbered(request)
        return Response(200, self._run(entry, attempt)) if entry and attempt else NOT_FOUND

    def _attempts_jobs(self, request: Request) -> Response:
        entry, attempt = self._numbered(request)
        return self._listed_jobs(request, entry, list(attempt.jobs)) if entry and attempt else NOT_FOUND

    def _cancel(self, request: Request) -> Response:
        entry = self._seen.run(request)
        if entry is None:
            return NOT_FOUND
        if entry.run.status is Status.COMPLETED:
            return refusal(409, "Cannot cancel a workflow run that is completed.")
        self._seen.runbook.cancel(entry, "The run was canceled by @spotrunner.")
        return Response(202, {})

    def _rerun(self, request: Request) -> Response:
        return _rerun(self._seen.run(request), self._seen.runbook.rerun)

    def _rerun_failed(self, request: Request) -> Response:
        return _rerun(self._seen.run(request), self._seen.runbook.rerun_failed)

    def _rerun_job(self, request: Request) -> Response:
        def again(entry: Entry) -> None:
            self._seen.runbook.rerun_job(entry, int(request.params["job_id"]))

        return _rerun(self._seen.home(request), again)

    def _job(self, request: Request) -> Response:
        entry = self._seen.home(request)
        if entry is None:
            return NOT_FOUND
        return Response(200, self._job_document(entry, entry.run.job(int(request.params["job_id"]))))

    def _numbered(self, request: Request) -> tuple[Entry | None, Attempt | None]:
        entry = self._seen.run(request)
        attempts = entry.run.attempts if entry else ()
        wanted = request.params["attempt_number"]
        return entry, next((each for each in attempts if str(each.number) == wanted), None)

    def _listed_jobs(self, request: Request, entry: Entry, jobs: list[Job]) -> Response:
        return listed(request, [self._job_document(entry, job) for job in jobs], "jobs")

    def _run(self, entry: Entry, attempt: Attempt | None = None) -> Json:
        return run_document(entry.facts(attempt), self._seen.place_of(entry))

    def _job_document(self, entry: Entry, job: Job) -> Json:
        return job_document(job, entry.facts(), self._seen.place_of(entry))


def _rerun(entry: Entry | None, start: Callable[[Entry], None]) -> Response:
    if entry is None:
        return NOT_FOUND
    try:
        start(entry)
    except RerunRefused as refused:
        return refusal(403, str(refused))
    return Response(201, {})
