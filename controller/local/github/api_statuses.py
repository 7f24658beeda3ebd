"""REST routes of commit statuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from controller.local.github.account import Json, Person, node_id
from controller.local.github.api import NOT_FOUND, Gate, invalid, listed, page_size
from controller.local.github.commits import SHA, Commits, CommitStatus
from controller.local.github.payloads import stamp
from controller.local.github.repositories import Repositories
from controller.local.github.web import Request, Response, Route

STATES = ("error", "failure", "pending", "success")
LONGEST_DESCRIPTION = 140
MOST = 1_000
"""Statuses of one context on one commit."""


class StatusRoutes:
    """What `statuses:write` allows."""

    def __init__(self, commits: Commits, repositories: Repositories, clock: Callable[[], datetime]) -> None:
        self._commits = commits
        self._repositories = repositories
        self._clock = clock

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        repository = "/repos/{owner}/{repo}"
        return [
            gate.installation("POST", repository + "/statuses/{sha}", self._create),
            gate.installation("GET", repository + "/commits/{ref}/status", self._combined),
            gate.installation("GET", repository + "/commits/{ref}/statuses", self._list),
        ]

    def _create(self, request: Request) -> Response:
        body, sha = request.json(), request.params["sha"]
        repository = self._repositories.of(request).full_name
        state, context = str(body.get("state", "")), str(body.get("context") or "default")
        description = str(body.get("description") or "")
        same = [each for each in self._on(repository, sha) if each.context == context]
        if not SHA.fullmatch(sha):
            return invalid(f"No commit found for SHA: {sha}")
        if state not in STATES:
            return invalid("Validation Failed: state is not included in the list")
        if len(description) > LONGEST_DESCRIPTION:
            return invalid(f"Validation Failed: description is too long (maximum is {LONGEST_DESCRIPTION} characters)")
        if len(same) >= MOST:
            return invalid("Validation Failed: This SHA and context has reached the maximum number of statuses.")
        status = CommitStatus(
            id=self._commits.take_id(),
            repository=repository,
            sha=sha,
            state=state,
            context=context,
            description=description,
            target_url=str(body.get("target_url") or ""),
            created_at=self._clock(),
        )
        self._commits.add(status)
        return Response(201, self._document(status))

    def _list(self, request: Request) -> Response:
        """Newest first."""
        found = self._asked(request)
        return listed(request, [self._document(each) for each in reversed(found)])

    def _combined(self, request: Request) -> Response:
        """The latest of each context, and what they come to."""
        repository = self._repositories.of(request)
        sha = self._commits.resolve(repository, request.params["ref"])
        if not sha:
            return NOT_FOUND
        latest = list({each.context: each for each in self._asked(request)}.values())
        url = f"{self._repositories.api}/repos/{repository.full_name}/commits/{sha}"
        body: Json = {
            "state": _worst([each.state for each in latest]),
            "sha": sha,
            "total_count": len(latest),
            "statuses": [self._document(each) for each in latest[: page_size(request)]],
            "repository": repository.document(self._repositories.api),
            "commit_url": url,
            "url": f"{url}/status",
        }
        return Response(200, body)

    def _asked(self, request: Request) -> list[CommitStatus]:
        repository = self._repositories.of(request)
        return self._on(repository.full_name, self._commits.resolve(repository, request.params["ref"]))

    def _on(self, repository: str, sha: str) -> list[CommitStatus]:
        return [each for each in self._commits.statuses if (each.repository, each.sha) == (repository, sha)]

    def _document(self, status: CommitStatus) -> Json:
        return {
            "url": f"{self._repositories.api}/repos/{status.repository}/statuses/{status.sha}",
            "avatar_url": None,
            "id": status.id,
            "node_id": node_id("StatusContext", status.id),
            "state": status.state,
            "description": status.description or None,
            "target_url": status.target_url or None,
            "context": status.context,
            "created_at": stamp(status.created_at),
            "updated_at": stamp(status.created_at),
            "creator": Person("spotrunner[bot]", 49_699_333, "Bot").document(self._repositories.api),
        }


def _worst(states: Sequence[str]) -> str:
    if {"error", "failure"} & set(states):
        return "failure"
    return "success" if states and set(states) == {"success"} else "pending"
