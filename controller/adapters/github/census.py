"""What GitHub itself has: repositories, their active runs, and the jobs of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from controller.adapters.github import webhook
from controller.adapters.github.calls import Call, fields, rows
from controller.adapters.github.installations import Installations
from controller.domain.job_key import Intake
from controller.domain.lost_webhooks import Repository
from controller.errors import Rejected, Unavailable
from controller.messages import JobMoved, JobQueued
from controller.ports import RunRef

_OK = 200
_PAGE = 100
_PAGES = 20
KNOWN_S = 600.0
"""How long the list of repositories is good for."""

_ACTIVE = ("queued", "in_progress")
"""A run waits as a whole, or some of its jobs do."""


class CensusApi:
    """The `Census` port."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations
        self._known: dict[str, tuple[list[Repository], float]] = {}

    def repositories(self, server: str, now: float) -> list[Repository]:
        """Every repository of every installation of the App."""
        found, until = self._known.get(server, ([], 0.0))
        if now >= until:
            found = [each for installation in self._installed(server, now) for each in self._of(installation, now)]
            self._known[server] = (found, now + KNOWN_S)
        return found

    def active_runs(self, repository: Repository, now: float) -> list[RunRef]:
        """The runs in which a job may be waiting."""
        path = f"/repos/{quote(repository.name)}/actions/runs"
        numbers: list[int] = []
        for status in _ACTIVE:
            call = Call("GET", repository.server, f"{path}?status={status}&per_page={_PAGE}", polled=True)
            answer = fields(call, self._installations.send(call, repository.installation_id, now, fine={_OK}))
            numbers += [row["id"] for row in _listed(call, answer, "workflow_runs") if isinstance(row.get("id"), int)]
        known = dict.fromkeys(numbers)
        return [RunRef(repository.server, repository.installation_id, repository.name, number) for number in known]

    def jobs(self, run: RunRef, is_ours: Callable[[tuple[str, ...]], bool], now: float) -> list[JobQueued | JobMoved]:
        """How our jobs in the run's latest attempt stand, as a webhook would say it."""
        name = self._installations.name_of(run.server)
        found: list[JobQueued | JobMoved] = []
        for page in range(1, _PAGES + 1):
            path = f"/repos/{quote(run.repository)}/actions/runs/{run.run_id}/jobs"
            call = Call("GET", run.server, f"{path}?filter=latest&per_page={_PAGE}&page={page}", polled=True)
            answer = fields(call, self._installations.send(call, run.installation_id, now, fine={_OK}))
            listed = _listed(call, answer, "jobs")
            found += [word for row in listed if (word := _word(row, run, name, is_ours, now))]
            if len(listed) < _PAGE:
                break
        return found

    def _installed(self, server: str, now: float) -> list[tuple[str, int]]:
        call = Call("GET", server, f"/app/installations?per_page={_PAGE}")
        listed = rows(call, self._installations.send_as_app(call, now, fine={_OK}))
        return [(server, row["id"]) for row in listed if isinstance(row.get("id"), int) and not row.get("suspended_at")]  # type: ignore[misc]  # just checked

    def _of(self, installation: tuple[str, int], now: float) -> list[Repository]:
        server, installation_id = installation
        found: list[Repository] = []
        for page in range(1, _PAGES + 1):
            call = Call("GET", server, f"/installation/repositories?per_page={_PAGE}&page={page}", polled=True)
            answer = fields(call, self._installations.send(call, installation_id, now, fine={_OK}))
            listed = _listed(call, answer, "repositories")
            found += [
                Repository(server, installation_id, str(row.get("full_name")))
                for row in listed
                if not row.get("archived")
            ]
            if len(listed) < _PAGE:
                break
        return found


def _listed(call: Call, answer: Mapping[str, object], name: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    if not isinstance(found, list):
        raise Unavailable(f"{call}: answered without a list of {name}")
    return [row for row in found if isinstance(row, dict)]


def _word(
    row: Mapping[str, Any], run: RunRef, name: str, is_ours: Callable[[tuple[str, ...]], bool], now: float
) -> JobQueued | JobMoved | None:
    """A row of the list has the fields of the webhook's `workflow_job`; one that can not be read says nothing."""
    document = {
        "action": row.get("status"),
        "workflow_job": row,
        "repository": {"full_name": run.repository, "url": f"{run.server}/repos/{run.repository}"},
        "installation": {"id": run.installation_id},
    }
    try:
        word = webhook.said(document, now, is_ours, {run.server: name})
    except Rejected:
        return None
    if isinstance(word, webhook.Ignored):
        return None
    return replace(word, intake=Intake.SCAN) if isinstance(word, JobQueued) else word
