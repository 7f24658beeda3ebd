"""REST routes of the approvals that a run waits for."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import datetime

from controller.local.github.account import WEB, Json, node_id
from controller.local.github.api import NOT_FOUND, Gate, invalid
from controller.local.github.api_runs import ACTIONS
from controller.local.github.job import Status
from controller.local.github.payloads import stamp
from controller.local.github.runbook import Entry
from controller.local.github.runs_seen import RunsSeen
from controller.local.github.web import Request, Response, Route


class DeploymentRoutes:
    """Looking at what waits, and deciding it."""

    def __init__(self, seen: RunsSeen, clock: Callable[[], datetime]) -> None:
        self._seen = seen
        self._clock = clock

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        pending = ACTIONS + "/runs/{run_id}/pending_deployments"
        return [
            gate.installation("GET", pending, self._seen.locked(self._pending)),
            gate.installation("POST", pending, self._seen.locked(self._decide)),
        ]

    def _pending(self, request: Request) -> Response:
        entry = self._seen.run(request)
        return Response(200, [self._item(entry, name) for name in _waited_for(entry)]) if entry else NOT_FOUND

    def _decide(self, request: Request) -> Response:
        entry, body = self._seen.run(request), request.json()
        if entry is None:
            return NOT_FOUND
        asked, state = body.get("environment_ids"), body.get("state")
        known = {_id_of(name): name for name in _waited_for(entry)}
        if not isinstance(asked, list) or not asked or not all(type(each) is int and each in known for each in asked):
            return invalid("Validation Failed: environment_ids names an environment that does not wait.")
        if state not in ("approved", "rejected"):
            return invalid("Validation Failed: state is not included in the list")
        names = [known[each] for each in asked]
        self._seen.runbook.approve(entry, names, approved=state == "approved")
        return Response(200, [self._deployment(entry, name) for name in names])

    def _item(self, entry: Entry, name: str) -> Json:
        repository = f"{self._seen.place_of(entry).api}/repos/{entry.repository.full_name}"
        return {
            "environment": {
                "id": _id_of(name),
                "node_id": node_id("Environment", _id_of(name)),
                "name": name,
                "url": f"{repository}/environments/{name}",
                "html_url": f"{WEB}/{entry.repository.full_name}/deployments/activity_log",
            },
            "wait_timer": 0,
            "wait_timer_started_at": None,
            "current_user_can_approve": True,
            "reviewers": [],
        }

    def _deployment(self, entry: Entry, name: str) -> Json:
        place, facts = self._seen.place_of(entry), entry.facts()
        repository = f"{place.api}/repos/{entry.repository.full_name}"
        number = (entry.run.id + _id_of(name)) % 1_000_000_007
        return {
            "id": number,
            "node_id": node_id("Deployment", number),
            "url": f"{repository}/deployments/{number}",
            "sha": facts.head_sha,
            "ref": facts.head_branch,
            "task": "deploy",
            "payload": {},
            "environment": name,
            "description": None,
            "creator": place.sender.document(place.api),
            "created_at": stamp(facts.created_at),
            "updated_at": stamp(self._clock()),
            "statuses_url": f"{repository}/deployments/{number}/statuses",
            "repository_url": repository,
        }


def _waited_for(entry: Entry) -> list[str]:
    return sorted({job.environment for job in entry.run.jobs if job.status is Status.WAITING})


def _id_of(environment: str) -> int:
    return 161_171_787 + zlib.crc32(environment.encode()) % 1_000_003
