"""The REST routes of GitHub that the platform uses: who may call them, and what every answer carries."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from controller.local.github.account import Json
from controller.local.github.identity import Identity, Unauthorized
from controller.local.github.ratelimit import RateLimits
from controller.local.github.web import Handler, Request, Response, Route

_MEDIA_TYPE = "github.v3; format=json"
DOCS = "https://docs.github.com/rest"
Answer = Callable[[Request], Response]


def refusal(status: int, message: str, **more: object) -> Response:
    """An error as GitHub words it."""
    body: Json = {"message": message, **more, "documentation_url": DOCS, "status": str(status)}
    return Response(status, body)


NOT_FOUND = refusal(404, "Not Found")


def invalid(message: str) -> Response:
    """A body that GitHub cannot process."""
    return refusal(422, message)


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets a caller through to a route: the App by its JWT, an installation by its token."""

    identity: Identity
    limits: RateLimits
    owner: str
    """The account the installation covers."""
    repositories: frozenset[str]

    def app(self, method: str, template: str, answer: Answer) -> Route:
        """A route for the App itself."""
        return Route(method, template, self._guard(self._app_caller, answer))

    def installation(self, method: str, template: str, answer: Answer, resource: str = "core") -> Route:
        """A route for an installation, within the account it is installed on."""
        return Route(method, template, self._guard(self._installation_caller, answer, resource))

    def _guard(self, caller_of: Callable[[Request], str], answer: Answer, resource: str = "core") -> Handler:
        def handler(request: Request) -> Response:
            headers = {
                "X-GitHub-Request-Id": uuid.uuid4().hex[:16].upper(),
                "X-GitHub-Media-Type": "github.v3; format=json",
            }
            if not request.headers.get("user-agent"):
                return _with(refusal(403, "Request forbidden by administrative rules."), headers, "")
            try:
                caller = caller_of(request)
            except Unauthorized as error:
                return _with(refusal(401, str(error)), headers, "")
            allowed, counted = self.limits.spend(caller, resource)
            if not allowed:
                return _with(refusal(403, f"API rate limit exceeded for {caller}."), {**headers, **counted}, caller)
            response = answer(request) if self._covers(request.params) else NOT_FOUND
            return _with(response, {**headers, **counted}, caller)

        return handler

    def _app_caller(self, request: Request) -> str:
        self.identity.check_app(request.bearer)
        return f"app {self.identity.app_id}"

    def _installation_caller(self, request: Request) -> str:
        return f"installation {self.identity.installation(request.bearer)}"

    def _covers(self, params: Mapping[str, str]) -> bool:
        """GitHub hides what a token does not reach behind 404."""
        owner = params.get("owner") or params.get("org") or self.owner
        return owner.lower() == self.owner.lower() and params.get("repo", "").lower() in self.repositories | {""}


def _with(response: Response, headers: Mapping[str, str], caller: str) -> Response:
    return replace(response, headers={**headers, **response.headers}, caller=caller)


def page(request: Request, items: list[Json]) -> list[Json]:
    """The asked page of a list."""
    size = min(100, max(1, _number(request.query.get("per_page"), 30)))
    start = (max(1, _number(request.query.get("page"), 1)) - 1) * size
    return items[start : start + size]


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
