"""REST routes of self-hosted runners, for a repository and for the organisation."""

from __future__ import annotations

from collections.abc import Sequence

from controller.local.github.account import Json
from controller.local.github.api import NOT_FOUND, Answer, Gate, invalid, listed, refusal
from controller.local.github.registry import NameTaken, Registry, Runner
from controller.local.github.release import Release
from controller.local.github.web import Request, Response, Route

MOST_LABELS = 100
GROUP_ID = 1
"""The default runner group."""


class RunnerRoutes:
    """What `administration:write` allows."""

    def __init__(
        self, registry: Registry, releases: Sequence[Release], base_url: str, groups: Sequence[str] = ()
    ) -> None:
        self._registry = registry
        self._releases = releases
        self._base_url = base_url
        self._groups = dict(enumerate(("Default", *groups), GROUP_ID))

    def routes(self, gate: Gate) -> list[Route]:
        """All of them, twice; fixed paths before those with an id; and the organisation's runner groups."""
        twice = [route for scope in ("/repos/{owner}/{repo}", "/orgs/{org}") for route in self._scoped(gate, scope)]
        return [*twice, gate.installation("GET", "/orgs/{org}/actions/runner-groups", self._runner_groups)]

    def _runner_groups(self, request: Request) -> Response:
        found = [
            {
                "id": number,
                "name": name,
                "visibility": "all",
                "default": number == GROUP_ID,
                "runners_url": f"{request.url}/{number}/runners",
                "inherited": False,
                "allows_public_repositories": False,
            }
            for number, name in self._groups.items()
        ]
        return listed(request, found, "runner_groups")

    def _scoped(self, gate: Gate, scope: str) -> list[Route]:
        base = f"{scope}/actions/runners"
        plain: list[tuple[str, str, Answer]] = [
            ("GET", base, self._list),
            ("GET", f"{base}/downloads", self._downloads),
            ("GET", base + "/{runner_id}", self._get),
            ("DELETE", base + "/{runner_id}", self._delete),
        ]
        register = ("POST", f"{base}/generate-jitconfig", self._generate, "actions_runner_registration")
        return [gate.installation(*register), *(gate.installation(*each) for each in plain)]

    def _generate(self, request: Request) -> Response:
        body = request.json()
        name, labels, group = body.get("name"), _labels(body.get("labels")), body.get("runner_group_id")
        if not isinstance(name, str) or not name:
            return invalid('Invalid request.\n\n"name" wasn\'t supplied.')
        if not isinstance(group, int):
            return invalid('Invalid request.\n\n"runner_group_id" wasn\'t supplied.')
        if not labels:
            return invalid(f"Invalid request.\n\nlabels must be 1 to {MOST_LABELS} strings.")
        if group != GROUP_ID and (group not in self._groups or "org" not in request.params):
            return NOT_FOUND
        try:
            runner = self._registry.register(name, labels, _scope(request), group)
        except NameTaken:
            return refusal(409, "Already exists - A runner with the name already exists.")
        config = self._registry.jit_config(runner, str(body.get("work_folder") or "_work"))
        return Response(201, {"runner": _document(runner), "encoded_jit_config": config})

    def _list(self, request: Request) -> Response:
        name = request.query.get("name")
        found = [each for each in self._visible(request) if name is None or each.name == name]
        return listed(request, [_document(each) for each in found], "runners")

    def _get(self, request: Request) -> Response:
        runner = self._find(request)
        return Response(200, _document(runner)) if runner else NOT_FOUND

    def _delete(self, request: Request) -> Response:
        runner = self._find(request)
        if runner is None:
            return NOT_FOUND
        if runner.job_id is not None:
            return invalid(f"Runner {runner.name} is currently running a job and cannot be deleted.")
        self._registry.remove(runner)
        return Response(204)

    def _downloads(self, _request: Request) -> Response:
        documents = [
            {
                "os": "linux",
                "architecture": release.architecture,
                "download_url": f"{self._base_url}{release.path}",
                "filename": release.filename,
                "sha256_checksum": release.sha256,
            }
            for release in self._releases
        ]
        return Response(200, documents)

    def _visible(self, request: Request) -> list[Runner]:
        scope = _scope(request)
        return [each for each in self._registry.runners if each.scope.lower() == scope.lower()]

    def _find(self, request: Request) -> Runner | None:
        return next((each for each in self._visible(request) if str(each.id) == request.params["runner_id"]), None)


def _labels(labels: object) -> list[str]:
    """The labels asked for; empty when GitHub would not take them."""
    if not isinstance(labels, list) or not 1 <= len(labels) <= MOST_LABELS:
        return []
    texts = [label for label in labels if isinstance(label, str) and label]
    return texts if len(texts) == len(labels) else []


def _scope(request: Request) -> str:
    params = request.params
    return params["org"] if "org" in params else f"{params['owner']}/{params['repo']}"


def _document(runner: Runner) -> Json:
    return {
        "id": runner.id,
        "name": runner.name,
        "os": "linux" if runner.session else "unknown",
        "status": "online" if runner.session else "offline",
        "busy": runner.job_id is not None,
        "ephemeral": True,
        "runner_group_id": runner.group_id,
        "labels": [{"id": n, "name": label, "type": "custom"} for n, label in enumerate(runner.labels, 1)],
    }
