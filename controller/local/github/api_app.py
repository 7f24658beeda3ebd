"""REST routes of an App itself: its installations and their tokens, and the log of webhook deliveries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from controller.local.github.account import WEB, Json, Organisation
from controller.local.github.api import NOT_FOUND, Gate, invalid, links, listed, page_size
from controller.local.github.config import Installation
from controller.local.github.identity import Identity
from controller.local.github.payloads import stamp
from controller.local.github.web import Request, Response, Route
from controller.local.github.webhooks import Delivery, Webhooks, headers

KEPT = timedelta(days=3)
"""How long a delivery can be seen and sent again."""
_INSTALLED = "2024-01-09T08:30:00Z"
_CURSOR = "v1_"
_PERMISSIONS = {
    "actions": "write",
    "administration": "write",
    "checks": "write",
    "contents": "read",
    "metadata": "read",
    "organization_self_hosted_runners": "write",
    "statuses": "write",
}


class AppRoutes:
    """What an App calls with its JWT; only the first one has a webhook."""

    def __init__(
        self,
        identity: Identity,
        apps: Mapping[int, Sequence[Installation]],
        owners: Mapping[str, Organisation],
        webhooks: Webhooks,
        clock: Callable[[], datetime],
    ) -> None:
        """`apps`: each App's installations; `owners`: the organisations by their logins."""
        self._identity = identity
        self._apps = apps
        self._owners = owners
        self._webhooks = webhooks
        self._clock = clock

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        deliveries = "/app/hook/deliveries"
        return [
            gate.app("GET", "/app/installations", self._list),
            gate.app("GET", "/app/installations/{installation_id}", self._get),
            gate.app("GET", "/orgs/{org}/installation", self._of_organisation),
            gate.app("GET", "/repos/{owner}/{repo}/installation", self._of_repository),
            gate.app("POST", "/app/installations/{installation_id}/access_tokens", self._token),
            gate.app("GET", deliveries, self._deliveries),
            gate.app("GET", deliveries + "/{delivery_id}", self._delivery),
            gate.app("POST", deliveries + "/{delivery_id}/attempts", self._redeliver),
        ]

    def _list(self, request: Request) -> Response:
        return listed(request, [self._document(request, each) for each in self._apps[request.app]])

    def _get(self, request: Request) -> Response:
        return self._first(request, lambda each: str(each.id) == request.params["installation_id"])

    def _of_organisation(self, request: Request) -> Response:
        return self._first(request, lambda each: each.organisation.lower() == request.params["org"].lower())

    def _of_repository(self, request: Request) -> Response:
        owner, name = request.params["owner"].lower(), request.params["repo"].lower()
        return self._first(
            request,
            lambda each: each.organisation.lower() == owner and name in {repo.lower() for repo in each.repositories},
        )

    def _first(self, request: Request, fits: Callable[[Installation], bool]) -> Response:
        found = next((each for each in self._apps[request.app] if fits(each)), None)
        return Response(200, self._document(request, found)) if found else NOT_FOUND

    def _token(self, request: Request) -> Response:
        wanted = request.params["installation_id"]
        if wanted not in {str(each.id) for each in self._apps[request.app]}:
            return NOT_FOUND
        token = self._identity.mint(int(wanted))
        body: Json = {
            "token": token.token,
            "expires_at": stamp(token.expires_at),
            "permissions": _PERMISSIONS,
            "repository_selection": "all",
        }
        return Response(201, body)

    def _deliveries(self, request: Request) -> Response:
        """Newest first; `cursor` goes on after the last one seen."""
        wanted, cursor = request.query.get("status", ""), request.query.get("cursor", "").removeprefix(_CURSOR)
        if cursor and not cursor.isdecimal():
            return invalid(f"Invalid cursor: {cursor}")
        found = [
            each
            for each in reversed(self._kept(request))
            if (not wanted or each.succeeded == (wanted == "success")) and (not cursor or each.id < int(cursor))
        ]
        shown = found[: page_size(request)]
        more = {**request.query, "cursor": f"{_CURSOR}{shown[-1].id}"} if len(shown) < len(found) else {}
        return Response(200, [_item(each) for each in shown], links(request, {"next": more} if more else {}))

    def _delivery(self, request: Request) -> Response:
        found = self._find(request)
        return Response(200, self._full(found)) if found else NOT_FOUND

    def _redeliver(self, request: Request) -> Response:
        found = self._find(request)
        if found is None:
            return NOT_FOUND
        self._webhooks.redeliver(found.id)
        return Response(202, {})

    def _find(self, request: Request) -> Delivery | None:
        return next((each for each in self._kept(request) if str(each.id) == request.params["delivery_id"]), None)

    def _kept(self, request: Request) -> list[Delivery]:
        if request.app != self._identity.app_id:
            return []
        oldest = self._clock() - KEPT
        kept = [each for each in self._webhooks.deliveries if each.delivered_at >= oldest]
        return sorted(kept, key=lambda each: each.id)

    def _full(self, delivery: Delivery) -> Json:
        sent = {
            name: value
            for name, value in headers(delivery, self._identity.app_id, "").items()
            if not name.startswith("X-Hub-Signature")
        }
        return {
            **_item(delivery),
            "url": self._webhooks.url,
            "request": {"headers": sent, "payload": json.loads(delivery.body)},
            "response": {"headers": {}, "payload": delivery.answer},
        }

    def _document(self, request: Request, installation: Installation) -> Json:
        api = request.url.removesuffix(request.path)
        organisation = self._owners[installation.organisation]
        return {
            "id": installation.id,
            "account": organisation.owner.document(api),
            "app_id": request.app,
            "app_slug": "spotrunner",
            "target_id": organisation.id,
            "target_type": "Organization",
            "repository_selection": "all",
            "access_tokens_url": f"{api}/app/installations/{installation.id}/access_tokens",
            "repositories_url": f"{api}/installation/repositories",
            "html_url": f"{WEB}/organizations/{organisation.login}/settings/installations/{installation.id}",
            "permissions": _PERMISSIONS,
            "events": ["workflow_job"],
            "created_at": _INSTALLED,
            "updated_at": _INSTALLED,
            "single_file_name": None,
            "suspended_by": None,
            "suspended_at": None,
        }


def _item(delivery: Delivery) -> Json:
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": stamp(delivery.delivered_at),
        "redelivery": delivery.redelivery,
        "duration": delivery.duration_s,
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action or None,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
    }
