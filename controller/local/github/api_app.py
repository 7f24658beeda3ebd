"""REST routes of the App itself: installation tokens and the log of webhook deliveries."""

from __future__ import annotations

import json

from controller.local.github.account import Json
from controller.local.github.api import NOT_FOUND, Gate, page
from controller.local.github.identity import Identity
from controller.local.github.payloads import stamp
from controller.local.github.web import Request, Response, Route
from controller.local.github.webhooks import Delivery, Webhooks, headers

_PERMISSIONS = {"actions": "write", "administration": "write", "checks": "write", "metadata": "read"}


class AppRoutes:
    """What an App calls with its JWT."""

    def __init__(self, identity: Identity, installation_id: int, webhooks: Webhooks) -> None:
        self._identity = identity
        self._installation_id = installation_id
        self._webhooks = webhooks

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        deliveries = "/app/hook/deliveries"
        return [
            gate.app("POST", "/app/installations/{installation_id}/access_tokens", self._token),
            gate.app("GET", deliveries, self._deliveries),
            gate.app("GET", deliveries + "/{delivery_id}", self._delivery),
            gate.app("POST", deliveries + "/{delivery_id}/attempts", self._redeliver),
        ]

    def _token(self, request: Request) -> Response:
        if request.params["installation_id"] != str(self._installation_id):
            return NOT_FOUND
        token = self._identity.mint(self._installation_id)
        body: Json = {
            "token": token.token,
            "expires_at": stamp(token.expires_at),
            "permissions": _PERMISSIONS,
            "repository_selection": "all",
        }
        return Response(201, body)

    def _deliveries(self, request: Request) -> Response:
        """Newest first; `cursor` is the id of the last one seen."""
        wanted = request.query.get("status", "")
        cursor = request.query.get("cursor", "")
        found = [
            each
            for each in sorted(self._webhooks.deliveries, key=lambda each: each.id, reverse=True)
            if (not wanted or each.succeeded == (wanted == "success")) and (not cursor or each.id < int(cursor))
        ]
        shown = page(request, [_item(each) for each in found])
        if len(shown) < len(found):
            link = f'<{request.path}?per_page={len(shown)}&cursor={shown[-1]["id"]}>; rel="next"'
            return Response(200, shown, {"Link": link})
        return Response(200, shown)

    def _delivery(self, request: Request) -> Response:
        found = [each for each in self._webhooks.deliveries if str(each.id) == request.params["delivery_id"]]
        return Response(200, self._full(found[0])) if found else NOT_FOUND

    def _redeliver(self, request: Request) -> Response:
        delivery_id = request.params["delivery_id"]
        known = delivery_id.isdigit() and self._webhooks.redeliver(int(delivery_id))
        return Response(202, {}) if known else NOT_FOUND

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
