"""REST routes of check runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from controller.local.github.account import WEB, Json, Repository, node_id
from controller.local.github.api import NOT_FOUND, Gate, invalid, listed
from controller.local.github.commits import SHA, CheckRun, Commits
from controller.local.github.payloads import stamp
from controller.local.github.repositories import Repositories
from controller.local.github.web import Request, Response, Route

CONCLUSIONS = frozenset(
    {"action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"}
)
STATUSES = frozenset({"queued", "in_progress", "completed"})
MOST_ANNOTATIONS = 50
LONGEST_TEXT = 65_535
_SLUG = "spotrunner"
_INSTALLED = "2024-01-09T08:30:00Z"


class CheckRoutes:
    """What `checks:write` allows."""

    def __init__(
        self, commits: Commits, repositories: Repositories, app_id: int, clock: Callable[[], datetime]
    ) -> None:
        self._commits = commits
        self._repositories = repositories
        self._app_id = app_id
        self._clock = clock

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        repository = "/repos/{owner}/{repo}"
        one = repository + "/check-runs/{check_run_id}"
        return [
            gate.installation("POST", f"{repository}/check-runs", self._create),
            gate.installation("GET", one, self._get),
            gate.installation("PATCH", one, self._change),
            gate.installation("GET", repository + "/commits/{ref}/check-runs", self._list),
        ]

    def _create(self, request: Request) -> Response:
        body, repository = request.json(), self._repositories.of(request)
        name, sha = body.get("name"), body.get("head_sha")
        if not isinstance(name, str) or not name:
            return invalid('Invalid request.\n\n"name" wasn\'t supplied.')
        if not isinstance(sha, str) or not SHA.fullmatch(sha):
            return invalid(f"No commit found for SHA: {sha}")
        blank = CheckRun(
            id=self._commits.take_id(),
            repository=repository.full_name,
            head_sha=sha,
            name=name,
            status="queued",
            conclusion="",
            title="",
            summary="",
            text="",
            details_url="",
            external_id="",
            annotations=0,
            started_at=str(stamp(self._clock())),
            completed_at="",
            writes=0,
        )
        return self._store(request, blank, 201)

    def _change(self, request: Request) -> Response:
        found = self._find(request)
        return self._store(request, found, 200) if found else NOT_FOUND

    def _get(self, request: Request) -> Response:
        found = self._find(request)
        return Response(200, self._document(request, found)) if found else NOT_FOUND

    def _list(self, request: Request) -> Response:
        """Newest first; with `filter=latest`, GitHub's default, one for each name."""
        repository, query = self._repositories.of(request), request.query
        sha = self._commits.resolve(repository, request.params["ref"])
        found = [
            each for each in self._commits.check_runs if (each.repository, each.head_sha) == (repository.full_name, sha)
        ]
        for asked, field in (("check_name", "name"), ("status", "status")):
            found = [each for each in found if query.get(asked, "") in ("", getattr(each, field))]
        if query.get("app_id", str(self._app_id)) != str(self._app_id):
            found = []
        if query.get("filter", "latest") == "latest":
            found = list({each.name: each for each in found}.values())
        return listed(request, [self._document(request, each) for each in reversed(found)], "check_runs")

    def _store(self, request: Request, check: CheckRun, status: int) -> Response:
        changed = _changed(check, request.json(), str(stamp(self._clock())))
        if isinstance(changed, str):
            return invalid(changed)
        self._commits.store(changed)
        return Response(status, self._document(request, changed))

    def _find(self, request: Request) -> CheckRun | None:
        repository, wanted = self._repositories.of(request), request.params["check_run_id"]
        return next(
            (
                each
                for each in self._commits.check_runs
                if str(each.id) == wanted and each.repository == repository.full_name
            ),
            None,
        )

    def _document(self, request: Request, check: CheckRun) -> Json:
        repository = self._repositories.of(request)
        url = f"{self._repositories.api}/repos/{check.repository}/check-runs/{check.id}"
        page = f"{WEB}/{check.repository}/runs/{check.id}"
        return {
            "id": check.id,
            "node_id": node_id("CheckRun", check.id),
            "head_sha": check.head_sha,
            "external_id": check.external_id,
            "url": url,
            "html_url": page,
            "details_url": check.details_url or page,
            "status": check.status,
            "conclusion": check.conclusion or None,
            "started_at": check.started_at or None,
            "completed_at": check.completed_at or None,
            "output": {
                "title": check.title or None,
                "summary": check.summary or None,
                "text": check.text or None,
                "annotations_count": check.annotations,
                "annotations_url": f"{url}/annotations",
            },
            "name": check.name,
            "check_suite": {"id": check.id % 1_000_000_007},
            "app": self._app(repository),
            "pull_requests": [],
        }

    def _app(self, repository: Repository) -> Json:
        return {
            "id": self._app_id,
            "slug": _SLUG,
            "node_id": node_id("App", self._app_id),
            "owner": repository.organisation.owner.document(self._repositories.api),
            "name": "SpotRunner",
            "description": "",
            "external_url": f"{WEB}/apps/{_SLUG}",
            "html_url": f"{WEB}/apps/{_SLUG}",
            "created_at": _INSTALLED,
            "updated_at": _INSTALLED,
            "permissions": {"checks": "write", "metadata": "read"},
            "events": ["workflow_job"],
        }


