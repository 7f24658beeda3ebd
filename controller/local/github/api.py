"""The REST routes of GitHub that the platform uses: who may call them, and what every answer carries."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from controller.local.github.account import Json
from controller.local.github.config import Installation
from controller.local.github.identity import Identity, Unauthorized
from controller.local.github.ratelimit import RateLimits
from controller.local.github.trouble import Trouble
from controller.local.github.web import Handler, Request, Response, Route

_MEDIA_TYPE = "github.v3; format=json"
DOCS = "https://docs.github.com/rest"
_FAULTS = {500: "Server Error", 502: "Server Error", 503: "Service Unavailable", 504: "Gateway Timeout"}
_OK, _NOT_MODIFIED = 200, 304
Answer = Callable[[Request], Response]


def refusal(status: int, message: str, **more: object) -> Response:
    """An error as GitHub words it."""
    body: Json = {"message": message, **more, "documentation_url": DOCS, "status": str(status)}
    return Response(status, body)


NOT_FOUND = refusal(404, "Not Found")


def invalid(message: str) -> Response:
    """A body that GitHub cannot process."""
    return refusal(422, message)


def faulty(status: int) -> Response:
    """An answer of a GitHub that is not well."""
    return refusal(status, _FAULTS.get(status, "Server Error"))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an App, or one of its installations."""

    name: str
    installation: int = 0
    app: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets a caller through to a route: an App by its JWT, an installation by its token."""

    identity: Identity
    limits: RateLimits
    trouble: Trouble
    installations: Sequence[Installation]

    def app(self, method: str, template: str, answer: Answer) -> Route:
        """A route for the App itself."""
        return Route(method, template, self._guard(self._app_caller, Route(method, template, answer), "core"))

    def installation(self, method: str, template: str, answer: Answer, resource: str = "core") -> Route:
        """A route for an installation, within the account it is installed on."""

        def within(request: Request) -> Response:
            return answer(request) if self._covers(request) else NOT_FOUND

        inner = Route(method, template, within)
        return Route(method, template, self._guard(self._installation_caller, inner, resource))

    def _guard(self, caller_of: Callable[[Request], Caller], route: Route, resource: str) -> Handler:
        def handler(request: Request) -> Response:
            headers = {"X-GitHub-Request-Id": uuid.uuid4().hex[:16].upper(), "X-GitHub-Media-Type": _MEDIA_TYPE}
            if not request.headers.get("user-agent"):
                return _with(refusal(403, "Request forbidden by administrative rules."), headers)
            try:
                caller = caller_of(request)
            except Unauthorized as error:
                return _with(refusal(401, str(error)), headers)
            with self.limits.under_way(caller.name):
                verdict = self.limits.spend(caller.name, resource, f"{route.method} {route.template}")
                headers |= verdict.headers
                if verdict.status:
                    return _with(refusal(verdict.status, verdict.message), headers, caller)
                asked = replace(request, installation=caller.installation, app=caller.app)
                response = _tagged(request, self._answer(route, asked))
                if response.status == _NOT_MODIFIED:
                    headers |= self.limits.refund(caller.name, resource)
                return _with(response, headers, caller)

        return handler

    def _answer(self, route: Route, request: Request) -> Response:
        failure = self.trouble.take(route.template)
        response = route.handler(request) if failure is None or failure.done else NOT_FOUND
        return response if failure is None else faulty(failure.status)

    def _app_caller(self, request: Request) -> Caller:
        app_id = self.identity.check_app(request.bearer)
        return Caller(f"app {app_id}", app=app_id)

    def _installation_caller(self, request: Request) -> Caller:
        installation = self.identity.installation(request.bearer)
        return Caller(f"installation {installation}", installation)

    def _covers(self, request: Request) -> bool:
        """GitHub hides what a token does not reach behind 404."""
        installation = next(each for each in self.installations if each.id == request.installation)
        params = request.params
        owner = params.get("owner") or params.get("org") or installation.organisation
        names = {name.lower() for name in installation.repositories} | {""}
        return owner.lower() == installation.organisation.lower() and params.get("repo", "").lower() in names


def _tagged(request: Request, response: Response) -> Response:
    """A read with the tag of what it says; nothing but the tag for who has seen it."""
    if request.method != "GET" or response.status != _OK:
        return response
    tag = f'W/"{hashlib.sha256(response.payload()).hexdigest()}"'
    if request.headers.get("if-none-match") == tag:
        return Response(_NOT_MODIFIED, None, {"ETag": tag})
    return replace(response, headers={**response.headers, "ETag": tag})


def _with(response: Response, headers: Mapping[str, str], caller: Caller | None = None) -> Response:
    return replace(response, headers={**headers, **response.headers}, caller=caller.name if caller else "")


def listed(request: Request, items: Sequence[object], name: str = "") -> Response:
    """The asked page of a list, under a name beside its length; with links to the pages around it."""
    size, number = page_size(request), max(1, _number(request.query.get("page"), 1))
    shown = list(items[(number - 1) * size : number * size])
    last = max(1, -(-len(items) // size))
    around = {"first": 1, "prev": min(number - 1, last)} if number > 1 else {}
    around |= {"next": number + 1, "last": last} if number < last else {}
    pages = {relation: {**request.query, "page": str(to)} for relation, to in around.items()}
    return Response(200, {"total_count": len(items), name: shown} if name else shown, links(request, pages))


def links(request: Request, pages: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The `Link` header for each relation's query; none where there are no relations."""
    if not pages:
        return {}
    texts = [f'<{request.url}?{urlencode(query)}>; rel="{relation}"' for relation, query in pages.items()]
    return {"Link": ", ".join(texts)}


def page_size(request: Request) -> int:
    """How many items of a list were asked for."""
    return min(100, max(1, _number(request.query.get("per_page"), 30)))


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default