def _changed(check: CheckRun, body: Mapping[str, object], now: str) -> CheckRun | str:
    """The check run with what a body says; or what is wrong with the body."""
    output = body.get("output", {})
    wrong = _wrong(body, output, asked=("title", "summary") if check.writes == 0 else ("summary",))
    if wrong or not isinstance(output, dict):
        return wrong
    conclusion = _text(body, "conclusion", check.conclusion)
    status = "completed" if "conclusion" in body else _text(body, "status", check.status)
    if status == "completed" and not conclusion:
        return 'Invalid request.\n\n"conclusion" is missing for status: completed.'
    ended = status == "completed"
    return replace(
        check,
        name=_text(body, "name", check.name),
        status=status,
        conclusion=conclusion if ended else "",
        title=_text(output, "title", check.title),
        summary=_text(output, "summary", check.summary),
        text=_text(output, "text", check.text),
        details_url=_text(body, "details_url", check.details_url),
        external_id=_text(body, "external_id", check.external_id),
        # An update adds its annotations to those before.
        annotations=check.annotations + len(_items(output.get("annotations"))),
        started_at=_text(body, "started_at", check.started_at),
        completed_at=_text(body, "completed_at", check.completed_at or now) if ended else "",
        writes=check.writes + 1,
    )


def _wrong(body: Mapping[str, object], output: object, asked: Sequence[str]) -> str:
    for name, allowed in (("status", STATUSES), ("conclusion", CONCLUSIONS)):
        if name in body and body[name] not in allowed:
            return f"Invalid request.\n\n{body[name]!r} is not a member of {sorted(allowed)}."
    if not isinstance(output, dict):
        return "Invalid request.\n\noutput is not an object."
    if output and (missing := [name for name in asked if not output.get(name)]):
        return f'Invalid request.\n\n"{missing[0]}" wasn\'t supplied.'
    return _too_much(output)


def _too_much(output: Mapping[str, object]) -> str:
    if any(len(str(output.get(name, ""))) > LONGEST_TEXT for name in ("summary", "text")):
        return f"Invalid request.\n\nOnly {LONGEST_TEXT} characters are allowed."
    if len(_items(output.get("annotations"))) > MOST_ANNOTATIONS:
        return f"Invalid request.\n\nNo more than {MOST_ANNOTATIONS} items are allowed."
    return ""


def _text(document: Mapping[str, object], name: str, former: str) -> str:
    return str(document[name] or "") if name in document else former


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []
